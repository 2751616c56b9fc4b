/*
 * Names that become parts of paths: which are safe, and in which forms one
 * name may be written.  Pure.
 */
#include <string.h>
#include <strings.h>

#include "lmtpd.h"

#define LABEL_BYTES	63	/* of a domain's label, xn-- included */

bool
name_is_safe(const char *name)
{
	return name[0] != '\0' && name[0] != '.' &&
	    strchr(name, '/') == NULL && strlen(name) <= NAME_BYTES;
}

bool
name_fits(const char *path)
{
	const char *slash;

	/* What is short has no long component. */
	for (; strlen(path) > COMPONENT_BYTES; path = slash + 1) {
		slash = strchr(path, '/');
		if (slash == NULL || slash - path > COMPONENT_BYTES)
			return false;
	}
	return true;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void
name_lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = lower(*s);
}

/*
 * A name while it is put together.  It must not be cut: a name that is short
 * of its end is another's.
 */
struct output {
	char	*buf;
	size_t	 size;
	size_t	 len;
	bool	 full;
};

static void
output_put(struct output *o, uint32_t c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len++] = (char)c;
	else
		o->full = true;
}

/* Ends it.  0, or -1 if it did not fit. */
static int
put_end(struct output *o)
{
	if (o->size > 0)
		o->buf[o->len] = '\0';
	return o->full || o->size == 0 ? -1 : 0;
}

static void
put_utf8(struct output *o, uint32_t c)
{
	if (c < 0x80) {
		output_put(o, c);
		return;
	}
	if (c < 0x800)
		output_put(o, 0xc0 | c >> 6);
	else {
		if (c < 0x10000)
			output_put(o, 0xe0 | c >> 12);
		else {
			output_put(o, 0xf0 | c >> 18);
			output_put(o, 0x80 | (c >> 12 & 0x3f));
		}
		output_put(o, 0x80 | (c >> 6 & 0x3f));
	}
	output_put(o, 0x80 | (c & 0x3f));
}

/* Takes a character off the UTF-8 at *s, of *len > 0.  0, or -1 for none. */
static int
next_utf8(const char **s, size_t *len, uint32_t *c)
{
	const unsigned char *u = (const unsigned char *)*s;
	size_t i, n = text_utf8(*s, *len);

	if (n == 0)
		return -1;
	/* The first of several bytes has n bits and a 0 before its own. */
	*c = n == 1 ? u[0] : u[0] & (0x7fu >> n);
	for (i = 1; i < n; i++)
		*c = *c << 6 | (u[i] & 0x3fu);
	*s += n;
	*len -= n;
	return 0;
}

/*
 * Folders: modified UTF-7, RFC 3501 section 5.1.3.
 */

/* A run of characters in base64: bits that make no whole digit as yet. */
struct base64 {
	uint32_t	 bits;
	unsigned int	 n;
	bool		 open;
};

static void
base64_digits(struct base64 *b, struct output *o)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+,";

	for (; b->n >= 6; b->n -= 6)
		output_put(o,
		    (unsigned char)digits[b->bits >> (b->n - 6) & 0x3f]);
}

/* Sixteen bits more, in a run that begins here if none is open. */
static void
base64_put(struct base64 *b, struct output *o, uint32_t unit)
{
	if (!b->open)
		output_put(o, '&');
	b->open = true;
	b->bits = b->bits << 16 | unit;
	b->n += 16;
	base64_digits(b, o);
}

/* Ends the run if one is open; zeros fill its last digit. */
static void
base64_end(struct base64 *b, struct output *o)
{
	if (!b->open)
		return;
	if (b->n > 0) {
		b->bits <<= 6 - b->n;
		b->n = 6;
		base64_digits(b, o);
	}
	output_put(o, '-');
	b->open = false;
}

