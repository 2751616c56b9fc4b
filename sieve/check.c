/*
 * A script's nodes against what there is: arguments and tags get their
 * meaning here, so that a run need not doubt them.  Tests that can only be
 * true or false, ihave before all (RFC 5463), decide what is looked at: what
 * cannot be reached may use what nobody knows, and is taken out.
 */
#include <stdlib.h>
#include <string.h>

#include "program.h"

static const struct {
	char		 name[28];
	unsigned int	 bit;
} extensions[] = {
	{ "body",		EXT_BODY },
	{ "comparator-i;ascii-casemap", 0 },
	{ "comparator-i;ascii-numeric", EXT_NUMERIC },
	{ "comparator-i;octet",	0 },
	{ "copy",		EXT_COPY },
	{ "date",		EXT_DATE },
	{ "encoded-character",	EXT_ENCODED },
	{ "envelope",		EXT_ENVELOPE },
	{ "environment",	EXT_ENVIRONMENT },
	{ "ereject",		EXT_EREJECT },
	{ "fileinto",		EXT_FILEINTO },
	{ "ihave",		EXT_IHAVE },
	{ "imap4flags",		EXT_IMAP4FLAGS },
	{ "imapflags",		EXT_IMAPFLAGS },
	{ "include",		EXT_INCLUDE },
	{ "index",		EXT_INDEX },
	{ "mailbox",		EXT_MAILBOX },
	{ "regex",		EXT_REGEX },
	{ "reject",		EXT_REJECT },
	{ "relational",		EXT_RELATIONAL },
	{ "subaddress",		EXT_SUBADDRESS },
	{ "variables",		EXT_VARIABLES },
};

/* A tag's parameter, as a verb's arguments have letters. */
enum parameter { NOTHING, NUMBER = 'n', STRING = 's', STRINGS = 'l' };

/* By name: a tag, the one of TAG_ that it is, and what it means there. */
static const struct tag {
	char		 name[16];
	unsigned int	 bit;
	unsigned int	 extension;
	enum parameter	 parameter;
	int		 meaning;
} tags[] = {
	{ "all",	TAG_PART, 0, NOTHING, PART_ALL },
	{ "comparator",	TAG_COMPARATOR, 0, STRING, NOTHING },
	{ "contains",	TAG_MATCH, 0, NOTHING, MATCH_CONTAINS },
	{ "content",	TAG_TRANSFORM, 0, STRINGS, BODY_CONTENT },
	{ "copy",	TAG_COPY, EXT_COPY, NOTHING, NOTHING },
	{ "count",	TAG_MATCH, EXT_RELATIONAL, STRING, MATCH_COUNT },
	{ "create",	TAG_CREATE, EXT_MAILBOX, NOTHING, NOTHING },
	{ "detail",	TAG_PART, EXT_SUBADDRESS, NOTHING, PART_DETAIL },
	{ "domain",	TAG_PART, 0, NOTHING, PART_DOMAIN },
	{ "flags",	TAG_FLAGS, EXT_IMAP4FLAGS, STRINGS, NOTHING },
	{ "global",	TAG_LOCATION, 0, NOTHING, true },
	{ "index",	TAG_INDEX, EXT_INDEX, NUMBER, NOTHING },
	{ "is",		TAG_MATCH, 0, NOTHING, MATCH_IS },
	{ "last",	TAG_LAST, EXT_INDEX, NOTHING, NOTHING },
	{ "length",	TAG_LENGTH, 0, NOTHING, NOTHING },
	{ "localpart",	TAG_PART, 0, NOTHING, PART_LOCALPART },
	{ "lower",	TAG_CASE, 0, NOTHING, false },
	{ "lowerfirst",	TAG_FIRST, 0, NOTHING, false },
	{ "matches",	TAG_MATCH, 0, NOTHING, MATCH_MATCHES },
	{ "once",	TAG_ONCE, 0, NOTHING, NOTHING },
	{ "optional",	TAG_OPTIONAL, 0, NOTHING, NOTHING },
	{ "originalzone", TAG_ORIGINAL, 0, NOTHING, NOTHING },
	{ "over",	TAG_LIMIT, 0, NOTHING, true },
	{ "personal",	TAG_LOCATION, 0, NOTHING, false },
	{ "quotewildcard", TAG_QUOTE, 0, NOTHING, NOTHING },
	{ "raw",	TAG_TRANSFORM, 0, NOTHING, BODY_RAW },
	{ "regex",	TAG_MATCH, EXT_REGEX, NOTHING, MATCH_REGEX },
	{ "text",	TAG_TRANSFORM, 0, NOTHING, BODY_TEXT },
	{ "under",	TAG_LIMIT, 0, NOTHING, false },
	{ "upper",	TAG_CASE, 0, NOTHING, true },
	{ "upperfirst",	TAG_FIRST, 0, NOTHING, true },
	{ "user",	TAG_PART, EXT_SUBADDRESS, NOTHING, PART_USER },
	{ "value",	TAG_MATCH, EXT_RELATIONAL, STRING, MATCH_VALUE },
	{ "zone",	TAG_ZONE, 0, STRING, NOTHING },
};

