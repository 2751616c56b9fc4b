/*
 * The tests of a script.  A test of strings goes through what the message
 * has for it, value by value, until one is what a key says.
 */
#include <stdio.h>
#include <string.h>

#include "program.h"

/* What values are compared with. */
struct matcher {
	struct run	*run;
	const struct node *node;
	const struct str *keys;
	struct regex	**regexes;	/* of the keys */
	size_t		 nkeys;
	bool		 captures;	/* sets the match values */
	struct str	 date_part;
	uint64_t	 count;		/* of the values, for :count */
	bool		 found;
};

/* Those of constant keys are the node's; the others are made for this test. */
static bool
compile_regexes(struct matcher *m)
{
	struct run *r = m->run;
	const struct str *key;
	const char *wrong;
	size_t i;

	if ((m->regexes = run_take(r, &r->scratch,
	    m->nkeys * sizeof(struct regex *))) == NULL)
		return false;
	for (i = 0; i < m->nkeys; i++) {
		key = &m->keys[i];
		if ((m->regexes[i] = m->node->regexes[i]) == NULL &&
		    (m->regexes[i] = regex_compile(&r->scratch, key,
		    m->node->comparator != COMPARE_OCTET, &wrong)) == NULL)
			return run_fail(r, "regular expression \"%.*s\": %s",
			    SHOWN(key),
			    wrong == NULL ? "too large" : wrong);
	}
	return true;
}

static bool
matcher_init(struct matcher *m, struct run *r, const struct node *n,
    const struct list *keys)
{
	size_t i;

	memset(m, 0, sizeof(*m));
	m->run = r;
	m->node = n;
	m->nkeys = keys->n;
	m->captures = n->verb->test != test_body &&
	    (r->frame->script->extensions & EXT_VARIABLES) != 0 &&
	    (n->match == MATCH_MATCHES || n->match == MATCH_REGEX);
	if ((m->keys = run_expand(r, keys)) == NULL)
		return false;
	if (n->match != MATCH_MATCHES && n->match != MATCH_REGEX)
		return true;
	for (i = 0; i < keys->n; i++)
		if (m->keys[i].len > PATTERN)
			return run_fail(r, "a pattern has more than %d bytes",
			    PATTERN);
	return n->match != MATCH_REGEX || compile_regexes(m);
}

static bool
relation_holds(enum relation relation, int compared)
{
	switch (relation) {
	case REL_GT:
		return compared > 0;
	case REL_GE:
		return compared >= 0;
	case REL_LT:
		return compared < 0;
	case REL_LE:
		return compared <= 0;
	case REL_EQ:
		return compared == 0;
	case REL_NE:
		return compared != 0;
	}
	return false;
}

/* Is value what key number i says? */
static bool
key_matches(struct matcher *m, const struct str *value, size_t i,
    struct captures *cap)
{
	const struct node *n = m->node;
	const struct str *key = &m->keys[i];
	struct run *r = m->run;
	int compared;

	switch (n->match) {
	case MATCH_CONTAINS:
		return match_contains(n->comparator, value, key, &r->budget);
	case MATCH_MATCHES:
		return match_wildcard(n->comparator, value, key, cap,
		    &r->budget);
	case MATCH_REGEX:
		return regex_match(&r->scratch, m->regexes[i], value, cap,
		    &r->budget);
	case MATCH_IS:
	case MATCH_VALUE:
	case MATCH_COUNT:
		break;
	}
	if (!run_step(r, 1 + key->len / 64))
		return false;
	/* As in Pigeonhole; else "" is "foo", as both are infinite. */
	if (n->match == MATCH_IS && value->len == 0)
		return key->len == 0;
	compared = match_compare(n->comparator, value, key);
	return n->match == MATCH_IS ? compared == 0 :
	    relation_holds(n->relation, compared);
}

static bool
any_key_matches(struct matcher *m, const struct str *value)
{
	struct captures cap;
	size_t i;

	for (i = 0; i < m->nkeys && !m->run->result->failed; i++) {
		if (!key_matches(m, value, i, m->captures ? &cap : NULL))
			continue;
		m->found = !m->captures || run_captured(m->run, &cap);
		return m->found;
	}
	return false;
}

