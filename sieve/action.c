/*
 * The commands of a script.
 */
#include <string.h>

#include "program.h"

/*
 * Actions.
 */

/* `/` and `.` both separate. */
static bool
same_folder(const char *a, const char *b)
{
	for (; *a != '\0'; a++, b++)
		if (*a != *b && !(is_one_of(*a, "./") && is_one_of(*b, "./")))
			return false;
	return *a == *b;
}

static struct sieve_action *
find_action(struct sieve_result *r, enum sieve_kind kind, const char *folder)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->actions[i].kind == kind &&
		    same_folder(r->actions[i].folder, folder))
			return &r->actions[i];
	return NULL;
}

/*
 * The action of that kind and folder at the end of the list, so that what
 * was asked for last is last.  NULL: the run has failed.
 */
static struct sieve_action *
put_action(struct run *r, enum sieve_kind kind, const char *folder)
{
	static const struct sieve_action fresh;
	struct sieve_result *result = r->result;
	struct sieve_action *last = result->actions + result->n, *a, moved;

	if (result->n > 0 && (kind == SIEVE_REJECT ||
	    result->actions[0].kind == SIEVE_REJECT)) {
		run_fail(r, kind == result->actions[0].kind ?
		    "the message is refused already, on line %u" :
		    "a message is delivered or refused, not both: see line "
		    "%u", result->actions[0].line);
		return NULL;
	}
	if ((a = find_action(result, kind, folder)) != NULL) {
		moved = *a;
		memmove(a, a + 1, (size_t)(last - 1 - a) * sizeof(*a));
		*--last = moved;
		return last;
	}
	if (result->n == SIEVE_ACTIONS) {
		run_fail(r, "more than %d different actions", SIEVE_ACTIONS);
		return NULL;
	}
	result->n++;
	*last = fresh;
	last->kind = kind;
	last->line = r->at->line;
	memcpy(last->folder, folder, strlen(folder) + 1);
	return last;
}

/* Flags of the command, or those that the script has set so far. */
static bool
put_flags(struct run *r, const struct node *n, struct sieve_action *a)
{
	struct str set = { "", 0 };

	if ((n->tags & TAG_FLAGS) == 0)
		set = r->flags;
	else if (!flags_add(r, &set, &n->flags))
		return false;
	flags_letters(&set, a->flags);
	return true;
}

void
action_keep(struct run *r, const struct node *n)
{
	struct sieve_action *a;

	r->keeps = false;
	if ((a = put_action(r, SIEVE_KEEP, "")) != NULL)
		(void)put_flags(r, n, a);
}

void
action_implicit_keep(struct run *r)
{
	struct sieve_action *a;

	/* A copy for the inbox is what it would bring, with its own flags. */
	if (find_action(r->result, SIEVE_FILEINTO, "INBOX") != NULL)
		return;
	if ((a = put_action(r, SIEVE_KEEP, "")) == NULL)
		return;
	a->implicit = true;
	(void)put_flags(r, r->at, a);
}

const char *
folder_wrong(const struct str *name)
{
	bool empty = true;
	size_t i;

	if (name->len >= SIEVE_FOLDER)
		return "it is too long";
	if (!utf8_is_valid(name))
		return "it is not UTF-8";
	for (i = 0; i < name->len; i++) {
		if ((unsigned char)name->s[i] < ' ' || name->s[i] == 0x7f)
			return "there is a control character in it";
		if (name->s[i] != '.' && name->s[i] != '/')
			empty = false;
		else if (empty)
			return "a part of it is empty";
		else
			empty = true;
	}
	return empty ? "a part of it is empty" : NULL;
}

void
action_fileinto(struct run *r, const struct node *n)
{
	struct str *s = run_expand(r, &n->list[0]);
	char folder[SIEVE_FOLDER];
	size_t before = r->result->n;
	struct sieve_action *a;
	const char *wrong;

	if (s == NULL)
		return;
	if ((wrong = folder_wrong(s)) != NULL) {
		run_fail(r, "the folder \"%.*s\" cannot be: %s",
		    SHOWN(s), wrong);
		return;
	}
	memcpy(folder, s->s, s->len);
	folder[s->len] = '\0';
	if (str_is(s, "INBOX"))
		memcpy(folder, "INBOX", s->len);
	if ((a = put_action(r, SIEVE_FILEINTO, folder)) == NULL ||
	    !put_flags(r, n, a))
		return;
	/*
	 * As in Pigeonhole, the first for a folder says whether it is to be
	 * made, and whether it is a copy beside the implicit keep.
	 */
	if (r->result->n == before)
		return;
	a->create = (n->tags & TAG_CREATE) != 0;
	if ((n->tags & TAG_COPY) == 0)
		r->keeps = false;
}

void
action_discard(struct run *r, const struct node *n)
{
	(void)n;
	r->keeps = false;
}

/*
 * The text as the client may get it: lines end in LF, and what is no UTF-8
 * or a control character has become `?`, since it can come from a header, and
 * a tab a blank.
 */
