/*
 * Comparators and match types of RFC 5228, RFC 4790 and RFC 5229.
 */
#include <string.h>

#include "impl.h"

#define STEP		8	/* bytes looked at for one step of the budget */

bool
str_same(const struct str *a, const struct str *b)
{
	size_t i = 0;

	if (a->len != b->len)
		return false;
	while (i < a->len && to_lower(a->s[i]) == to_lower(b->s[i]))
		i++;
	return i == a->len;
}

int
str_compare(const void *str, const void *row)
{
	const struct str *s = str;
	const char *word = row;
	size_t i;

	for (i = 0; i < s->len && word[i] != '\0'; i++)
		if (to_lower(s->s[i]) != word[i])
			return to_lower(s->s[i]) < word[i] ? -1 : 1;
	return (i < s->len) - (word[i] != '\0');
}

bool
str_begins(const struct str *s, const char *word)
{
	size_t i;

	for (i = 0; word[i] != '\0'; i++)
		if (i == s->len || to_lower(s->s[i]) != to_lower(word[i]))
			return false;
	return true;
}

/* RFC 4790, 9.2.1 maps to upper case; Pigeonhole's strncasecmp to lower. */
static unsigned char
fold(enum comparator c, char byte)
{
	return (unsigned char)(c == COMPARE_OCTET ? byte : to_lower(byte));
}

/* What the numeric comparator sees of s: digits without zeros before them. */
static void
digits(const struct str *s, struct str *out, bool *infinite)
{
	size_t i = 0, n = 0;

	while (n < s->len && is_digit(s->s[n]))
		n++;
	*infinite = n == 0;
	while (i < n && s->s[i] == '0')
		i++;
	out->s = s->s + i;
	out->len = n - i;
}

static int
compare_numbers(const struct str *a, const struct str *b)
{
	struct str x, y;
	bool x_infinite, y_infinite;

	digits(a, &x, &x_infinite);
	digits(b, &y, &y_infinite);
	if (x_infinite || y_infinite)
		return x_infinite - y_infinite;
	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	return x.len == 0 ? 0 : memcmp(x.s, y.s, x.len);
}

int
match_compare(enum comparator c, const struct str *a, const struct str *b)
{
	size_t i;

	if (c == COMPARE_NUMERIC)
		return compare_numbers(a, b);
	for (i = 0; i < a->len && i < b->len; i++)
		if (fold(c, a->s[i]) != fold(c, b->s[i]))
			return fold(c, a->s[i]) < fold(c, b->s[i]) ? -1 : 1;
	return (a->len > b->len) - (a->len < b->len);
}

/* How many bytes of the two are the same, of n. */
static size_t
common(enum comparator c, const char *a, const char *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (fold(c, a[i]) != fold(c, b[i]))
			break;
	return i;
}

bool
match_contains(enum comparator c, const struct str *value,
    const struct str *key, struct budget *b)
{
	size_t i, n, work = 0;

	/* An empty key is found at once. */
	for (i = 0; value->len - i >= key->len; i++) {
		n = common(c, value->s + i, key->s, key->len);
		if (n == key->len)
			return budget_take(b, work / STEP + 1);
		if ((work += n + 1) >= 1024 * STEP) {
			if (!budget_take(b, work / STEP))
				return false;
			work = 0;
		}
	}
	(void)budget_take(b, work / STEP + 1);
	return false;
}

/* Where a wildcard match stands. */
struct wild {
	enum comparator	 c;
	const struct str *value, *pattern;
	struct captures	*cap;		/* or NULL */
	size_t		 v, p;		/* offsets of what comes next */
	/* The last star, and where in the value its text begins and ends. */
	bool		 has_star;
	size_t		 star, begin, end;
	size_t		 captured;	/* up to the star */
};

static void
capture(struct wild *w, size_t from, size_t to)
{
	if (w->cap == NULL || w->cap->n == CAPTURES)
		return;
	w->cap->text[w->cap->n].s = w->value->s + from;
	w->cap->text[w->cap->n++].len = to - from;
}

static size_t
captured(const struct wild *w)
{
	return w->cap == NULL ? 0 : w->cap->n;
}

/* A star, which takes nothing at first. */
static void
star(struct wild *w)
{
	w->has_star = true;
	w->star = ++w->p;
	w->begin = w->end = w->v;
	w->captured = captured(w);
	capture(w, w->begin, w->end);
}

/* After a mismatch: the last star takes one character more. */
static bool
give_star_more(struct wild *w)
{
	if (!w->has_star || w->end == w->value->len)
		return false;
	w->end += utf8_length(w->value->s + w->end, w->value->len - w->end);
	w->v = w->end;
	w->p = w->star;
	if (w->cap != NULL)
		w->cap->n = w->captured;
	capture(w, w->begin, w->end);
	return true;
}

/* One element of the pattern that is no star; false if it does not match. */
static bool
match_one(struct wild *w)
{
	const struct str *p = w->pattern, *v = w->value;
	size_t n, at = w->p;

	if (w->v == v->len)
		return false;
	if (p->s[at] == '?') {
		n = utf8_length(v->s + w->v, v->len - w->v);
		capture(w, w->v, w->v + n);
		w->v += n;
	} else {
		if (p->s[at] == '\\' && at + 1 < p->len)
			at++;
		if (fold(w->c, p->s[at]) != fold(w->c, v->s[w->v]))
			return false;
		w->v++;
	}
	w->p = at + 1;
	return true;
}

/*
 * Only the last star need ever be tried again: whatever an earlier one could
 * take in its place, the later one can have as well.
 */
static bool
wild_run(struct wild *w, struct budget *b)
{
	size_t work = 0;

	for (;;) {
		if (++work == 1024 * STEP) {
			if (!budget_take(b, work / STEP))
				return false;
			work = 0;
		}
		if (w->p == w->pattern->len) {
			if (w->v == w->value->len)
				return budget_take(b, work / STEP + 1);
			/* What is left of the value is the last star's. */
			if (w->has_star && w->p == w->star) {
				w->v = w->end = w->value->len;
				if (w->cap != NULL)
					w->cap->n = w->captured;
				capture(w, w->begin, w->end);
				continue;
			}
		} else if (w->pattern->s[w->p] == '*') {
			star(w);
			continue;
		} else if (match_one(w)) {
			continue;
		}
		if (!give_star_more(w))
			break;
	}
	(void)budget_take(b, work / STEP + 1);
	return false;
}

bool
match_wildcard(enum comparator c, const struct str *value,
    const struct str *pattern, struct captures *cap, struct budget *b)
{
	struct captures found;
	struct wild w;

	memset(&w, 0, sizeof(w));
	w.c = c;
	w.value = value;
	w.pattern = pattern;
	if (cap != NULL) {
		found.n = 1;
		found.text[0] = *value;
		w.cap = &found;
	}
	if (!wild_run(&w, b))
		return false;
	if (cap != NULL)
		*cap = found;
	return true;
}
