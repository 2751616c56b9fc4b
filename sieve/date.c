/*
 * Dates: those of RFC 5322 with obsolete zones, and the parts of RFC 5260.
 * Arithmetic of our own: time functions of libc ask files for zones.
 */
#include <string.h>

#include "impl.h"

#define DAY	86400
#define JULIAN	40587		/* modified Julian day of 1970-01-01 */

/* A point in time as people write it. */
struct calendar {
	int64_t		 day;		/* since 1970-01-01 */
	int		 year, month, mday;	/* month and mday from 1 */
	int		 hour, minute, second;
};

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

/*
 * Days since 1970-01-01, in the Gregorian calendar.  No field has a year
 * before 1900, and no clock.
 */
static int64_t
calendar_day(int64_t year, int month, int mday)
{
	int64_t era, of_era, of_year;

	/* Years that begin in March have the leap day at their end. */
	if (month <= 2)
		year--;
	era = year / 400;
	of_era = year - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + mday - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	    of_year - 719468;
}

static void
calendar_set(struct calendar *c, int64_t seconds)
{
	int64_t day, era, of_era, year, of_year, month;
	int left;

	day = (seconds >= 0 ? seconds : seconds - (DAY - 1)) / DAY;
	left = (int)(seconds - day * DAY);
	c->day = day;
	c->hour = left / 3600;
	c->minute = left / 60 % 60;
	c->second = left % 60;
	day += 719468;
	era = day / 146097;
	of_era = day - era * 146097;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
	    365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	c->mday = (int)(of_year - (153 * month + 2) / 5 + 1);
	c->month = (int)(month < 10 ? month + 3 : month - 9);
	c->year = (int)(year + era * 400 + (c->month <= 2));
}

/* Is there such a day, and such a time? */
static bool
calendar_is_real(const struct calendar *c)
{
	struct calendar same;

	calendar_set(&same, calendar_day(c->year, c->month, c->mday) * DAY);
	return same.mday == c->mday && same.month == c->month &&
	    c->hour < 24 && c->minute < 60 && c->second <= 60;
}

/* Takes the next word; false if there is none. */
static bool
date_word(const char **s, const char *end, struct str *word)
{
	bool ended;

	word->s = *s;
	while (*s < end && address_is_atext(**s))
		++*s;
	word->len = (size_t)(*s - word->s);
	*s = header_skip(*s, end, &ended);
	return word->len > 0 && ended;
}

/* All digits, at least min and at most max of them. */
static bool
date_number(const struct str *word, size_t min, size_t max, int *n)
{
	size_t i;

	if (word->len < min || word->len > max)
		return false;
	*n = 0;
	for (i = 0; i < word->len; i++) {
		if (!is_digit(word->s[i]))
			return false;
		*n = *n * 10 + word->s[i] - '0';
	}
	return true;
}

/* Passes over one of these marks, and what may stand behind it. */
static bool
skip_mark(const char **s, const char *end, const char *marks)
{
	bool ended;

	if (*s == end || !is_one_of(**s, marks))
		return false;
	*s = header_skip(*s + 1, end, &ended);
	return true;
}

static bool
parse_month(const struct str *word, int *month)
{
	struct str start = { word->s, word->len < 3 ? word->len : 3 };
	struct str name = { months, 3 };

	while (*name.s != '\0' && !str_same(&start, &name))
		name.s += 3;
	*month = (int)(name.s - months) / 3 + 1;
	return *name.s != '\0';
}

static bool
parse_year(const struct str *word, int *year)
{
	if (!date_number(word, 2, 4, year))
		return false;
	/* Two digits are of the century that begins in 1970. */
	if (word->len == 2)
		*year += *year < 70 ? 2000 : 1900;
	return *year >= 1900;
}

/* The day, month and year, with the weekday that may come first. */
static bool
parse_day(const char **s, const char *end, struct calendar *c)
{
	struct str word;

	return date_word(s, end, &word) && (word.len != 3 ||
	    (skip_mark(s, end, ",") && date_word(s, end, &word))) &&
	    date_number(&word, 1, 2, &c->mday) && date_word(s, end, &word) &&
	    parse_month(&word, &c->month) && date_word(s, end, &word) &&
	    parse_year(&word, &c->year);
}

static bool
parse_time(const char **s, const char *end, struct calendar *c)
{
	struct str word;

	if (!date_word(s, end, &word) || !date_number(&word, 1, 2, &c->hour) ||
	    !skip_mark(s, end, ":.") || !date_word(s, end, &word) ||
	    !date_number(&word, 2, 2, &c->minute))
		return false;
	if (!skip_mark(s, end, ":."))
		return true;
	return date_word(s, end, &word) && date_number(&word, 2, 2, &c->second);
}

/* Minutes east of UTC of a zone that is a letter, as ISO has them. */
static int
military_zone(char letter)
{
	const char c = to_lower(letter);

	if (c >= 'a' && c <= 'i')
		return (c - 'a' + 1) * 60;
	if (c >= 'k' && c <= 'm')
		return (c - 'a') * 60;
	if (c >= 'n' && c <= 'y')
		return ('m' - c) * 60;
	return 0;
}

