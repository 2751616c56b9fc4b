/*
 * The header of a message: its fields, unfolded and decoded.  Lines may end
 * in LF or CRLF.
 */
#include <string.h>

#include "impl.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Bytes of the first line of what is at s, its line end not counted. */
static size_t
line_length(const char *s, size_t len, size_t *next)
{
	const char *end = memchr(s, '\n', len);
	size_t n;

	if (end == NULL) {
		*next = len;
		return len;
	}
	n = (size_t)(end - s);
	*next = n + 1;
	return n > 0 && s[n - 1] == '\r' ? n - 1 : n;
}

/* Takes a field apart; false if it has no name, as a torn line. */
static bool
field_split(const char *s, size_t len, struct str *name, struct str *value)
{
	const char *colon = memchr(s, ':', len);
	size_t n;

	if (colon == NULL || colon == s || is_blank(*s))
		return false;
	n = (size_t)(colon - s);
	value->s = colon + 1;
	value->len = len - n - 1;
	/* The colon has to be on the first line of a folded field. */
	if (memchr(s, '\n', n) != NULL)
		return false;
	while (is_blank(s[n - 1]))
		n--;
	name->s = s;
	name->len = n;
	return true;
}

bool
header_next(const struct str *msg, size_t *pos, const struct str *name,
    struct str *found, struct str *value)
{
	struct str n;
	size_t len, next, more, left;
	const char *s;

	while (*pos < msg->len) {
		s = msg->s + *pos;
		left = msg->len - *pos;
		if ((len = line_length(s, left, &next)) == 0)
			return false;
		while (next < left && is_blank(s[next])) {
			len = next + line_length(s + next, left - next, &more);
			next += more;
		}
		*pos += next;
		/* Most are not it, which the first letter tells. */
		if (name != NULL && (name->len == 0 ||
		    to_lower(*s) != to_lower(*name->s)))
			continue;
		if (!field_split(s, len, &n, value))
			continue;
		if (name != NULL && !str_same(&n, name))
			continue;
		if (found != NULL)
			*found = n;
		return true;
	}
	return false;
}

size_t
header_end(const struct str *msg)
{
	size_t pos = 0, len, next;

	while (pos < msg->len) {
		len = line_length(msg->s + pos, msg->len - pos, &next);
		pos += next;
		if (len == 0)
			break;
	}
	return pos;
}

static void
trim(struct str *s)
{
	while (s->len > 0 && is_blank(s->s[s->len - 1]))
		s->len--;
	while (s->len > 0 && is_blank(*s->s)) {
		s->s++;
		s->len--;
	}
}

int
header_unfold(struct arena *a, const struct str *raw, struct str *out)
{
	char *text;
	size_t i, n, next;

	*out = *raw;
	if (memchr(raw->s, '\n', raw->len) != NULL) {
		if ((text = arena_take(a, raw->len)) == NULL)
			return -1;
		out->s = text;
		for (i = out->len = 0; i < raw->len; i += next) {
			n = line_length(raw->s + i, raw->len - i, &next);
			memcpy(text + out->len, raw->s + i, n);
			/* A line that goes on begins with a blank. */
			if (i > 0)
				text[out->len] = ' ';
			out->len += n;
		}
	}
	trim(out);
	return 0;
}

/* An encoded word of RFC 2047. */
struct word {
	const struct charset *charset;
	char		 encoding;
	struct str	 text;
	size_t		 len;		/* of all of it */
};

/*
 * Reads the word at s, which begins with "=?".  As with Dovecot, a word may
 * hold blanks and be of any length, and what follows the letter of the
 * encoding is passed over.
 */
