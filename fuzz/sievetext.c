/*
 * What sieve/ reads of a stranger's text.  The first byte of an input says
 * which part of it, what follows is text, and where two are wanted they are
 * divided by the first line end.  The oracles: the wildcard matcher against a
 * table of all pairs of prefixes, regular expressions against libc's, and
 * that what is written anew is read as the same.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "../sieve/impl.h"

#define MUCH		10000000
#define SMALL		48		/* bytes, where the oracle is slow */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(bool good)
{
	if (!good)
		abort();
}

static bool
same(const struct str *a, const struct str *b)
{
	return a->len == b->len &&
	    (a->len == 0 || memcmp(a->s, b->s, a->len) == 0);
}

/* Is part in whole? */
static bool
is_within(const struct str *part, const struct str *whole)
{
	return part->len == 0 || (part->s >= whole->s &&
	    part->s + part->len <= whole->s + whole->len);
}

/* Divides text at its first line end. */
static void
divide(const struct str *text, struct str *first, struct str *second)
{
	const char *end = text->len == 0 ? NULL :
	    memchr(text->s, '\n', text->len);

	*first = *second = *text;
	first->len = end == NULL ? text->len : (size_t)(end - text->s);
	second->s += end == NULL ? text->len : first->len + 1;
	second->len -= end == NULL ? text->len : first->len + 1;
}

/* Does the pattern match, by whether each of its prefixes does? */
static bool
wildcard_by_table(const struct str *v, const struct str *p)
{
	bool ok[SMALL + 1] = { true }, next[SMALL + 1];
	size_t i, k, n;
	char c;

	for (i = 0; i < p->len; i++) {
		memset(next, 0, sizeof(next));
		c = p->s[i];
		for (k = 0; c == '*' && k <= v->len; k++)
			next[k] = ok[k] || (k > 0 && next[k - 1]);
		for (k = 0; c == '?' && k < v->len; k++) {
			n = utf8_length(v->s + k, v->len - k);
			next[k + n] |= ok[k];
		}
		if (c != '*' && c != '?') {
			if (c == '\\' && i + 1 < p->len)
				c = p->s[++i];
			for (k = 0; k < v->len; k++)
				next[k + 1] = ok[k] && v->s[k] == c;
		}
		memcpy(ok, next, sizeof(ok));
	}
	return ok[v->len];
}

static void
fuzz_wildcard(const struct str *text)
{
	struct budget b = { MUCH };
	struct captures cap;
	struct str p, v;
	size_t i;
	bool matched;

	divide(text, &p, &v);
	matched = match_wildcard(COMPARE_OCTET, &v, &p, &cap, &b);
	/* What is no whole character may be cut by a star, not by "?". */
	if (v.len <= SMALL && utf8_is_valid(&v) && utf8_is_valid(&p))
		check(matched == wildcard_by_table(&v, &p));
	for (i = 0; matched && i < cap.n; i++)
		check(is_within(&cap.text[i], &v));
	if (b.steps > 0)
		check(match_wildcard(COMPARE_OCTET, &v, &p, NULL, &b) ==
		    matched || b.steps == 0);
}

/*
 * libc's answer; strings of C, without what it copies for ever, and without
 * the begin and the end of a line where there are several: glibc finds them
 * though nobody asked for it.
 */
static void
check_regex(const struct str *p, const struct str *v, bool matched,
    const struct captures *cap)
{
	char pattern[SMALL + 1], value[SMALL + 1];
	regmatch_t m[1];
	regex_t re;

	if (p->len > SMALL || v->len > SMALL ||
	    memchr(p->s, '\0', p->len) != NULL ||
	    memchr(v->s, '\0', v->len) != NULL ||
	    memchr(p->s, '{', p->len) != NULL ||
	    memchr(p->s, '+', p->len) != NULL ||
	    ((memchr(p->s, '^', p->len) != NULL ||
	    memchr(p->s, '$', p->len) != NULL) &&
	    memchr(v->s, '\n', v->len) != NULL))
		return;
	memcpy(pattern, p->s, p->len);
	pattern[p->len] = '\0';
	memcpy(value, v->s, v->len);
	value[v->len] = '\0';
	if (regcomp(&re, pattern, REG_EXTENDED) != 0)
		return;
	check((regexec(&re, value, 1, m, 0) == 0) == matched);
	if (matched)
		check(cap->text[0].s - v->s == m[0].rm_so &&
		    cap->text[0].len == (size_t)(m[0].rm_eo - m[0].rm_so));
	regfree(&re);
}