/* Of a zone with a name; what is not known is UTC, as RFC 5322 wants. */
static int
named_zone(const struct str *word)
{
	static const char first[] = "ecmp";
	const char *p;
	int zone;

	if (word->len == 1)
		return military_zone(*word->s);
	if (word->len != 3 || word->s[2] != 'T')
		return 0;
	for (p = first; *p != '\0'; p++)
		if (to_lower(word->s[0]) == *p)
			break;
	if (*p == '\0')
		return 0;
	zone = -300 - 60 * (int)(p - first);
	if (to_lower(word->s[1]) == 'd')
		return zone + 60;
	return to_lower(word->s[1]) == 's' ? zone : 0;
}

bool
date_zone(const struct str *s, int *zone)
{
	struct str digits = { s->s + 1, 4 };
	int n;

	if (s->len != 5 || (*s->s != '+' && *s->s != '-') ||
	    !date_number(&digits, 4, 4, &n))
		return false;
	*zone = n / 100 * 60 + n % 100;
	if (*s->s == '-')
		*zone = -*zone;
	return true;
}

bool
date_parse(const struct str *field, struct sieve_date *d)
{
	const char *s = field->s, *end = s + field->len, *p;
	struct calendar c = { .second = 0 };	/* it may have none */
	struct str word;
	bool ended;

	for (p = s; p < end; p++)
		if (*p == ';')
			s = p + 1;
	s = header_skip(s, end, &ended);
	if (!parse_day(&s, end, &c) || !parse_time(&s, end, &c))
		return false;
	d->zone = 0;
	if (s < end) {
		if (!date_word(&s, end, &word))
			return false;
		if (!date_zone(&word, &d->zone))
			d->zone = named_zone(&word);
	}
	if (!calendar_is_real(&c))
		return false;
	/* A leap second is the one before it: none is counted since 1970. */
	if (c.second == 60)
		c.second = 59;
	d->seconds = calendar_day(c.year, c.month, c.mday) * DAY +
	    c.hour * 3600 + c.minute * 60 + c.second - d->zone * 60;
	return true;
}

static void
put_text(char *out, size_t *len, const char *s, size_t n)
{
	memcpy(out + *len, s, n);
	*len += n;
}

/* Appends n with at least that many digits. */
void
number_put(char *out, size_t *len, int64_t n, size_t width)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0 || sizeof(digits) - i < width);
	put_text(out, len, digits + i, sizeof(digits) - i);
}

static void
put_zone(char *out, size_t *len, int zone, const char *colon)
{
	int minutes = zone < 0 ? -zone : zone;

	out[(*len)++] = zone < 0 ? '-' : '+';
	number_put(out, len, minutes / 60, 2);
	if (*colon != '\0')
		out[(*len)++] = *colon;
	number_put(out, len, minutes % 60, 2);
}

/* Appends what a letter of a pattern stands for. */
static void
put_field(char *out, size_t *len, const struct calendar *c, int zone,
    char letter)
{
	int64_t weekday = ((c->day + 4) % 7 + 7) % 7;

	switch (letter) {
	case 'Y':
		number_put(out, len, c->year, 4);
		break;
	case 'M':
		number_put(out, len, c->month, 2);
		break;
	case 'D':
		number_put(out, len, c->mday, 2);
		break;
	case 'J':
		number_put(out, len, c->day + JULIAN, 1);
		break;
	case 'h':
		number_put(out, len, c->hour, 2);
		break;
	case 'm':
		number_put(out, len, c->minute, 2);
		break;
	case 's':
		number_put(out, len, c->second, 2);
		break;
	case 'w':
		out[(*len)++] = (char)('0' + weekday);
		break;
	case 'W':
		put_text(out, len, weekdays + 3 * weekday, 3);
		break;
	case 'N':
		put_text(out, len, months + 3 * (c->month - 1), 3);
		break;
	case 'z':
		put_zone(out, len, zone, "");
		break;
	case 'Z':
		if (zone == 0)
			out[(*len)++] = 'Z';
		else
			put_zone(out, len, zone, ":");
		break;
	default:
		out[(*len)++] = letter;
	}
}

/* The pattern of a part, or NULL. */
static const char *
part_pattern(const struct str *part)
{
	static const struct {
		char		 name[8], pattern[20];
	} parts[] = {
		{ "year",	"Y" },
		{ "month",	"M" },
		{ "day",	"D" },
		{ "date",	"Y-M-D" },
		{ "julian",	"J" },
		{ "hour",	"h" },
		{ "minute",	"m" },
		{ "second",	"s" },
		{ "time",	"h:m:s" },
		{ "iso8601",	"Y-M-DTh:m:sZ" },
		{ "std11",	"W, D N Y h:m:s z" },
		{ "zone",	"z" },
		{ "weekday",	"w" },
	};
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (str_is(part, parts[i].name))
			return parts[i].pattern;
	return NULL;
}

bool
date_is_part(const struct str *part)
{
	return part_pattern(part) != NULL;
}

int
date_part(struct arena *a, const struct sieve_date *d, const struct str *part,
    struct str *out)
{
	const char *p = part_pattern(part);
	struct calendar c;
	char *text;

	*out = (struct str){ "", 0 };
	if (p == NULL)
		return 0;
	/* No letter stands for more than 20 bytes, as put_number has them. */
	if ((text = arena_take(a, 20 * strlen(p))) == NULL)
		return -1;
	calendar_set(&c, d->seconds + d->zone * 60);
	for (; *p != '\0'; p++)
		put_field(text, &out->len, &c, d->zone, *p);
	out->s = text;
	return 0;
}
