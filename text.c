/*
 * Text put together in a buffer of fixed size; what does not fit is cut.
 * Pure.  A call of printf(3) costs a thousand instructions, and a delivery
 * made thirty of them: half of its work.
 */
#include <string.h>

#include "lmtpd.h"

void
text_init(struct text *t, char *buf, size_t size)
{
	t->buf = buf;
	t->size = size;
	t->len = 0;
	buf[0] = '\0';
}

void
text_bytes(struct text *t, const char *s, size_t len)
{
	size_t room = t->size - 1 - t->len;

	if (len > room)
		len = room;
	memcpy(t->buf + t->len, s, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

void
text_char(struct text *t, char c)
{
	if (t->len == t->size - 1)
		return;
	t->buf[t->len++] = c;
	t->buf[t->len] = '\0';
}

void
text_add(struct text *t, ...)
{
	const char *s;
	va_list ap;

	va_start(ap, t);
	while ((s = va_arg(ap, const char *)) != NULL)
		text_bytes(t, s, strlen(s));
	va_end(ap);
}

void
text_number(struct text *t, uint64_t n)
{
	text_digits(t, n, 10, 1);
}

void
text_digits(struct text *t, uint64_t n, unsigned int base, size_t width)
{
	char digits[64];
	size_t i = sizeof(digits);

	do {
		digits[--i] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n != 0 || sizeof(digits) - i < width);
	text_bytes(t, digits + i, sizeof(digits) - i);
}

size_t
text_cut(const char *s, size_t max)
{
	size_t len = strnlen(s, max), back;

	/* A character has four bytes at most; the NUL behind s is one too. */
	for (back = 0; back < 4 && back <= len; back++)
		if (((unsigned char)s[len - back] & 0xc0) != 0x80)
			return len - back;
	return len;
}

size_t
text_utf8(const char *s, size_t len)
{
	unsigned char c = (unsigned char)s[0], next;
	size_t i, n;

	if (c < 0x80)
		return 1;
	n = c < 0xc2 || c > 0xf4 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (n == 0 || n > len)
		return 0;
	for (i = 1; i < n; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than it has to be, half of a pair, or past the last. */
	next = (unsigned char)s[1];
	if ((c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f) ||
	    (c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f))
		return 0;
	return n;
}

size_t
text_control(const char *s, size_t len)
{
	unsigned char c = (unsigned char)s[0], second, third;

	if (c < ' ' || c == 0x7f)
		return 1;
	if (len < 2 || (c != 0xc2 && c != 0xe2))
		return 0;
	second = (unsigned char)s[1];
	if (c == 0xc2)
		return second >= 0x80 && second <= 0x9f ? 2 : 0;
	if (len < 3)
		return 0;
	third = (unsigned char)s[2];
	/* U+2028 to U+202E, and U+2066 to U+2069. */
	return (second == 0x80 && third >= 0xa8 && third <= 0xae) ||
	    (second == 0x81 && third >= 0xa6 && third <= 0xa9) ? 3 : 0;
}

/*
 * Are these eight bytes printable ASCII from least on, and none of them a
 * quote, a backslash or other?  All at once, as most text is so: in a byte the
 * highest bit says that it is not.
 */
static bool
eight_are_plain(const char *s, unsigned char least, unsigned char other)
{
	const uint64_t ones = UINT64_MAX / 0xff, high = ones * 0x80;
	uint64_t word, quote, backslash, third;

	memcpy(&word, s, sizeof(word));
	quote = word ^ ones * '"';
	backslash = word ^ ones * '\\';
	third = word ^ ones * other;
	return (((word - ones * least) | (word + ones) | word |
	    (quote - ones) | (backslash - ones) | (third - ones)) &
	    high) == 0;
}

/* Has the byte a meaning of its own there? */
static bool
is_special(char c, enum text_place place)
{
	switch (place) {
	case TEXT_WORD:
		if (c == ' ' || c == '=')
			return true;
		/* FALLTHROUGH */
	case TEXT_QUOTED:
		return c == '"' || c == '\\';
	case TEXT_LINE:
		break;
	}
	return false;
}

size_t
text_plain(const char *s, size_t len, enum text_place place)
{
	const unsigned char least = place == TEXT_WORD ? '!' : ' ';
	const unsigned char other = place == TEXT_WORD ? '=' : '"';
	const size_t eight = sizeof(uint64_t);
	unsigned char c;
	size_t i = 0, n;

	while (i < len) {
		/* Of the last ones some may be looked at twice. */
		if (len >= eight && eight_are_plain(s +
		    (len - i < eight ? len - eight : i), least, other)) {
			i = len - i < eight ? len : i + eight;
			continue;
		}
		c = (unsigned char)s[i];
		n = 1;
		if (is_special(s[i], place) || ((c < ' ' || c >= 0x7f) &&
		    (text_control(s + i, len - i) > 0 ||
		    (n = text_utf8(s + i, len - i)) == 0)))
			break;
		i += n;
	}
	return i;
}

void
text_escape(struct text *t, const char *s, size_t len, enum text_place place)
{
	const char *end = s + len, *next;

	for (;;) {
		next = s + text_plain(s, (size_t)(end - s), place);
		text_bytes(t, s, (size_t)(next - s));
		if ((s = next) == end)
			return;
		if (*s == '"' || *s == '\\') {
			text_add(t, "\\", NULL);
			text_bytes(t, s++, 1);
			continue;
		}
		/* What is no control character is a byte that is no UTF-8. */
		next = s + text_control(s, (size_t)(end - s));
		do {
			text_add(t, "\\", NULL);
			text_digits(t, (unsigned char)*s++, 8, 3);
		} while (s < next);
	}
}

/*
 * Dates, by hand: strftime(3) would ask the locale, and take more than all
 * the other lines that we add.  1 January 1970 was a Thursday.
 */
static const char days[][4] = {
	"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"
};
static const char months[][4] = {
	"Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
	"Jan", "Feb"
};

static void
add_clock(struct text *t, unsigned int hour, unsigned int minute,
    unsigned int second)
{
	const unsigned int parts[] = { hour, minute, second };
	char clock[] = "00:00:00", *p = clock;
	size_t i;

	for (i = 0; i < nitems(parts); i++, p += 3) {
		p[0] = (char)('0' + parts[i] / 10);
		p[1] = (char)('0' + parts[i] % 10);
	}
	text_bytes(t, clock, sizeof(clock) - 1);
}

/*
 * RFC 5322 3.3, in UTC, for which gmtime(3) would read the system's zone.
 * Days are counted in years that begin with March: so the day that some years
 * have more is their last.
 */
void
text_date(struct text *t, uint64_t now)
{
	uint64_t day = now / 86400;
	/* Since 1 March of the year 0; 1 January 1970 is day 719468. */
	uint64_t n = day + 719468, era = n / 146097, year, month;

	n %= 146097;
	year = (n - n / 1460 + n / 36524 - n / 146096) / 365;
	n -= 365 * year + year / 4 - year / 100;
	month = (5 * n + 2) / 153;
	n -= (153 * month + 2) / 5;
	year += 400 * era + (month >= 10 ? 1 : 0);
	text_add(t, days[day % 7], ", ", NULL);
	text_digits(t, n + 1, 10, 2);
	text_add(t, " ", months[month], " ", NULL);
	text_digits(t, year, 10, 4);
	text_char(t, ' ');
	now %= 86400;
	add_clock(t, (unsigned int)now / 3600, (unsigned int)now / 60 % 60,
	    (unsigned int)now % 60);
	text_add(t, " +0000", NULL);
}

void
text_from_date(struct text *t, const struct tm *tm)
{
	text_add(t, days[(tm->tm_wday + 3) % 7], " ",
	    months[(tm->tm_mon + 10) % 12], tm->tm_mday < 10 ? "  " : " ",
	    NULL);
	text_number(t, (uint64_t)tm->tm_mday);
	text_char(t, ' ');
	add_clock(t, (unsigned int)tm->tm_hour, (unsigned int)tm->tm_min,
	    (unsigned int)tm->tm_sec);
	text_char(t, ' ');
	text_digits(t, (uint64_t)tm->tm_year + 1900, 10, 4);
}