static void
fuzz_regex(struct arena *a, const struct str *text)
{
	struct budget b = { MUCH };
	struct captures cap;
	const char *wrong;
	struct regex *r;
	struct str p, v;
	size_t i;
	bool matched;

	divide(text, &p, &v);
	if ((r = regex_compile(a, &p, false, &wrong)) == NULL) {
		check(wrong != NULL);
		return;
	}
	matched = regex_match(a, r, &v, &cap, &b);
	if (b.steps == 0)
		return;
	check_regex(&p, &v, matched, &cap);
	for (i = 0; matched && i < cap.n; i++)
		check(is_within(&cap.text[i], &v));
	check(regex_match(a, r, &v, NULL, &b) == matched || b.steps == 0);
}

static void
fuzz_header(struct arena *a, const struct str *text)
{
	struct str name, raw, value, decoded;
	size_t pos = 0, before = 0;

	while (header_next(text, &pos, NULL, &name, &raw)) {
		check(pos > before && pos <= text->len);
		check(is_within(&name, text) && is_within(&raw, text));
		before = pos;
		check(header_unfold(a, &raw, &value) == 0);
		check(value.len <= raw.len);
		check(header_decode(a, &value, &decoded) == 0);
		check(decoded.len <= 3 * value.len);
		check(utf8_is_valid(&decoded));
	}
	check(header_end(text) >= before);
}

static void
fuzz_address(struct arena *a, const struct str *text)
{
	struct addr *ad, *again;
	struct str user, detail;

	check(address_parse(a, text, &ad) == 0);
	for (; ad != NULL; ad = ad->next) {
		if (address_detail(ad, "+-", &detail))
			check(address_user(ad, "+-", &user) &&
			    user.len + detail.len <= ad->localpart.len);
		if (!ad->has_parts || ad->all.len == 0)
			continue;
		check(address_parse(a, &ad->all, &again) == 0);
		check(again != NULL && again->next == NULL &&
		    again->has_parts && same(&again->all, &ad->all) &&
		    same(&again->localpart, &ad->localpart) &&
		    same(&again->domain, &ad->domain));
	}
}

static void
fuzz_envelope(struct arena *a, const struct str *text)
{
	struct addr *ad;
	char *path;

	if ((path = strndup(text->s, text->len)) == NULL)
		abort();
	check(address_envelope(a, path, &ad) == 0);
	check(ad->has_parts && ad->next == NULL);
	free(path);
}

static void
fuzz_date(struct arena *a, const struct str *text)
{
	struct str std11 = { "std11", 5 }, written;
	struct sieve_date d, again;

	if (!date_parse(text, &d))
		return;
	check(date_part(a, &d, &std11, &written) == 0);
	/* A zone of four digits and a year before 10000 can be written. */
	if (d.zone <= -6000 || d.zone >= 6000 || written.len != 31)
		return;
	check(date_parse(&written, &again));
	check(again.seconds == d.seconds && again.zone == d.zone);
}

static void
fuzz_body(struct arena *a, const struct str *text)
{
	struct str any = { "", 0 };
	struct budget b = { MUCH };
	struct body_part *p;

	check(body_parts(a, text, BODY_CONTENT, &any, 1, &b, &p) == 0);
	check(body_parts(a, text, BODY_RAW, NULL, 0, &b, &p) == 0);
	check(p == NULL || (p->next == NULL && p->text.len <= 2 * text->len));
	check(body_parts(a, text, BODY_TEXT, NULL, 0, &b, &p) == 0);
	for (; p != NULL; p = p->next)
		check(utf8_is_valid(&p->text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { .limit = 64 * 1024 * 1024 };
	struct str text;

	if (size == 0)
		return 0;
	text.s = (const char *)data + 1;
	text.len = size - 1;
	switch (data[0]) {
	case 'w':
		fuzz_wildcard(&text);
		break;
	case 'r':
		fuzz_regex(&arena, &text);
		break;
	case 'h':
		fuzz_header(&arena, &text);
		break;
	case 'a':
		fuzz_address(&arena, &text);
		break;
	case 'e':
		fuzz_envelope(&arena, &text);
		break;
	case 'd':
		fuzz_date(&arena, &text);
		break;
	case 'b':
		fuzz_body(&arena, &text);
		break;
	}
	arena_free(&arena);
	return 0;
}