/* One value more.  True: no further one is wanted. */
static bool
matcher_value(struct matcher *m, const struct str *value)
{
	if (m->node->match != MATCH_COUNT)
		return any_key_matches(m, value) || m->run->result->failed;
	m->count++;
	return false;
}

/* All values were given: the outcome of the test. */
static bool
matcher_end(struct matcher *m)
{
	struct str count;
	char buf[24];

	if (m->node->match != MATCH_COUNT || m->run->result->failed)
		return m->found;
	count.s = buf;
	count.len = 0;
	number_put(buf, &count.len, (int64_t)m->count, 1);
	return any_key_matches(m, &count);
}

/*
 * Fields of the header.
 */
struct fields {
	struct run	*run;
	const struct str *names;
	size_t		 n;
	size_t		 pos;
};

/* The next field that has one of the names, the first name's before others. */
static bool
fields_next(struct fields *f, struct str *raw)
{
	size_t from = f->pos;
	bool found;

	for (; f->n > 0; f->names++, f->n--, f->pos = from = 0) {
		found = header_next(&f->run->message, &f->pos, f->names, NULL,
		    raw);
		if (!run_step(f->run, 1 + (f->pos - from) / 16))
			return false;
		if (found)
			return true;
	}
	return false;
}

/*
 * Gives use each field, or the one that :index names, until it says that it
 * is enough.  Without :index a date test looks at the first one only.
 */
static bool
each_field(struct matcher *m, const struct list *names,
    bool (*use)(struct matcher *, const struct str *))
{
	const struct node *n = m->node;
	struct fields f = { m->run, NULL, names->n, 0 }, all;
	struct str raw;
	uint64_t wanted = n->verb->test == test_date ? 1 : 0, i;

	if ((f.names = run_expand(m->run, names)) == NULL)
		return false;
	if ((n->tags & TAG_INDEX) != 0)
		wanted = n->number;
	if ((n->tags & TAG_LAST) != 0) {
		all = f;
		for (i = 1; fields_next(&all, &raw);)
			i++;
		if (wanted >= i)
			return matcher_end(m);
		wanted = i - wanted;
	}
	for (i = 1; fields_next(&f, &raw); i++) {
		if (i < wanted)
			continue;
		if (use(m, &raw) || i == wanted)
			break;
	}
	return matcher_end(m);
}

static bool
use_header(struct matcher *m, const struct str *raw)
{
	struct arena *a = &m->run->scratch;
	struct str text, decoded;

	if (header_unfold(a, raw, &text) == -1 ||
	    header_decode(a, &text, &decoded) == -1)
		return true;
	return matcher_value(m, &decoded);
}

bool
test_header(struct run *r, const struct node *n)
{
	struct matcher m;

	return matcher_init(&m, r, n, &n->list[1]) &&
	    each_field(&m, &n->list[0], use_header);
}

bool
test_exists(struct run *r, const struct node *n)
{
	struct str *names = run_expand(r, &n->list[0]), raw;
	struct fields f;
	size_t i;

	if (names == NULL)
		return false;
	for (i = 0; i < n->list[0].n; i++) {
		f = (struct fields){ r, &names[i], 1, 0 };
		if (!fields_next(&f, &raw))
			return false;
	}
	return true;
}

/*
 * Addresses.
 */
static bool
use_address(struct matcher *m, const struct addr *ad)
{
	const char *delimiters = m->run->view->delimiters;
	struct str part = ad->all;
	bool has = ad->has_parts;

	switch (m->node->part) {
	case PART_ALL:
		has = ad->all.s != NULL;
		break;
	case PART_LOCALPART:
		part = ad->localpart;
		break;
	case PART_DOMAIN:
		part = ad->domain;
		break;
	case PART_USER:
		has = has && address_user(ad, delimiters, &part);
		break;
	case PART_DETAIL:
		has = has && address_detail(ad, delimiters, &part);
		break;
	}
	/* What has no such part is counted all the same, as in Pigeonhole. */
	if (m->node->match == MATCH_COUNT)
		has = true;
	return has && matcher_value(m, &part);
}

static bool
use_addresses(struct matcher *m, const struct str *raw)
{
	struct arena *a = &m->run->scratch;
	struct addr *ad = NULL;
	struct str text;

	if (header_unfold(a, raw, &text) == -1 ||
	    address_parse(a, &text, &ad) == -1)
		return true;
	if (!run_step(m->run, text.len / 16))
		return true;
	for (; ad != NULL; ad = ad->next)
		if (use_address(m, ad))
			return true;
	return false;
}