static const struct {
	char		 name[16];
	enum comparator	 comparator;
	unsigned int	 extension;
} comparators[] = {
	{ "i;ascii-casemap",	COMPARE_CASEMAP, 0 },
	{ "i;ascii-numeric",	COMPARE_NUMERIC, EXT_NUMERIC },
	{ "i;octet",		COMPARE_OCTET, 0 },
};

static const struct {
	char		 name[4];
	enum relation	 relation;
} relations[] = {
	{ "eq", REL_EQ }, { "ge", REL_GE }, { "gt", REL_GT },
	{ "le", REL_LE }, { "lt", REL_LT }, { "ne", REL_NE },
};

/*
 * Arguments.
 */
static const char *
kind_name(const struct argument *a)
{
	switch (a->kind) {
	case ARGUMENT_NUMBER:
		return "a number";
	case ARGUMENT_STRING:
		return "a string";
	case ARGUMENT_LIST:
		return "a list of strings";
	case ARGUMENT_TAG:
		return "a tag";
	}
	return "";
}

/* What a letter among a verb's arguments stands for, in a sentence. */
static const char *
letter_name(char kind)
{
	return kind == 'n' ? "a number" : kind == 's' ? "a string" :
	    "a string or a list of them";
}

/* Is the argument what a letter among a verb's arguments stands for? */
static bool
is_kind(const struct argument *a, char kind)
{
	switch (a->kind) {
	case ARGUMENT_NUMBER:
		return kind == 'n';
	case ARGUMENT_STRING:
		return kind == 's' || kind == 'l';
	case ARGUMENT_LIST:
		return kind == 'l';
	case ARGUMENT_TAG:
		break;
	}
	return false;
}

static bool
compile_list(struct compiler *c, const struct argument *a, struct list *list)
{
	size_t i;

	*list = a->list;
	for (i = 0; i < list->n; i++)
		if (!value_compile(c, &list->values[i], a))
			return false;
	return true;
}

static bool
set_comparator(struct compiler *c, struct node *n, const struct argument *a)
{
	const struct str *name = &a->list.values[0].source;
	size_t i;

	for (i = 0; i < nitems(comparators); i++)
		if (str_is(name, comparators[i].name))
			break;
	if (i == nitems(comparators))
		return FAIL(a, "unknown comparator \"%.*s\"", SHOWN(name));
	if ((comparators[i].extension & ~c->script->extensions) != 0)
		return FAIL(a, "this comparator wants require "
		    "\"comparator-%s\"", comparators[i].name);
	n->comparator = comparators[i].comparator;
	return true;
}

static bool
set_relation(struct compiler *c, struct node *n, const struct argument *a)
{
	const struct str *name = &a->list.values[0].source;
	size_t i;

	for (i = 0; i < nitems(relations); i++)
		if (name->len == 2 &&
		    memcmp(name->s, relations[i].name, 2) == 0) {
			n->relation = relations[i].relation;
			return true;
		}
	return FAIL(a, "a relation is one of \"gt\", \"ge\", \"lt\", \"le\", "
	    "\"eq\" and \"ne\", not \"%.*s\"", SHOWN(name));
}

