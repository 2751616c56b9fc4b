/*
 * Transfer encodings of RFC 2045 and RFC 2047, and the charsets of nearly all
 * European mail.  Without iconv: it opens files, and its tables are not small.
 */
#include <string.h>

#include "impl.h"

#define REPLACEMENT	0xfffd
#define BYTE(c)		((unsigned char)(c))

/* What a byte of a charset is that is neither ASCII nor Latin-1. */
struct difference {
	unsigned char	 byte;
	uint16_t	 c;		/* 0: nothing */
};

struct charset {
	unsigned char	 first;		/* the bytes below it are Latin-1 */
	const struct difference *differences;
	size_t		 n;
};

static const struct difference latin9[] = {
	{ 0xa4, 0x20ac }, { 0xa6, 0x0160 }, { 0xa8, 0x0161 },
	{ 0xb4, 0x017d }, { 0xb8, 0x017e }, { 0xbc, 0x0152 },
	{ 0xbd, 0x0153 }, { 0xbe, 0x0178 },
};

static const struct difference windows[] = {
	{ 0x80, 0x20ac }, { 0x81, 0 }, { 0x82, 0x201a }, { 0x83, 0x0192 },
	{ 0x84, 0x201e }, { 0x85, 0x2026 }, { 0x86, 0x2020 },
	{ 0x87, 0x2021 }, { 0x88, 0x02c6 }, { 0x89, 0x2030 },
	{ 0x8a, 0x0160 }, { 0x8b, 0x2039 }, { 0x8c, 0x0152 }, { 0x8d, 0 },
	{ 0x8e, 0x017d }, { 0x8f, 0 }, { 0x90, 0 }, { 0x91, 0x2018 },
	{ 0x92, 0x2019 }, { 0x93, 0x201c }, { 0x94, 0x201d },
	{ 0x95, 0x2022 }, { 0x96, 0x2013 }, { 0x97, 0x2014 },
	{ 0x98, 0x02dc }, { 0x99, 0x2122 }, { 0x9a, 0x0161 },
	{ 0x9b, 0x203a }, { 0x9c, 0x0153 }, { 0x9d, 0 }, { 0x9e, 0x017e },
	{ 0x9f, 0x0178 },
};

/* No differences: UTF-8 is known by its address, as it is not of one byte. */
static const struct charset utf8, latin1;
static const struct charset latin9_set = { 0xa4, latin9,
    sizeof(latin9) / sizeof(latin9[0]) };
static const struct charset windows_set = { 0x80, windows,
    sizeof(windows) / sizeof(windows[0]) };

static const struct {
	const char		*name;
	const struct charset	*charset;
} names[] = {
	/* US-ASCII is UTF-8 of which nothing past ASCII is used. */
	{ "",			&utf8 },
	{ "us-ascii",		&utf8 },
	{ "ascii",		&utf8 },
	{ "ansi_x3.4-1968",	&utf8 },
	{ "utf-8",		&utf8 },
	{ "utf8",		&utf8 },
	{ "iso-8859-1",		&latin1 },
	{ "iso8859-1",		&latin1 },
	{ "iso_8859-1",		&latin1 },
	{ "latin1",		&latin1 },
	{ "l1",			&latin1 },
	{ "iso-8859-15",	&latin9_set },
	{ "iso8859-15",		&latin9_set },
	{ "iso_8859-15",	&latin9_set },
	{ "latin-9",		&latin9_set },
	{ "windows-1252",	&windows_set },
	{ "cp1252",		&windows_set },
};

static int
base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p;

	p = memchr(digits, c, sizeof(digits) - 1);
	return p == NULL ? -1 : (int)(p - digits);
}

size_t
mime_base64(const char *s, size_t len, char *out)
{
	uint32_t bits = 0;
	unsigned int nbits = 0;
	size_t i, n = 0;
	int digit;

	for (i = 0; i < len; i++) {
		if (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' ||
		    s[i] == '\n')
			continue;
		if ((digit = base64_digit(s[i])) == -1)
			break;
		bits = (bits << 6 | (uint32_t)digit) & 0xffff;
		if ((nbits += 6) >= 8) {
			nbits -= 8;
			out[n++] = (char)(bits >> nbits & 0xff);
		}
	}
	return n;
}