bool
test_address(struct run *r, const struct node *n)
{
	struct matcher m;

	return matcher_init(&m, r, n, &n->list[1]) &&
	    each_field(&m, &n->list[0], use_addresses);
}

bool
test_envelope(struct run *r, const struct node *n)
{
	struct str *parts = run_expand(r, &n->list[0]);
	struct matcher m;
	struct addr *ad;
	const char *path;
	size_t i;

	if (parts == NULL || !matcher_init(&m, r, n, &n->list[1]))
		return false;
	for (i = 0; i < n->list[0].n; i++) {
		if (str_is(&parts[i], "from"))
			path = r->view->sender;
		else if (str_is(&parts[i], "to"))
			path = r->view->recipient;
		else
			continue;
		if (address_envelope(&r->scratch, path, &ad) == -1)
			return false;
		if (ad != NULL && use_address(&m, ad))
			break;
	}
	return matcher_end(&m);
}

/*
 * Dates.
 */
static bool
use_moment(struct matcher *m, struct sieve_date *d)
{
	const struct node *n = m->node;
	struct str text, *zone;

	if ((n->tags & TAG_ORIGINAL) == 0)
		d->zone = m->run->view->zone;
	if ((n->tags & TAG_ZONE) != 0) {
		if ((zone = run_expand(m->run, &n->zone)) == NULL)
			return true;
		/* If it is malformed the zone stays the local one. */
		(void)date_zone(zone, &d->zone);
	}
	if (date_part(&m->run->scratch, d, &m->date_part, &text) == -1)
		return true;
	return matcher_value(m, &text);
}

static bool
use_date(struct matcher *m, const struct str *raw)
{
	struct sieve_date d;
	struct str text;

	if (header_unfold(&m->run->scratch, raw, &text) == -1)
		return true;
	return date_parse(&text, &d) && use_moment(m, &d);
}

/* False: there is no such part, and no test of it is true. */
static bool
date_init(struct matcher *m, struct run *r, const struct node *n,
    const struct list *part, const struct list *keys)
{
	struct str *s;

	if (!matcher_init(m, r, n, keys) || (s = run_expand(r, part)) == NULL)
		return false;
	m->date_part = *s;
	return date_is_part(s);
}

bool
test_date(struct run *r, const struct node *n)
{
	struct matcher m;

	return date_init(&m, r, n, &n->list[1], &n->list[2]) &&
	    each_field(&m, &n->list[0], use_date);
}

bool
test_currentdate(struct run *r, const struct node *n)
{
	struct sieve_date d = { r->view->now.tv_sec, r->view->zone };
	struct matcher m;

	if (!date_init(&m, r, n, &n->list[0], &n->list[1]))
		return false;
	(void)use_moment(&m, &d);
	return matcher_end(&m);
}

/*
 * Other strings.
 */
bool
test_body(struct run *r, const struct node *n)
{
	struct str *types = run_expand(r, &n->types);
	struct body_part *p = NULL;
	struct matcher m;

	if (types == NULL || !matcher_init(&m, r, n, &n->list[0]))
		return false;
	if (body_parts(&r->scratch, &r->message, n->transform, types,
	    n->types.n, &r->budget, &p) == -1)
		return false;
	for (; p != NULL; p = p->next)
		if (matcher_value(&m, &p->text))
			break;
	return matcher_end(&m);
}

bool
test_string(struct run *r, const struct node *n)
{
	struct str *s = run_expand(r, &n->list[0]);
	struct matcher m;
	size_t i;

	if (s == NULL || !matcher_init(&m, r, n, &n->list[1]))
		return false;
	for (i = 0; i < n->list[0].n; i++) {
		/* RFC 5229, section 5: an empty string does not count. */
		if (n->match == MATCH_COUNT && s[i].len == 0)
			continue;
		if (matcher_value(&m, &s[i]))
			break;
	}
	return matcher_end(&m);
}