/* The tag's meaning to where it belongs; a is its parameter, or NULL. */
static bool
set_meaning(struct compiler *c, struct node *n, const struct tag *t,
    const struct argument *a)
{
	switch (t->bit) {
	case TAG_COMPARATOR:
		return set_comparator(c, n, a);
	case TAG_MATCH:
		n->match = (enum match)t->meaning;
		return a == NULL || set_relation(c, n, a);
	case TAG_PART:
		n->part = (enum part)t->meaning;
		return true;
	case TAG_TRANSFORM:
		n->transform = (enum body_transform)t->meaning;
		return a == NULL || compile_list(c, a, &n->types);
	case TAG_FLAGS:
		return compile_list(c, a, &n->flags);
	case TAG_ZONE:
		return compile_list(c, a, &n->zone);
	case TAG_INDEX:
		n->number = a->number;
		return n->number > 0 || FAIL(a, "\":index\" counts from 1");
	case TAG_CASE:
		n->upper = t->meaning;
		return true;
	case TAG_FIRST:
		n->upper_first = t->meaning;
		return true;
	case TAG_LIMIT:
		n->over = t->meaning;
		return true;
	case TAG_LOCATION:
		n->global = t->meaning;
		return true;
	default:
		return true;
	}
}

/* The first that has one of these bits: each bit is an extension's. */
static const char *
extension_name(unsigned int bits)
{
	size_t i = 0;

	while ((extensions[i].bit & bits) == 0)
		i++;
	return extensions[i].name;
}

/* The tag *a with its parameter, behind which *a goes. */
static bool
check_tag(struct compiler *c, struct node *n, struct argument **a)
{
	const struct argument *name = *a;
	const struct tag *t;

	t = bsearch(&name->tag, tags, nitems(tags), sizeof(*tags),
	    str_compare);
	if (t == NULL || (n->verb->tags & t->bit) == 0)
		return FAIL(name, "\"%s\" has no tag \":%.*s\"",
		    n->verb->name, SHOWN(&name->tag));
	if ((t->extension & ~c->script->extensions) != 0)
		return FAIL(name, "\":%s\" wants require \"%s\"", t->name,
		    extension_name(t->extension));
	if ((n->tags & t->bit) != 0)
		return FAIL(name, "\":%s\" comes behind another tag of its "
		    "kind", t->name);
	n->tags |= t->bit;
	*a = name->next;
	if (t->parameter == NOTHING)
		return set_meaning(c, n, t, NULL);
	if (*a == NULL)
		return FAIL(name, "\":%s\" wants %s", t->name,
		    letter_name((char)t->parameter));
	if (!is_kind(*a, (char)t->parameter))
		return FAIL(*a, "\":%s\" wants %s, not %s", t->name,
		    letter_name((char)t->parameter), kind_name(*a));
	name = *a;
	*a = name->next;
	return set_meaning(c, n, t, name);
}

/* Positional arguments, one for each letter of the verb. */
static bool
check_positional(struct compiler *c, struct node *n, const struct argument *a)
{
	const char *kind;
	size_t i = 0;

	for (kind = n->verb->arguments; *kind != '\0'; kind++) {
		if (a == NULL)
			return FAIL(n, "argument %zu of \"%s\", %s, is missing",
			    i + 1, n->verb->name, letter_name(*kind));
		if (a->kind == ARGUMENT_TAG)
			return FAIL(a, "the tag \":%.*s\" must come before "
			    "the other arguments", SHOWN(&a->tag));
		if (!is_kind(a, *kind))
			return FAIL(a, "argument %zu of \"%s\" is to be %s, "
			    "not %s", i + 1, n->verb->name,
			    letter_name(*kind), kind_name(a));
		if (*kind == 'n')
			n->number = a->number;
		else if (!compile_list(c, a, &n->list[i]))
			return false;
		i++;
		a = a->next;
	}
	return a == NULL || FAIL(a, "\"%s\" has an argument too many",
	    n->verb->name);
}

