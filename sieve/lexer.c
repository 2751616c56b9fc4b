/*
 * A script's text to tokens, RFC 5228, section 2 and 8.1.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "program.h"

/* What an operator reads is never a control character, nor torn UTF-8. */
void
error_put(struct sieve_error *e, const struct str *script, unsigned int line,
    unsigned int column, const char *fmt, va_list ap)
{
	size_t i, n = script->len;
	struct str s;

	if (n >= sizeof(e->script))
		n = sizeof(e->script) - 1;
	memcpy(e->script, script->s, n);
	e->line = line;
	e->column = column;
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	s.s = e->text;
	s.len = strlen(e->text);
	for (i = 0; i < s.len; i++)
		if ((unsigned char)e->text[i] < ' ' || e->text[i] == 0x7f)
			e->text[i] = '?';
	if (!utf8_is_valid(&s))
		for (i = 0; i < s.len; i++)
			if ((unsigned char)e->text[i] >= 0x80)
				e->text[i] = '?';
}

void
lexer_fail(struct lexer *l, const char *fmt, ...)
{
	va_list ap;

	if (l->failed)
		return;
	l->failed = true;
	va_start(ap, fmt);
	error_put(l->error, &l->script, l->line, l->column, fmt, ap);
	va_end(ap);
	l->token = TOKEN_END;
	l->at = l->end;
}

/* What came, behind and before the quotes with which before begins. */
static const char *
quoted(char buf[TOKEN_BYTES], const char *before, const char *s, size_t len)
{
	size_t n = strlen(before);

	memcpy(buf, before, n);
	memcpy(buf + n, s, len);
	buf[n + len] = before[0];
	buf[n + len + 1] = '\0';
	return buf;
}

const char *
lexer_token(const struct lexer *l, char buf[TOKEN_BYTES])
{
	size_t len = l->text.len < 64 ? l->text.len : 64;

	switch (l->token) {
	case TOKEN_END:
		return "the end of the script";
	case TOKEN_STRING:
		return "a string";
	case TOKEN_NUMBER:
		return "a number";
	case TOKEN_IDENTIFIER:
		return quoted(buf, "\"", l->text.s, len);
	case TOKEN_TAG:
		return quoted(buf, "\":", l->text.s, len);
	case TOKEN_CHARACTER:
		return quoted(buf, "'", &l->character, 1);
	}
	return buf;
}

static void
skip_line(struct lexer *l)
{
	const char *nl = memchr(l->at, '\n', (size_t)(l->end - l->at));

	l->at = nl == NULL ? l->end : nl + 1;
}

/* A token begins.  Lines are counted here and nowhere else. */
static void
mark(struct lexer *l)
{
	const char *nl;

	while ((nl = memchr(l->counted, '\n',
	    (size_t)(l->at - l->counted))) != NULL) {
		l->line++;
		l->line_start = l->counted = nl + 1;
	}
	l->counted = l->at;
	l->column = (unsigned int)(l->at - l->line_start) + 1;
}

static void
skip_bracket_comment(struct lexer *l)
{
	mark(l);
	for (l->at += 2; l->at < l->end; l->at++)
		if (l->end - l->at >= 2 && memcmp(l->at, "*/", 2) == 0) {
			l->at += 2;
			return;
		}
	lexer_fail(l, "this comment has no end");
}

static void
lexer_blanks(struct lexer *l)
{
	while (l->at < l->end) {
		if (is_space(*l->at))
			l->at++;
		else if (*l->at == '#')
			skip_line(l);
		else if (l->end - l->at >= 2 && memcmp(l->at, "/*", 2) == 0)
			skip_bracket_comment(l);
		else
			return;
	}
}

static void
word(struct lexer *l, enum token token)
{
	l->token = token;
	l->text.s = l->at;
	while (l->at < l->end && (is_letter(*l->at) || is_digit(*l->at)))
		l->at++;
	l->text.len = (size_t)(l->at - l->text.s);
}

/* Digits and K, M or G; at most 2^64 - 1. */
static void
lexer_number(struct lexer *l)
{
	unsigned int shift = 0, digit;
	uint64_t n = 0;

	l->token = TOKEN_NUMBER;
	for (; l->at < l->end && is_digit(*l->at); l->at++) {
		digit = (unsigned int)(*l->at - '0');
		if (n > (UINT64_MAX - digit) / 10)
			goto large;
		n = n * 10 + digit;
	}
	if (l->at < l->end) {
		switch (*l->at) {
		case 'K':
		case 'k':
			shift = 10;
			break;
		case 'M':
		case 'm':
			shift = 20;
			break;
		case 'G':
		case 'g':
			shift = 30;
			break;
		}
		if (shift > 0)
			l->at++;
	}
	if (n > UINT64_MAX >> shift)
		goto large;
	l->number = n << shift;
	return;
large:
	lexer_fail(l, "this number is too large");
}