static bool
word_parse(const char *s, size_t len, struct word *w)
{
	const char *star;
	struct str name;
	size_t i, n = 0, mark[4];

	for (i = 1; i < len && n < 4; i++)
		if (s[i] == '?')
			mark[n++] = i;
	if (n < 4 || mark[3] + 1 >= len || s[mark[3] + 1] != '=')
		return false;
	name.s = s + mark[0] + 1;
	name.len = mark[1] - mark[0] - 1;
	/* RFC 2231: a language may stand behind the charset. */
	if ((star = memchr(name.s, '*', name.len)) != NULL)
		name.len = (size_t)(star - name.s);
	w->encoding = s[mark[1] + 1];
	w->text.s = s + mark[2] + 1;
	w->text.len = mark[3] - mark[2] - 1;
	w->len = mark[3] + 2;
	return (w->charset = mime_charset(&name)) != NULL &&
	    is_one_of(w->encoding, "bBqQ");
}

/* Appends what w says to the len bytes at out. */
static size_t
word_put(const struct word *w, char *scratch, char *out, size_t len)
{
	struct str bytes;

	bytes.s = scratch;
	if (w->encoding == 'b' || w->encoding == 'B')
		bytes.len = mime_base64(w->text.s, w->text.len, scratch);
	else
		bytes.len = mime_q(w->text.s, w->text.len, scratch);
	return mime_utf8(w->charset, &bytes, out, len);
}

static bool
is_all_blank(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!is_blank(s[i]) && s[i] != '\r' && s[i] != '\n')
			return false;
	return true;
}

/*
 * Blanks before "=?" are kept only behind text, so that those between two
 * words go; as with Dovecot, they go even if the second is no word in the end.
 */
static size_t
decode_words(const struct str *in, char *scratch, char *out)
{
	static const struct str none = { "", 0 };
	const struct charset *utf8 = mime_charset(&none);
	struct word w;
	struct str plain;
	size_t i, len = 0;

	plain.s = in->s;
	for (i = 0; i + 1 < in->len; ) {
		if (in->s[i] != '=' || in->s[i + 1] != '?') {
			i++;
			continue;
		}
		plain.len = (size_t)(in->s + i - plain.s);
		if (!is_all_blank(plain.s, plain.len))
			len = mime_utf8(utf8, &plain, out, len);
		plain.s = in->s + i;
		if (word_parse(plain.s, in->len - i, &w)) {
			len = word_put(&w, scratch, out, len);
			i += w.len;
			plain.s = in->s + i;
		} else {
			i += 2;
		}
	}
	plain.len = (size_t)(in->s + in->len - plain.s);
	return mime_utf8(utf8, &plain, out, len);
}

int
header_decode(struct arena *a, const struct str *in, struct str *out)
{
	char *text, *scratch;
	size_t i;

	*out = *in;
	if (in->len == 0)
		return 0;
	if (memchr(in->s, '=', in->len) == NULL && utf8_is_valid(in))
		return 0;
	/* Latin-1 grows to twice, what is no character to three times. */
	if ((scratch = arena_take(a, in->len)) == NULL ||
	    (text = arena_take(a, 3 * in->len)) == NULL)
		return -1;
	out->s = text;
	out->len = decode_words(in, scratch, text);
	for (i = 0; i < out->len; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	while (out->len > 0 && is_blank(text[out->len - 1]))
		out->len--;
	return 0;
}

/* Behind the comment at s, with those in it; NULL if it has no end. */
static const char *
header_comment(const char *s, const char *end)
{
	size_t depth = 0;

	for (; s < end; s++) {
		if (*s == '(')
			depth++;
		else if (*s == ')' && --depth == 0)
			return s + 1;
		else if (*s == '\\' && ++s == end)
			return NULL;
	}
	return NULL;
}

const char *
header_skip(const char *s, const char *end, bool *ended)
{
	*ended = true;
	while (s < end) {
		if (*s == '(') {
			if ((s = header_comment(s, end)) == NULL) {
				*ended = false;
				return end;
			}
		} else if (is_blank(*s) || *s == '\r' || *s == '\n') {
			s++;
		} else {
			break;
		}
	}
	return s;
}