int
name_folder(const char *utf8, char *out, size_t size)
{
	struct output o = { .buf = out, .size = size };
	struct base64 b = { .open = false };
	size_t len = strlen(utf8);
	uint32_t c;

	while (len > 0) {
		if (next_utf8(&utf8, &len, &c) == -1 || c < ' ' || c == 0x7f)
			return -1;
		if (c >= 0x10000) {
			base64_put(&b, &o, 0xd800 + ((c - 0x10000) >> 10));
			base64_put(&b, &o, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else if (c >= 0x80)
			base64_put(&b, &o, c);
		else {
			base64_end(&b, &o);
			output_put(&o, c);
			if (c == '&')
				output_put(&o, '-');
		}
	}
	base64_end(&b, &o);
	return put_end(&o);
}

/*
 * Domains: a label is compared as its characters, be it written in UTF-8 or
 * with xn-- in Punycode, RFC 3492.
 */

/* The small form of a letter.  A row has n: first, and each step-th from it. */
static uint32_t
small(uint32_t c)
{
	static const struct {
		uint32_t	 first;
		uint32_t	 n;
		uint32_t	 step;
		int32_t		 add;
	} rows[] = {
		{ 'A', 26, 1, 32 },
		/* Latin: 1, Extended A and B, Extended Additional. */
		{ 0xc0, 23, 1, 32 }, { 0xd8, 7, 1, 32 },
		{ 0x100, 24, 2, 1 }, { 0x132, 3, 2, 1 },
		{ 0x139, 8, 2, 1 }, { 0x14a, 23, 2, 1 },
		{ 0x178, 1, 1, -121 }, { 0x179, 3, 2, 1 },
		{ 0x1cd, 8, 2, 1 }, { 0x1f8, 20, 2, 1 },
		{ 0x1e00, 75, 2, 1 }, { 0x1ea0, 48, 2, 1 },
		/* Greek. */
		{ 0x386, 1, 1, 38 }, { 0x388, 3, 1, 37 },
		{ 0x38c, 1, 1, 64 }, { 0x38e, 2, 1, 63 },
		{ 0x391, 17, 1, 32 }, { 0x3a3, 9, 1, 32 },
		/* Cyrillic, Armenian. */
		{ 0x400, 16, 1, 80 }, { 0x410, 32, 1, 32 },
		{ 0x460, 17, 2, 1 }, { 0x48a, 27, 2, 1 },
		{ 0x4c0, 1, 1, 15 }, { 0x4c1, 7, 2, 1 },
		{ 0x4d0, 48, 2, 1 },
		{ 0x531, 38, 1, 48 },
	};
	uint32_t from;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		/* Of what is before the first it is more than any row has. */
		from = c - rows[i].first;
		if (from % rows[i].step == 0 && from / rows[i].step < rows[i].n)
			return (uint32_t)((int32_t)c + rows[i].add);
	}
	return c;
}

/* The parameters of section 5, and the functions of section 6.1. */
enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700 };

static uint32_t
puny_adapt(uint32_t delta, size_t chars, bool first)
{
	uint32_t k = 0;

	delta /= first ? DAMP : 2;
	delta += delta / (uint32_t)chars;
	for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t
puny_threshold(uint32_t k, uint32_t bias)
{
	if (k <= bias)
		return T_MIN;
	return k - bias >= T_MAX ? T_MAX : k - bias;
}

static int
puny_digit(char c)
{
	c = lower(c);
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	return c >= '0' && c <= '9' ? c - '0' + 26 : -1;
}

/* A number of variable length off the text of *len bytes at *s.  0 or -1. */
static int
puny_number(const char **s, size_t *len, uint32_t bias, uint32_t *n)
{
	uint32_t k, t, w = 1;
	int digit;

	*n = 0;
	for (k = BASE; *len > 0; k += BASE) {
		digit = puny_digit(**s);
		(*s)++;
		(*len)--;
		if (digit == -1 || (uint32_t)digit > (UINT32_MAX - *n) / w)
			return -1;
		*n += (uint32_t)digit * w;
		t = puny_threshold(k, bias);
		if ((uint32_t)digit < t)
			return 0;
		/* No bias is so large that it overflows before *n would. */
		w *= BASE - t;
	}
	return -1;
}

/*
 * What stands behind xn--.  Returns how many characters, or 0 if it is no
 * Punycode, or only that of ASCII.
 */
static size_t
puny_decode(const char *s, size_t len, uint32_t chars[LABEL_BYTES])
{
	uint32_t c = 0x80, at = 0, bias = 72, delta;
	size_t i, n = 0;

	for (i = len; i > 0 && s[i - 1] != '-'; i--)
		continue;
	if (len > LABEL_BYTES - 4 || i == len || i == 1)
		return 0;
	for (; n + 1 < i; n++) {
		chars[n] = (unsigned char)lower(s[n]);
		if (chars[n] >= 0x80)
			return 0;
	}
	s += i;
	len -= i;
	while (len > 0) {
		if (puny_number(&s, &len, bias, &delta) == -1 ||
		    delta > UINT32_MAX - at)
			return 0;
		bias = puny_adapt(delta, n + 1, at == 0);
		at += delta;
		if (at / (n + 1) > 0x10ffff - c)
			return 0;
		c += at / (uint32_t)(n + 1);
		at %= (uint32_t)(n + 1);
		if (c >= 0xd800 && c < 0xe000)
			return 0;
		memmove(chars + at + 1, chars + at,
		    (n - at) * sizeof(chars[0]));
		chars[at++] = c;
		n++;
	}
	return n;
}

static void
puny_put(struct output *o, uint32_t delta, uint32_t bias)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	uint32_t k, t;

	for (k = BASE; ; k += BASE) {
		t = puny_threshold(k, bias);
		if (delta < t)
			break;
		output_put(o,
		    (unsigned char)digits[t + (delta - t) % (BASE - t)]);
		delta = (delta - t) / (BASE - t);
	}
	output_put(o, (unsigned char)digits[delta]);
}