/* Flags, before which the names of variables may stand. */
static bool
check_flags(struct compiler *c, struct node *n, struct argument *a)
{
	bool is_test = n->verb->test != NULL;
	struct argument *flags = a;
	size_t i;

	if (a != NULL && a->next != NULL)
		flags = a->next;
	if (a == NULL || flags->next != NULL)
		return FAIL(n, "\"%s\" wants flags, or a variable and flags",
		    n->verb->name);
	if (!is_kind(flags, 'l'))
		return FAIL(flags, "\"%s\" wants flags, not %s",
		    n->verb->name, kind_name(flags));
	if (flags != a) {
		if (!is_kind(a, is_test ? 'l' : 's'))
			return FAIL(a, "\"%s\" wants a variable, not %s",
			    n->verb->name, kind_name(a));
		if ((c->script->extensions & EXT_VARIABLES) == 0)
			return FAIL(a, "flags in a variable want require "
			    "\"variables\"");
		n->names = a->list;
		for (i = 0; i < a->list.n; i++)
			if (!value_compile_name(c, &a->list.values[i], a,
			    !is_test))
				return false;
	}
	return compile_list(c, flags, &n->list[0]);
}

/* What only some matches can do, and regular expressions that are known. */
static bool
check_match(struct compiler *c, struct node *n)
{
	const struct list *keys;
	bool pattern = n->match == MATCH_MATCHES || n->match == MATCH_REGEX;
	const char *wrong;
	struct str s;
	size_t i;

	if (n->comparator == COMPARE_NUMERIC &&
	    (pattern || n->match == MATCH_CONTAINS))
		return FAIL(n, "the comparator \"i;ascii-numeric\" compares "
		    "numbers, not parts of a string");
	if (!pattern)
		return true;
	keys = &n->list[strlen(n->verb->arguments) - 1];
	if (n->match == MATCH_REGEX && (n->regexes = compiler_take(c,
	    keys->n * sizeof(struct regex *))) == NULL)
		return false;
	for (i = 0; i < keys->n; i++) {
		if (!value_is_constant(&keys->values[i], &s))
			continue;
		if (s.len > PATTERN)
			return FAIL(n, "a pattern has more than %d bytes",
			    PATTERN);
		if (n->match == MATCH_REGEX && (n->regexes[i] = regex_compile(
		    &c->program->arena, &s, n->comparator != COMPARE_OCTET,
		    &wrong)) == NULL)
			return FAIL(n, "regular expression \"%.*s\": %s",
			    SHOWN(&s), wrong == NULL ? "too large" : wrong);
	}
	return true;
}

static bool
check_arguments(struct compiler *c, struct node *n)
{
	struct argument *a = n->arguments;

	/* As in Pigeonhole, case matters in a test of strings. */
	n->comparator = n->verb->test == test_string ? COMPARE_OCTET :
	    COMPARE_CASEMAP;
	n->transform = BODY_TEXT;
	while (a != NULL && a->kind == ARGUMENT_TAG)
		if (!check_tag(c, n, &a))
			return false;
	if (n->verb->arguments[0] == 'f' ? !check_flags(c, n, a) :
	    !check_positional(c, n, a))
		return false;
	if ((n->tags & TAG_LAST) != 0 && (n->tags & TAG_INDEX) == 0)
		return FAIL(n, "\":last\" wants \":index\"");
	return check_match(c, n);
}

/*
 * Commands and tests.
 */