/* NULL: there is no such item.  As in Pigeonhole, case matters. */
static const char *
environment_item(const struct sieve_view *v, const struct str *name)
{
	const char *dot = strchr(v->host, '.');
	const struct {
		const char	*name;
		const char	*value;
	} items[] = {
		{ "domain", dot == NULL ? v->host : dot + 1 },
		{ "host", v->host },
		{ "location", "MDA" },
		{ "name", "lmtpd" },
		{ "phase", "during" },
		{ "remote-host", v->remote_host },
		{ "remote-ip", v->remote_ip },
		{ "version", v->version },
	};
	size_t i;

	for (i = 0; i < nitems(items); i++)
		if (name->len == strlen(items[i].name) &&
		    memcmp(name->s, items[i].name, name->len) == 0)
			return items[i].value;
	return NULL;
}

bool
test_environment(struct run *r, const struct node *n)
{
	struct str *name = run_expand(r, &n->list[0]), value;
	struct matcher m;

	if (name == NULL || !matcher_init(&m, r, n, &n->list[1]) ||
	    (value.s = environment_item(r->view, name)) == NULL)
		return false;
	value.len = strlen(value.s);
	(void)matcher_value(&m, &value);
	return matcher_end(&m);
}

/* The flags of one set; true: no further one is wanted. */
static bool
use_flags(struct matcher *m, struct str set)
{
	struct str flag;

	while (flags_next(&set, &flag))
		if (matcher_value(m, &flag))
			return true;
	return false;
}

/* With :is and :contains a key is a set itself, and each of its flags one. */
static bool
split_keys(struct matcher *m)
{
	struct str *keys, flag, rest;
	size_t i, n = 0;

	if (m->node->match != MATCH_IS && m->node->match != MATCH_CONTAINS)
		return true;
	for (i = 0; i < m->nkeys; i++)
		for (rest = m->keys[i]; flags_next(&rest, &flag);)
			n++;
	if ((keys = run_take(m->run, &m->run->scratch, n * sizeof(*keys))) ==
	    NULL)
		return false;
	for (i = n = 0; i < m->nkeys; i++)
		for (rest = m->keys[i]; flags_next(&rest, &flag);)
			keys[n++] = flag;
	m->keys = keys;
	m->nkeys = n;
	return true;
}

bool
test_hasflag(struct run *r, const struct node *n)
{
	struct matcher m;
	struct str *sets = run_expand(r, &n->names);
	size_t i;

	if (sets == NULL || !matcher_init(&m, r, n, &n->list[0]) ||
	    !split_keys(&m))
		return false;
	if (n->names.n == 0)
		(void)use_flags(&m, r->flags);
	for (i = 0; i < n->names.n; i++)
		if (use_flags(&m, sets[i]))
			break;
	return matcher_end(&m);
}

/*
 * The rest.
 */
bool
test_size(struct run *r, const struct node *n)
{
	return n->over ? r->view->size > n->number :
	    r->view->size < n->number;
}

bool
test_mailboxexists(struct run *r, const struct node *n)
{
	struct str *names = run_expand(r, &n->list[0]);
	char name[SIEVE_FOLDER];
	size_t i;

	if (names == NULL)
		return false;
	for (i = 0; i < n->list[0].n; i++) {
		if (str_is(&names[i], "INBOX"))
			continue;
		if (folder_wrong(&names[i]) != NULL || !run_step(r, 100))
			return false;
		memcpy(name, names[i].s, names[i].len);
		name[names[i].len] = '\0';
		if (!r->view->has_folder(r->view->arg, name))
			return false;
	}
	return true;
}

bool
test_true(struct run *r, const struct node *n)
{
	(void)r;
	return n->truth == TRUTH_TRUE;
}

bool
test_not(struct run *r, const struct node *n)
{
	return !test_run(r, n->tests);
}

bool
test_anyof(struct run *r, const struct node *n)
{
	const struct node *t;

	for (t = n->tests; t != NULL && !r->result->failed; t = t->next)
		if (test_run(r, t))
			return true;
	return false;
}

bool
test_allof(struct run *r, const struct node *n)
{
	const struct node *t;

	for (t = n->tests; t != NULL && !r->result->failed; t = t->next)
		if (!test_run(r, t))
			return false;
	return true;
}

bool
test_run(struct run *r, const struct node *n)
{
	bool outcome;

	if (!run_step(r, 1))
		return false;
	/* A test that can only be true, or false, sets no match values. */
	if (n->truth != TRUTH_UNKNOWN)
		return n->truth == TRUTH_TRUE;
	outcome = n->verb->test(r, n);
	return run_end(r) && outcome;
}