void
action_reject(struct run *r, const struct node *n)
{
	struct str *s = run_expand(r, &n->list[0]);
	char *reason = r->result->reason;
	size_t i, used, len = 0;

	if (s == NULL || put_action(r, SIEVE_REJECT, "") == NULL)
		return;
	r->keeps = false;
	for (i = 0; i < s->len; i += used) {
		used = utf8_valid(s->s + i, s->len - i);
		if (s->s[i] == '\r')
			continue;
		if (len + used >= SIEVE_REASON) {
			run_fail(r, "the text has more than %d bytes",
			    SIEVE_REASON - 1);
			return;
		}
		memcpy(reason + len, s->s + i, used);
		if (s->s[i] == '\t')
			reason[len] = ' ';
		else if (used == 0 || (used == 1 && s->s[i] != '\n' &&
		    (s->s[i] < ' ' || s->s[i] == 0x7f))) {
			reason[len] = '?';
			used = 1;
		}
		len += used;
	}
	while (len > 0 && reason[len - 1] == '\n')
		len--;
	reason[len] = '\0';
}

/*
 * Variables.
 */
static struct str *
variable(struct run *r, const struct list *name)
{
	const struct piece *p = name->values[0].pieces;

	return p->kind == PIECE_GLOBAL ? &r->globals[p->index] :
	    &r->frame->variables[p->index];
}

static void
change_case(char *s, size_t len, bool upper)
{
	char first = upper ? 'a' : 'A', last = upper ? 'z' : 'Z';
	size_t i;

	for (i = 0; i < len; i++)
		if (s[i] >= first && s[i] <= last)
			s[i] ^= 'a' ^ 'A';
}

/* A backslash before what means something to :matches. */
static bool
quote(struct run *r, struct str *s)
{
	char *buf = run_take(r, &r->scratch, 2 * s->len), *out = buf;
	size_t i;

	if (buf == NULL)
		return false;
	for (i = 0; i < s->len; i++) {
		if (s->s[i] == '*' || s->s[i] == '?' || s->s[i] == '\\')
			*out++ = '\\';
		*out++ = s->s[i];
	}
	s->s = buf;
	s->len = (size_t)(out - buf);
	return true;
}

/* Characters of s, in decimal. */
static bool
count_characters(struct run *r, struct str *s)
{
	char digits[24], *buf;
	size_t at = sizeof(digits), i, n = 0;

	for (i = 0; i < s->len; i += utf8_length(s->s + i, s->len - i))
		n++;
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	s->len = sizeof(digits) - at;
	if ((buf = run_take(r, &r->scratch, s->len)) == NULL)
		return false;
	memcpy(buf, digits + at, s->len);
	s->s = buf;
	return true;
}

/* Modifiers are applied in the order of RFC 5229, section 4.1. */
void
action_set(struct run *r, const struct node *n)
{
	struct str *s = run_expand(r, &n->list[1]), kept;
	char *buf;

	if (s == NULL)
		return;
	if ((n->tags & (TAG_CASE | TAG_FIRST)) != 0 && s->len > 0) {
		if ((buf = run_take(r, &r->scratch, s->len)) == NULL)
			return;
		memcpy(buf, s->s, s->len);
		if ((n->tags & TAG_CASE) != 0)
			change_case(buf, s->len, n->upper);
		if ((n->tags & TAG_FIRST) != 0)
			change_case(buf, 1, n->upper_first);
		s->s = buf;
	}
	if ((n->tags & TAG_QUOTE) != 0 && !quote(r, s))
		return;
	if ((n->tags & TAG_LENGTH) != 0 && !count_characters(r, s))
		return;
	if (run_step(r, s->len / 16) && run_keep(r, s, &kept))
		*variable(r, &n->list[0]) = kept;
}

/* setflag, addflag, removeflag. */
void
action_flags(struct run *r, const struct node *n)
{
	struct str *set = n->names.n == 0 ? &r->flags :
	    variable(r, &n->names), changed = { "", 0 };
	bool done;

	if (n->verb->name[0] != 's')
		changed = *set;
	done = n->verb->name[0] == 'r' ?
	    flags_remove(r, &changed, &n->list[0]) :
	    flags_add(r, &changed, &n->list[0]);
	if (done)
		*set = changed;
}

/* mark, unmark: addflag and removeflag of one flag. */
void
action_mark(struct run *r, const struct node *n)
{
	struct value flag = { { "\\flagged", 8 }, NULL };
	struct list list = { &flag, 1 };

	if (n->verb->name[0] == 'm')
		(void)flags_add(r, &r->flags, &list);
	else
		(void)flags_remove(r, &r->flags, &list);
}

/*
 * What comes next.
 */
void
action_if(struct run *r, const struct node *n)
{
	for (; n != NULL; n = n->otherwise) {
		r->at = n;
		if (n->tests == NULL || test_run(r, n->tests)) {
			run_block(r, n->block);
			return;
		}
		if (r->result->failed)
			return;
	}
}

void
action_include(struct run *r, const struct node *n)
{
	if (n->script == NULL ||
	    ((n->tags & TAG_ONCE) != 0 && r->once[n->script->index]))
		return;
	run_script(r, n->script);
}

void
action_return(struct run *r, const struct node *n)
{
	(void)n;
	r->returned = true;
}

void
action_stop(struct run *r, const struct node *n)
{
	(void)n;
	r->stopped = true;
}

void
action_error(struct run *r, const struct node *n)
{
	struct str *s = run_expand(r, &n->list[0]);

	if (s != NULL)
		run_fail(r, "%.*s", (int)(s->len < 1024 ? s->len : 1024),
		    s->s);
}

/* require and global have done their part when they were compiled. */
void
action_nothing(struct run *r, const struct node *n)
{
	(void)r;
	(void)n;
}