/* A node by itself, before those within it are looked at. */
static bool
check_form(struct compiler *c, struct node *n, bool is_test)
{
	const struct verb *v = verb_find(&n->name, is_test);

	if (v == NULL && verb_find(&n->name, !is_test) != NULL)
		return FAIL(n, is_test ? "\"%.*s\" is a command, not a test" :
		    "\"%.*s\" is a test, not a command", SHOWN(&n->name));
	if (v == NULL)
		return FAIL(n, is_test ? "unknown test \"%.*s\"" :
		    "unknown command \"%.*s\"", SHOWN(&n->name));
	if (v->extensions != 0 && (v->extensions & c->script->extensions) == 0)
		return FAIL(n, "\"%s\" wants require \"%s\"", v->name,
		    extension_name(v->extensions));
	n->verb = v;
	if (!check_arguments(c, n))
		return false;
	if (v->tests == TESTS_NONE && n->in_parentheses)
		return FAIL(n, "\"%s\" has no tests of its own", v->name);
	if (v->tests == TESTS_NONE && n->tests != NULL)
		return FAIL(n->tests, is_test ? "a '{', ',' or ')' is missing "
		    "before \"%.*s\"" : "a ';' is missing before \"%.*s\"",
		    SHOWN(&n->tests->name));
	if (v->tests == TESTS_ONE && (n->tests == NULL || n->in_parentheses))
		return FAIL(n, "\"%s\" wants one test", v->name);
	if (v->tests == TESTS_LIST && !n->in_parentheses)
		return FAIL(n, "\"%s\" wants tests in parentheses", v->name);
	if (v->has_block && !n->has_block)
		return FAIL(n, "\"%s\" wants a block", v->name);
	if (!v->has_block && n->has_block)
		return FAIL(n, "\"%s\" has no block", v->name);
	return true;
}

static bool
check_node(struct compiler *c, struct node *n, bool is_test)
{
	return check_form(c, n, is_test) &&
	    (n->verb->check == NULL || n->verb->check(c, n));
}

/*
 * Commands one behind the other.  elsif and else go from there to what they
 * follow, unless they are never reached; nor is a block looked at that is not.
 */
bool
check_commands(struct compiler *c, struct node *first)
{
	struct node *n, *next, *last = NULL, *chain = NULL;
	bool decided = false, follows;

	for (n = first; n != NULL; n = next) {
		next = n->next;
		follows = str_is(&n->name, "elsif") ||
		    str_is(&n->name, "else");
		if (follows && chain == NULL)
			return FAIL(n, "\"%.*s\" must follow \"if\" or "
			    "\"elsif\"", SHOWN(&n->name));
		if (!str_is(&n->name, "require"))
			c->may_require = false;
		if (!follows)
			decided = false;
		if (decided ? !check_form(c, n, false) :
		    !check_node(c, n, false))
			return false;
		if (n->truth == TRUTH_FALSE)
			n->block = NULL;
		if (!decided && !check_commands(c, n->block))
			return false;
		if (follows && last != NULL) {
			last->next = next;
			if (!decided)
				chain->otherwise = n;
		} else
			last = n;
		if (!decided)
			chain = n->verb->tests == TESTS_ONE ? n : NULL;
		else if (str_is(&n->name, "else"))
			chain = NULL;
		if (n->truth == TRUTH_TRUE)
			decided = true;
	}
	return true;
}

bool
check_condition(struct compiler *c, struct node *n)
{
	if (!check_node(c, n->tests, true))
		return false;
	n->truth = n->tests->truth;
	return true;
}

bool
check_not(struct compiler *c, struct node *n)
{
	if (!check_condition(c, n))
		return false;
	if (n->truth != TRUTH_UNKNOWN)
		n->truth = n->truth == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
	return true;
}

/* The tests behind one that decides are left out. */
static bool
check_tests(struct compiler *c, struct node *n, enum truth decides)
{
	struct node *t;

	n->truth = decides == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
	for (t = n->tests; t != NULL; t = t->next) {
		if (!check_node(c, t, true))
			return false;
		if (t->truth == decides) {
			n->truth = decides;
			t->next = NULL;
		} else if (t->truth == TRUTH_UNKNOWN)
			n->truth = TRUTH_UNKNOWN;
	}
	return true;
}

bool
check_anyof(struct compiler *c, struct node *n)
{
	return check_tests(c, n, TRUTH_TRUE);
}

bool
check_allof(struct compiler *c, struct node *n)
{
	return check_tests(c, n, TRUTH_FALSE);
}

bool
check_true(struct compiler *c, struct node *n)
{
	(void)c;
	n->truth = TRUTH_TRUE;
	return true;
}

bool
check_false(struct compiler *c, struct node *n)
{
	(void)c;
	n->truth = TRUTH_FALSE;
	return true;
}

/*
 * What is required.
 */