/* Room for a string that ends before limit, with CRLF for each line end. */
static char *
string_room(struct lexer *l, const char *limit)
{
	const char *p;
	size_t n = 1;
	char *s;

	for (p = l->at; p < limit; p++) {
		n += *p == '\n' ? 2 : 1;
		/* At limit is the quote or the dot. */
		if (*p == '\r' && p[1] != '\n') {
			lexer_fail(l, "this string has a CR without its LF");
			return NULL;
		}
	}
	if ((s = arena_take(l->arena, n)) == NULL)
		lexer_fail(l, "the script wants too much memory");
	return s;
}

/*
 * The character at l->at goes to out, which is returned behind it.  A line
 * end of the script is CRLF in its strings, however the file has it; a CR is
 * part of one, as string_room has seen.
 */
static char *
string_put(struct lexer *l, char *out)
{
	if (*l->at == '\n')
		*out++ = '\r';
	if (*l->at != '\r')
		*out++ = *l->at;
	l->at++;
	return out;
}

static void
quoted_string(struct lexer *l)
{
	bool as_it_is = true;
	const char *p;
	char *s, *out;

	l->token = TOKEN_STRING;
	l->text.s = ++l->at;
	for (p = l->at; p < l->end && *p != '"'; p++) {
		if (*p == '\\' || *p == '\r' || *p == '\n')
			as_it_is = false;
		if (*p == '\\' && l->end - p > 1)
			p++;
	}
	if (p == l->end) {
		lexer_fail(l, "this string has no end");
		return;
	}
	if (as_it_is) {
		l->text.len = (size_t)(p - l->at);
		l->at = p + 1;
		return;
	}
	if ((s = out = string_room(l, p)) == NULL)
		return;
	while (l->at < p) {
		if (*l->at == '\\')
			l->at++;
		out = string_put(l, out);
	}
	l->at++;
	l->text.s = s;
	l->text.len = (size_t)(out - s);
}

/* The bytes of the line with the dot that ends a text, or 0. */
static size_t
last_line(const struct lexer *l, const char *p)
{
	size_t left = (size_t)(l->end - p);

	if (left >= 2 && memcmp(p, ".\n", 2) == 0)
		return 2;
	if (left >= 3 && memcmp(p, ".\r\n", 3) == 0)
		return 3;
	return left == 1 && *p == '.' ? 1 : 0;
}

/* Where that line begins, or NULL. */
static const char *
text_end(const struct lexer *l)
{
	const char *p;

	for (p = l->at; p < l->end; p++) {
		if (last_line(l, p) > 0)
			return p;
		if ((p = memchr(p, '\n', (size_t)(l->end - p))) == NULL)
			break;
	}
	return NULL;
}

/* "text" has been read; a colon follows, and lines until one is a dot. */
static void
multi_line(struct lexer *l)
{
	const char *end;
	char *s, *out;

	l->token = TOKEN_STRING;
	l->at++;
	while (l->at < l->end && (*l->at == ' ' || *l->at == '\t'))
		l->at++;
	if (l->at < l->end && *l->at != '#' && *l->at != '\n' &&
	    (*l->at != '\r' || l->end - l->at < 2 || l->at[1] != '\n')) {
		lexer_fail(l, "only a comment may stand behind \"text:\"");
		return;
	}
	skip_line(l);
	if ((end = text_end(l)) == NULL) {
		lexer_fail(l, "this text has no line with a dot that ends it");
		return;
	}
	if ((s = out = string_room(l, end)) == NULL)
		return;
	while (l->at < end) {
		if (*l->at == '.' && l->at[-1] == '\n' && l->at[1] == '.')
			l->at++;
		out = string_put(l, out);
	}
	l->at += last_line(l, end);
	l->text.s = s;
	l->text.len = (size_t)(out - s);
}

void
lexer_next(struct lexer *l)
{
	lexer_blanks(l);
	if (l->failed)
		return;
	mark(l);
	if (l->at == l->end) {
		l->token = TOKEN_END;
	} else if (is_letter(*l->at)) {
		word(l, TOKEN_IDENTIFIER);
		if (str_is(&l->text, "text") && l->at < l->end &&
		    *l->at == ':')
			multi_line(l);
	} else if (is_digit(*l->at)) {
		lexer_number(l);
	} else if (*l->at == '"') {
		quoted_string(l);
	} else if (*l->at == ':' && l->end - l->at >= 2 &&
	    is_letter(l->at[1])) {
		l->at++;
		word(l, TOKEN_TAG);
	} else if (is_one_of(*l->at, "()[]{},;:")) {
		l->token = TOKEN_CHARACTER;
		l->character = *l->at;
		l->at++;
	} else {
		lexer_fail(l, "this character means nothing here");
	}
}

void
lexer_init(struct lexer *l, struct arena *a, const struct str *name,
    const struct str *text, struct sieve_error *e)
{
	memset(l, 0, sizeof(*l));
	l->arena = a;
	l->error = e;
	l->script = *name;
	l->at = l->counted = l->line_start = text->s;
	l->end = text->s + text->len;
	l->line = 1;
	if (memchr(text->s, '\0', text->len) != NULL)
		lexer_fail(l, "the script has a NUL byte");
	else
		lexer_next(l);
}