/* Puts out what stands behind xn-- for n characters of a label. */
static void
puny_encode(const uint32_t *chars, size_t n, struct output *o)
{
	uint32_t c = 0x80, delta = 0, bias = 72, next;
	size_t i, basic, done = 0;

	for (i = 0; i < n; i++)
		if (chars[i] < 0x80) {
			output_put(o, chars[i]);
			done++;
		}
	if ((basic = done) > 0)
		output_put(o, '-');
	for (; done < n; delta++, c++) {
		next = UINT32_MAX;
		for (i = 0; i < n; i++)
			if (chars[i] >= c && chars[i] < next)
				next = chars[i];
		/* At most 64 times 0x10ffff. */
		delta += (next - c) * (uint32_t)(done + 1);
		c = next;
		for (i = 0; i < n; i++) {
			if (chars[i] < c)
				delta++;
			if (chars[i] != c)
				continue;
			puny_put(o, delta, bias);
			bias = puny_adapt(delta, done + 1, done == basic);
			delta = 0;
			done++;
		}
	}
}

static bool
has_xn(const char *s, size_t len)
{
	return len > 4 && strncasecmp(s, "xn--", 4) == 0;
}

static bool
is_ascii(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return false;
	return true;
}

/* The characters of a label, small; 0 for one that is its bytes alone. */
static size_t
label_chars(const char *s, size_t len, uint32_t chars[LABEL_BYTES])
{
	size_t i, n = 0;

	if (has_xn(s, len))
		n = puny_decode(s + 4, len - 4, chars);
	else if (!is_ascii(s, len))
		for (; len > 0; n++)
			if (n == LABEL_BYTES ||
			    next_utf8(&s, &len, &chars[n]) == -1)
				return 0;
	for (i = 0; i < n; i++)
		chars[i] = small(chars[i]);
	/* One that begins with xn-- again could be taken for another label. */
	return n > 4 && chars[0] == 'x' && chars[1] == 'n' &&
	    chars[2] == '-' && chars[3] == '-' ? 0 : n;
}

static void
put_label(struct output *o, const char *s, size_t len, bool ascii)
{
	char puny[LABEL_BYTES - 4 + 1];
	struct output p = { .buf = puny, .size = sizeof(puny) };
	uint32_t chars[LABEL_BYTES];
	size_t i, n = label_chars(s, len, chars);

	if (n > 0 && ascii) {
		puny_encode(chars, n, &p);
		if (put_end(&p) == 0) {
			for (s = "xn--"; *s != '\0'; s++)
				output_put(o, (unsigned char)*s);
			for (i = 0; i < p.len; i++)
				output_put(o, (unsigned char)puny[i]);
			return;
		}
	}
	for (i = 0; i < n; i++)
		put_utf8(o, chars[i]);
	for (; n == 0 && i < len; i++)
		output_put(o, (unsigned char)lower(s[i]));
}

int
name_domain(const char *s, size_t len, bool ascii, char *out, size_t size)
{
	struct output o = { .buf = out, .size = size };
	const char *end = s + len, *dot;

	for (;;) {
		dot = memchr(s, '.', (size_t)(end - s));
		put_label(&o, s, (size_t)((dot == NULL ? end : dot) - s),
		    ascii);
		if (dot == NULL)
			return put_end(&o);
		output_put(&o, '.');
		s = dot + 1;
	}
}

bool
name_has_forms(const char *s, size_t len)
{
	const char *end = s + len, *dot;

	if (!is_ascii(s, len))
		return true;
	for (;;) {
		if (has_xn(s, (size_t)(end - s)))
			return true;
		if ((dot = memchr(s, '.', (size_t)(end - s))) == NULL)
			return false;
		s = dot + 1;
	}
}

bool
name_domain_is(const char *s, size_t len, const char *utf8)
{
	char form[COMMAND_MAX];

	/* Nearly always it is ASCII, with no xn--. */
	if (len == strlen(utf8) && strncasecmp(s, utf8, len) == 0)
		return true;
	return name_has_forms(s, len) &&
	    name_domain(s, len, false, form, sizeof(form)) == 0 &&
	    strcmp(form, utf8) == 0;
}