/* The bit of an extension; false if there is none of that name. */
static bool
find_extension(const struct str *name, unsigned int *bit)
{
	size_t i;

	for (i = 0; i < nitems(extensions); i++)
		if (name->len == strlen(extensions[i].name) &&
		    memcmp(name->s, extensions[i].name, name->len) == 0) {
			*bit = extensions[i].bit;
			return true;
		}
	return false;
}

static bool
add_extensions(struct compiler *c, const struct node *n, unsigned int bits)
{
	static const unsigned int both = EXT_IMAPFLAGS | EXT_IMAP4FLAGS;

	c->script->extensions |= bits;
	if ((c->script->extensions & both) == both)
		return FAIL(n, "\"imapflags\" and \"imap4flags\" exclude "
		    "each other");
	return true;
}

bool
check_require(struct compiler *c, struct node *n)
{
	const struct str *name;
	unsigned int bits = 0, bit;
	size_t i;

	if (!c->may_require)
		return FAIL(n, "\"require\" must come before all other "
		    "commands");
	for (i = 0; i < n->list[0].n; i++) {
		name = &n->list[0].values[i].source;
		if (!find_extension(name, &bit))
			return FAIL(n->arguments, "require \"%.*s\" is not "
			    "supported", SHOWN(name));
		bits |= bit;
	}
	return add_extensions(c, n, bits);
}

/*
 * What is there is as good as required from here on; but not what changes the
 * meaning of strings, as those of the script have been read by then.
 */
bool
check_ihave(struct compiler *c, struct node *n)
{
	static const unsigned int strings = EXT_ENCODED | EXT_VARIABLES;
	unsigned int bits = 0, bit;
	size_t i;

	n->truth = TRUTH_FALSE;
	for (i = 0; i < n->list[0].n; i++) {
		if (!find_extension(&n->list[0].values[i].source, &bit) ||
		    (bit & strings) != 0)
			return true;
		bits |= bit;
	}
	n->truth = TRUTH_TRUE;
	return add_extensions(c, n, bits);
}

/*
 * What else can be known before a run.
 */
bool
check_size(struct compiler *c, struct node *n)
{
	return (n->tags & TAG_LIMIT) != 0 ||
	    FAIL(n, "\"size\" wants \":over\" or \":under\"");
}

bool
check_date(struct compiler *c, struct node *n)
{
	return (n->tags & TAG_ZONE) == 0 || (n->tags & TAG_ORIGINAL) == 0 ||
	    FAIL(n, "\":zone\" and \":originalzone\" exclude each other");
}

bool
check_set(struct compiler *c, struct node *n)
{
	return value_compile_name(c, &n->list[0].values[0], n->arguments,
	    true);
}

bool
check_address(struct compiler *c, struct node *n)
{
	struct str name;
	size_t i;

	for (i = 0; i < n->list[0].n; i++)
		if (value_is_constant(&n->list[0].values[i], &name) &&
		    !address_is_field(&name))
			return FAIL(n, "\"address\" does not know the field "
			    "\"%.*s\"", SHOWN(&name));
	return true;
}

bool
check_envelope(struct compiler *c, struct node *n)
{
	struct str name;
	size_t i;

	for (i = 0; i < n->list[0].n; i++)
		if (value_is_constant(&n->list[0].values[i], &name) &&
		    !str_is(&name, "from") && !str_is(&name, "to") &&
		    !str_is(&name, "auth"))
			return FAIL(n, "the envelope has no part \"%.*s\"",
			    SHOWN(&name));
	return true;
}

bool
check_fileinto(struct compiler *c, struct node *n)
{
	struct str name;

	if (value_is_constant(&n->list[0].values[0], &name) &&
	    !utf8_is_valid(&name))
		return FAIL(n, "the folder's name is not UTF-8");
	return true;
}

bool
check_global(struct compiler *c, struct node *n)
{
	size_t i;

	if ((c->script->extensions & EXT_VARIABLES) == 0)
		return FAIL(n, "\"global\" wants require \"variables\"");
	for (i = 0; i < n->list[0].n; i++)
		if (!value_declare_global(c, &n->list[0].values[i],
		    n->arguments))
			return false;
	return true;
}