/* The byte that "=XX" at s stands for, or -1. */
static int
escape(const char *s, size_t len)
{
	int high, low;

	if (len < 3 || (high = hex_digit(s[1])) == -1 ||
	    (low = hex_digit(s[2])) == -1)
		return -1;
	return high << 4 | low;
}

size_t
mime_q(const char *s, size_t len, char *out)
{
	size_t i, n = 0;
	int c;

	for (i = 0; i < len; i++) {
		/* As with Dovecot, nothing is special in a torn escape. */
		if (s[i] == '=' && len - i < 3) {
			memcpy(out + n, s + i, len - i);
			return n + len - i;
		}
		if (s[i] == '_') {
			out[n++] = ' ';
		} else if (s[i] == '=' && (c = escape(s + i, len - i)) != -1) {
			out[n++] = (char)c;
			i += 2;
		} else {
			out[n++] = s[i];
		}
	}
	return n;
}

/* Bytes of blanks and the line end behind them at s; 0 if text comes first. */
static size_t
blank_end(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && (s[i] == ' ' || s[i] == '\t'))
		i++;
	if (i < len && s[i] == '\r')
		i++;
	if (i < len && s[i] == '\n')
		return i + 1;
	return i == len ? i : 0;
}

/* How many blanks end out, which has n bytes. */
static size_t
trailing_blanks(const char *out, size_t n)
{
	size_t i = n;

	while (i > 0 && (out[i - 1] == ' ' || out[i - 1] == '\t'))
		i--;
	return n - i;
}

size_t
mime_quoted_printable(const char *s, size_t len, char *out)
{
	size_t i, skip, n = 0, line = 0;
	int c;

	/* The blanks that end a line go; none before out + line is one. */
	for (i = 0; i < len; i++) {
		if (s[i] == '=' && (c = escape(s + i, len - i)) != -1) {
			out[n++] = (char)c;
			line = n;
			i += 2;
		} else if (s[i] == '=' &&
		    (skip = blank_end(s + i + 1, len - i - 1)) > 0) {
			line = n;
			i += skip;
		} else if (s[i] == '\n') {
			if (n > line && out[n - 1] == '\r')
				n--;
			n -= trailing_blanks(out + line, n - line);
			out[n++] = '\r';
			out[n++] = '\n';
		} else {
			out[n++] = s[i];
		}
	}
	/* The last line end is the boundary's: RFC 2046, section 5.1.1. */
	return n - trailing_blanks(out + line, n - line);
}

const struct charset *
mime_charset(const struct str *name)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_is(name, names[i].name))
			return names[i].charset;
	return NULL;
}

/* What the byte is in a charset of one byte each, or REPLACEMENT. */
static uint32_t
one_byte(const struct charset *cs, char c)
{
	size_t i;

	if (BYTE(c) < cs->first)
		return BYTE(c);
	for (i = 0; i < cs->n; i++)
		if (cs->differences[i].byte == BYTE(c))
			return cs->differences[i].c == 0 ? REPLACEMENT :
			    cs->differences[i].c;
	return BYTE(c);
}

/*
 * Writes the character at s in UTF-8 at out, of 3 bytes or as many as it had,
 * and says in *used how many it had.  Returns what it wrote.
 */
static size_t
mime_character(const struct charset *cs, const char *s, size_t len, char *out,
    size_t *used)
{
	if (BYTE(*s) < 0x80) {
		*out = *s;
		*used = 1;
		return 1;
	}
	if (cs == &utf8) {
		if ((*used = utf8_valid(s, len)) > 0) {
			memcpy(out, s, *used);
			return *used;
		}
		*used = 1;
		return utf8_put(REPLACEMENT, out);
	}
	*used = 1;
	return utf8_put(cs == NULL ? REPLACEMENT : one_byte(cs, *s), out);
}

static bool
ends_in_replacement(const char *out, size_t len)
{
	return len >= 3 && memcmp(out + len - 3, "\xef\xbf\xbd", 3) == 0;
}

size_t
mime_utf8(const struct charset *cs, const struct str *in, char *out,
    size_t len)
{
	size_t i, n, used;
	bool after;

	for (i = 0; i < in->len; i += used) {
		after = ends_in_replacement(out, len);
		n = mime_character(cs, in->s + i, in->len - i, out + len,
		    &used);
		if (!after || !ends_in_replacement(out, len + n) || used > 1)
			len += n;
	}
	return len;
}
