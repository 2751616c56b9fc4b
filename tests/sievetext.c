/*
 * The parts of sieve/ that read a stranger's text, as tables: what a row says
 * is what the RFCs say, or what Pigeonhole 0.5.19 was seen to do.  Prints a
 * line for each row that fails, and a count.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../sieve/impl.h"

#define AT		__LINE__	/* where a row stands */
#define nitems(a)	(sizeof(a) / sizeof((a)[0]))
#define MUCH		10000000	/* steps, as a run has them */

static size_t passed, failed;
static struct arena arena = { .limit = 64 * 1024 * 1024 };

#define NUL		'\xfd'	/* in rows; no text has this byte */

/* Until the end of the row. */
static struct str
str(const char *s)
{
	struct str out = { NULL, strlen(s) };
	char *copy = memcpy(arena_take(&arena, out.len), s, out.len), *p = copy;

	while ((p = memchr(p, NUL, out.len - (size_t)(p - copy))) != NULL)
		*p++ = '\0';
	out.s = copy;
	return out;
}

/* What a row got, put together. */
static char got[65536];
static size_t ngot;

static void
got_text(const struct str *s)
{
	size_t i;

	for (i = 0; i < s->len && ngot + 1 < sizeof(got); i++)
		got[ngot++] = s->s[i] == '\0' ? NUL : s->s[i];
	got[ngot] = '\0';
}

static void
got_word(const char *s)
{
	struct str word = { s, strlen(s) };

	got_text(&word);
}

static void
got_nothing(void)
{
	ngot = 0;
	got[0] = '\0';
}

/* Counts a row whose outcome is in got. */
static void
row(int line, const char *want)
{
	if (strcmp(got, want) == 0) {
		passed++;
	} else {
		failed++;
		printf("%s:%d: got \"%s\", not \"%s\"\n", __FILE__, line, got,
		    want);
	}
	got_nothing();
	arena_free(&arena);
}

static void
got_check(int outcome)
{
	if (outcome != 0)
		got_word("no memory");
}

static void
test_fields(void)
{
	static const struct {
		int		 at;
		const char	*msg, *name;	/* NULL: all of them */
		const char	*want;	/* each value and a semicolon */
	} rows[] = {
		{ AT, "A: 1\nB: 2\nA: 3\n\nA: 4\n", "a", "1;3;" },
		{ AT, "A: 1\r\nB: 2\r\na :\t3\r\n\r\nA: 4\r\n", "A", "1;3;" },
		{ AT, "A:\nB: 2\n", "A", ";" },
		{ AT, "A: 1", "A", "1;" },
		{ AT, "A: 1\n 2\n\t3\nB: 4\n", "A", "1 2 3;" },
		{ AT, "A: 1\r\n 2\r\n\r\n 3\r\n", "A", "1 2;" },
		{ AT, "A: 1\n \nB: 2\n\n", "B", "2;" },
		{ AT, "A\n :1\nB: 2\n", "A", "" },
		{ AT, " A: 1\nA: 2\n", "A", "2;" },
		{ AT, "A B: 1\nA:: 2\n", "A", ": 2;" },
		{ AT, "torn\nA: 1\ntorn", "A", "1;" },
		{ AT, "A: \t 1 \t\n", "A", "1;" },
		{ AT, "A: 1\t\t2\n\t\t3\n", "A", "1\t\t2 \t3;" },
		{ AT, "A\t : 1\nB", "A", "1;" },
		{ AT, "A: 1\nA", "A", "1;" },
		{ AT, "A:\n 1\n", "A", "1;" },
		{ AT, "A:1\n 2", "A", "1 2;" },
		{ AT, "A:", "A", ";" },
		{ AT, "\nA: 1\n", "A", "" },
		{ AT, "", "A", "" },
		{ AT, ": 1\n", "", "" },
		{ AT, " A: 1\n: 2\nB \t: 3\nC\n 4: 5\n:: 6\nD:7\nE", NULL,
		    "B=3;D=7;" },
	};
	struct str msg, name, found, raw, value;
	size_t i, pos;

	for (i = 0; i < nitems(rows); i++) {
		msg = str(rows[i].msg);
		if (rows[i].name != NULL)
			name = str(rows[i].name);
		for (pos = 0; header_next(&msg, &pos, rows[i].name == NULL ?
		    NULL : &name, &found, &raw); ) {
			if (rows[i].name == NULL) {
				got_text(&found);
				got_word("=");
			}
			got_check(header_unfold(&arena, &raw, &value));
			got_text(&value);
			got_word(";");
		}
		row(rows[i].at, rows[i].want);
	}
}

/* A value that is nothing but blanks, which begins behind another. */
static void
test_blanks(void)
{
	struct str value = str("  "), out;

	value.s++;
	value.len--;
	got_check(header_unfold(&arena, &value, &out));
	got_text(&out);
	row(AT, "");
}

static void
test_header_end(void)
{
	static const struct {
		int		 at;
		const char	*msg, *body;
	} rows[] = {
		{ AT, "A: 1\n\nb\n", "b\n" },
		{ AT, "A: 1\r\n\r\nb", "b" },
		{ AT, "A: 1\n", "" },
		{ AT, "A: 1\nB: 2", "" },
		{ AT, "\n\n", "\n" },
		{ AT, "", "" },
	};
	struct str msg;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		msg = str(rows[i].msg);
		got_word(rows[i].msg + header_end(&msg));
		row(rows[i].at, rows[i].body);
	}
}

static void
test_decode(void)
{
	static const struct {
		int		 at;
		const char	*in, *out;
	} rows[] = {
		{ AT, "", "" },
		{ AT, "a b", "a b" },
		{ AT, "=?utf-8?q?a_b?=", "a b" },
		{ AT, "=?UTF-8?Q?=C3=B6?=", "\xc3\xb6" },
		{ AT, "=?utf-8?b?w7Y=?=", "\xc3\xb6" },
		{ AT, "=?utf-8?B?YW I?=", "ab" },
		{ AT, "=?utf-8?b?YWJj!ZGVm?=", "abc" },
		{ AT, "=?utf-8?b?ICA+ICA/?=", "  >  ?" },
		{ AT, "=?utf-8?b?YWJj\xfdZGVm?=", "abc" },
		{ AT, "=?utf-8?q?a?= \t =?utf-8?q?b?=", "ab" },
		{ AT, "=?utf-8?q?a?=\r=?utf-8?q?b?=", "ab" },
		{ AT, "=?utf-8?q?a?=\n=?utf-8?q?b?=", "ab" },
		{ AT, "x =?utf-8?q?a?= y", "x a y" },
		{ AT, "x=?utf-8?q?a?=y", "xay" },
		{ AT, "=?utf-8*en?q?a?=", "a" },
		{ AT, "=?*en?q?a?=", "a" },
		{ AT, "=?a?b", "=?a?b" },
		{ AT, "ab =?a?b", "ab =?a?b" },
		{ AT, "x?utf-8?q?a?=", "x?utf-8?q?a?=" },
		{ AT, "=?=?utf-8?q?a?=", "=?a" },
		{ AT, "=?utf-8?q?_?=", "" },
		{ AT, "=?iso-8859-1?q?=f6=80?=", "\xc3\xb6\xc2\x80" },
		{ AT, "=?latin1?q?=f6?=", "\xc3\xb6" },
		{ AT, "=?iso-8859-15?q?=a4=f6?=", "\xe2\x82\xac\xc3\xb6" },
		{ AT, "=?windows-1252?q?=80=81=8d?=",
		    "\xe2\x82\xac\xef\xbf\xbd" },
		{ AT, "=?cp1252?q?=80=82=83=84=85=86=87=88=89?=",
		    "\342\202\254\342\200\232\306\222\342\200\236\342\200"
		    "\246\342\200\240\342\200\241\313\206\342\200\260" },
		{ AT, "=?cp1252?q?=8a=8b=8c=8e=91=92=93=94=95?=",
		    "\305\240\342\200\271\305\222\305\275\342\200\230\342"
		    "\200\231\342\200\234\342\200\235\342\200\242" },
		{ AT, "=?cp1252?q?=96=97=98=99=9a=9b=9c=9e=9f?=",
		    "\342\200\223\342\200\224\313\234\342\204\242\305\241"
		    "\342\200\272\305\223\305\276\305\270" },
		{ AT, "=?windows-1252?q?=a0=a4=ff?=",
		    "\302\240\302\244\303\277" },
		{ AT, "=?latin-9?q?=a3=a4=a6=a8=b4=b8=bc=bd=be=bf?=",
		    "\302\243\342\202\254\305\240\305\241\305\275\305\276"
		    "\305\222\305\223\305\270\302\277" },
		{ AT, "=?cp1252?q?=81?=", "\xef\xbf\xbd" },
		{ AT, "=?cp1252?q?=8d?=", "\xef\xbf\xbd" },
		{ AT, "=?cp1252?q?=8f?=", "\xef\xbf\xbd" },
		{ AT, "=?cp1252?q?=90?=", "\xef\xbf\xbd" },
		{ AT, "=?cp1252?q?=9d?=", "\xef\xbf\xbd" },
		{ AT, "=?ISO-8859-1?q?=a4?=", "\xc2\xa4" },
		{ AT, "=?ISO8859-1?q?=a4?=", "\xc2\xa4" },
		{ AT, "=?ISO_8859-1?q?=a4?=", "\xc2\xa4" },
		{ AT, "=?LATIN1?q?=a4?=", "\xc2\xa4" },
		{ AT, "=?L1?q?=a4?=", "\xc2\xa4" },
		{ AT, "=?iso-8859-15?q?=a4?=", "\xe2\x82\xac" },
		{ AT, "=?iso8859-15?q?=a4?=", "\xe2\x82\xac" },
		{ AT, "=?iso_8859-15?q?=a4?=", "\xe2\x82\xac" },
		{ AT, "=?ascii?q?=c3=b6?=", "\xc3\xb6" },
		{ AT, "=?ansi_x3.4-1968?q?=c3=b6?=", "\xc3\xb6" },
		{ AT, "=?utf8?q?=c3=b6?=", "\xc3\xb6" },
		{ AT, "=?us-ascii?q?a=f6?=", "a\xef\xbf\xbd" },
		{ AT, "=?koi8-r?q?=c1?=", "=?koi8-r?q?=c1?=" },
		{ AT, "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
		{ AT, "=?utf-8?q?a?", "=?utf-8?q?a?" },
		{ AT, "=?utf-8?q?a?b", "=?utf-8?q?a?b" },
		{ AT, "=?utf-8?q?a=4=zz=?=", "a=4=zz=" },
		{ AT, "=?utf-8?q?" "?=b", "b" },
		{ AT, "=?utf-8?q?=00a=00b?=", " a b" },
		{ AT, "=?utf-8?q?_a_?=", " a" },
		{ AT, "=?utf-8?q?a=_?=b", "a=_b" },
		{ AT, "=?utf-8?q?xx=b6?= =?utf-8?q?a=c3?=",
		    "xx\xef\xbf\xbd" "a\xef\xbf\xbd" },
		{ AT, "=?utf-8?b?a\tGk=?=", "hi" },
		{ AT, "\xff", "\xef\xbf\xbd" },
		{ AT, "\xc3\xb6", "\xc3\xb6" },
		{ AT, "a\xff\xfe" "b", "a\xef\xbf\xbd" "b" },
		{ AT, "\xed\xa0\x80", "\xef\xbf\xbd" },
		{ AT, "\xc0\xaf", "\xef\xbf\xbd" },
		{ AT, "\xf4\x90\x80\x80", "\xef\xbf\xbd" },
		{ AT, "\xe0\x9f\xbf", "\xef\xbf\xbd" },
		{ AT, "\xf0\x8f\xbf\xbf", "\xef\xbf\xbd" },
		{ AT, "\xe0\xa0\x80\xff", "\xe0\xa0\x80\xef\xbf\xbd" },
		{ AT, "\xed\x9f\xbf\xff", "\xed\x9f\xbf\xef\xbf\xbd" },
		{ AT, "\xee\x80\x80\xff", "\xee\x80\x80\xef\xbf\xbd" },
		{ AT, "\xf0\x90\x80\x80\xff",
		    "\xf0\x90\x80\x80\xef\xbf\xbd" },
		{ AT, "\xf4\x8f\xbf\xbf\xff",
		    "\xf4\x8f\xbf\xbf\xef\xbf\xbd" },
		{ AT, "=?utf-8?q?=c3?= =?utf-8?q?=b6?=", "\xef\xbf\xbd" },
	};
	struct str in, out;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		in = str(rows[i].in);
		got_check(header_decode(&arena, &in, &out));
		got_text(&out);
		row(rows[i].at, rows[i].out);
	}
}

static void
got_address(const struct addr *ad)
{
	got_text(&ad->all);
	if (ad->localpart.s == NULL || ad->domain.s == NULL)
		got_word("NULL");
	if (ad->has_parts) {
		got_word("|");
		got_text(&ad->localpart);
		got_word("|");
		got_text(&ad->domain);
	}
	got_word(";");
}

/* What RFC 5322 has in an atom, and all that is no ASCII. */
static void
test_atext(void)
{
	static const char marks[] = "!#$%&'*+-/=?^_`{|}~";
	int c;

	for (c = 0; c < 0x100; c++)
		if (address_is_atext((char)c) != (c >= 0x80 || isalnum(c) ||
		    (c != '\0' && strchr(marks, c) != NULL)))
			got_word("another");
	row(AT, "");
}

static void
test_addresses(void)
{
	static const struct {
		int		 at;
		const char	*in;
		const char	*want;	/* all|localpart|domain; */
	} rows[] = {
		{ AT, "a@b", "a@b|a|b;" },
		{ AT, "A@B.C", "A@B.C|A|B.C;" },
		{ AT, "x <a@b>, \"y, z\" <c@d>", "a@b|a|b;c@d|c|d;" },
		{ AT, "a@b (c), (d (e) \\) f) g@h", "a@b|a|b;g@h|g|h;" },
		{ AT, "a (c) @ (d) b", "a@b|a|b;" },
		{ AT, "a\r@\nb", "a@b|a|b;" },
		{ AT, "a@b . c", "a@b.c|a|b.c;" },
		{ AT, "\"bob\"@x", "bob@x|bob|x;" },
		{ AT, "\"a b\"@x", "\"a b\"@x|a b|x;" },
		{ AT, "\"a\\\"b\"@x", "\"a\\\"b\"@x|a\"b|x;" },
		{ AT, "\"a\\b\"@x", "ab@x|ab|x;" },
		{ AT, "a..b@c", "\"a..b\"@c|a..b|c;" },
		{ AT, ".a@c", "\".a\"@c|.a|c;" },
		{ AT, "a.b@c", "a.b@c|a.b|c;" },
		{ AT, "a.@b, c@d", "\"a.\"@b|a.|b;c@d|c|d;" },
		{ AT, ".@b", "\".\"@b|.|b;" },
		{ AT, "a.", "a.;" },
		{ AT, "x \"y\" <a@b>", "a@b|a|b;" },
		{ AT, "x .y <a@b>", "a@b|a|b;" },
		{ AT, "<a@[1.2.3.4]>", "a@[1.2.3.4]|a|[1.2.3.4];" },
		{ AT, "a@[1.2.3.4]", "a@[1.2.3.4]|a|[1.2.3.4];" },
		{ AT, "a@[b\\]c]", "a@[b\\]c]|a|[b\\]c];" },
		{ AT, "a@[b\\", "a@[b\\;" },
		{ AT, "a@[b[c]", "a@[b[c];" },
		{ AT, "\"\\\"\"@x", "\"\\\"\"@x|\"|x;" },
		{ AT, "\"\001b\"@x", "\"\001b\"@x;" },
		{ AT, "\"b\177\"@x", "\"b\177\"@x;" },
		{ AT, "\" ~\"@x", "\" ~\"@x| ~|x;" },
		{ AT, "g: a@b, c@d;, e@f", "a@b|a|b;c@d|c|d;e@f|e|f;" },
		{ AT, "g:;", "g:;;" },
		{ AT, "g:;, a@b", "a@b|a|b;" },
		{ AT, "g: a@b", "a@b|a|b;" },
		{ AT, "g: a@b; , c@d", "a@b|a|b;c@d|c|d;" },
		{ AT, "g:", "g:;" },
		{ AT, "g: ", "g: ;" },
		{ AT, ".g: a@b", ".g: a@b;" },
		{ AT, ".x <a@b>", ".x <a@b>;" },
		{ AT, "<@r,@s:a@b>", "a@b|a|b;" },
		{ AT, "<@r, @s: a@b>", "a@b|a|b;" },
		{ AT, "<@r:@b>, c@d", "<@r:@b>, c@d;" },
		{ AT, "<\"\"@b>", ";" },
		{ AT, "<a@b c>", "<a@b c>;" },
		{ AT, "foo", "foo;" },
		{ AT, "<foo>", "<foo>;" },
		{ AT, "foo, a@b", "a@b|a|b;" },
		{ AT, "foo bar, a@b", "a@b|a|b;" },
		{ AT, "<>", "<>;" },
		{ AT, "<>, a@b", "a@b|a|b;" },
		{ AT, "a@b,,c@d,", "a@b|a|b;c@d|c|d;" },
		{ AT, "a@b c, d@e", "a@b|a|b;" },
		{ AT, "<a@b> c, d@e", "a@b|a|b;" },
		{ AT, "a@b; c@d", "a@b|a|b;" },
		{ AT, "\"a\".\"b\"@c", "\"a\".\"b\"@c;" },
		{ AT, "a. b@c", "a. b@c;" },
		{ AT, "a@b..c", "a@b..c;" },
		{ AT, "a@", "a@;" },
		{ AT, "@b", "@b;" },
		{ AT, "\"\"@b", ";" },
		{ AT, "\xc3\xb6@b", "\xc3\xb6@b;" },
		{ AT, "\xc3\xb6@b, a@\xc3\xb6", "a@\xc3\xb6|a|\xc3\xb6;" },
		{ AT, "\"a", "\"a;" },
		{ AT, "\"a\\", "\"a\\;" },
		{ AT, "a@b (c", "a@b (c;" },
		{ AT, ".(c),a@b", "a@b|a|b;" },
		{ AT, "x(c) y,a@b", "x(c) y,a@b;" },
		{ AT, "\"x\"a(c),a@b", "a@b|a|b;" },
		{ AT, "\"x\".,a@b", "\"x\".,a@b;" },
		{ AT, "(c)", "" },
		{ AT, "(c", "" },
		{ AT, "", "||;" },
	};
	struct addr other = { .has_parts = true }, *ad;
	struct str in;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		in = str(rows[i].in);
		ad = &other;
		got_check(address_parse(&arena, &in, &ad));
		for (; ad != NULL; ad = ad->next)
			got_address(ad);
		row(rows[i].at, rows[i].want);
	}
}

static void
test_envelope(void)
{
	static const struct {
		int		 at;
		const char	*in;
		const char	*want;	/* all|localpart|domain;user;detail */
	} rows[] = {
		{ AT, "", "||;;" },
		{ AT, "a@b", "a@b|a|b;a;none" },
		{ AT, "a+b-c@D", "a+b-c@D|a+b-c|D;a;b-c" },
		{ AT, "a-b+c@D", "a-b+c@D|a-b+c|D;a;b+c" },
		{ AT, "a+@b", "a+@b|a+|b;a;" },
		{ AT, "+a@b", "+a@b|+a|b;;a" },
		{ AT, "\"a b+c\"@d", "\"a b+c\"@d|a b+c|d;a b;c" },
		{ AT, "\"a\\\"+b\"@d", "\"a\\\"+b\"@d|a\"+b|d;a\";b" },
		{ AT, "\"bob\"@d", "bob@d|bob|d;bob;none" },
		{ AT, "\"\"@d", "\"\"@d||d;;none" },
		{ AT, "\"a@b\"@d", "\"a@b\"@d|a@b|d;a@b;none" },
		{ AT, "@r:a@b", "a@b|a|b;a;none" },
		{ AT, "a", "a|a|;a;none" },
		{ AT, "\xc3\xb6@b", "\xc3\xb6@b|\xc3\xb6|b;\xc3\xb6;none" },
	};
	struct addr *ad;
	struct str part;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		got_check(address_envelope(&arena, rows[i].in, &ad));
		got_address(ad);
		if (address_user(ad, "+-", &part))
			got_text(&part);
		got_word(";");
		if (address_detail(ad, "+-", &part))
			got_text(&part);
		else
			got_word("none");
		row(rows[i].at, rows[i].want);
	}
}

static void
test_address_fields(void)
{
	static const struct {
		int		 at;
		const char	*name, *want;
	} rows[] = {
		{ AT, "From", "yes" }, { AT, "resent-bcc", "yes" },
		{ AT, "Abuse-Reports-To", "yes" },
		{ AT, "Apparently-To", "yes" },
		{ AT, "Bcc", "yes" },
		{ AT, "Cc", "yes" },
		{ AT, "Delivered-To", "yes" },
		{ AT, "Errors-To", "yes" },
		{ AT, "For-Approval", "yes" },
		{ AT, "For-Comment", "yes" },
		{ AT, "For-Handling", "yes" },
		{ AT, "From", "yes" },
		{ AT, "Mail-Followup-To", "yes" },
		{ AT, "Mail-Reply-To", "yes" },
		{ AT, "Read-Receipt-To", "yes" },
		{ AT, "Registered-Mail-Reply-Requested-By", "yes" },
		{ AT, "Reply-To", "yes" },
		{ AT, "Resent-Bcc", "yes" },
		{ AT, "Resent-Cc", "yes" },
		{ AT, "Resent-From", "yes" },
		{ AT, "Resent-Reply-To", "yes" },
		{ AT, "Resent-Sender", "yes" },
		{ AT, "Resent-To", "yes" },
		{ AT, "Return-Receipt-Requested", "yes" },
		{ AT, "Return-Receipt-To", "yes" },
		{ AT, "Sender", "yes" },
		{ AT, "To", "yes" },
		{ AT, "X-Admin", "yes" },
		{ AT, "X-Beenthere", "yes" },
		{ AT, "X-Complaints-To", "yes" },
		{ AT, "X-Confirm-Reading-To", "yes" },
		{ AT, "X-Original-To", "yes" },
		{ AT, "X-Report-Abuse-To", "yes" },
		{ AT, "Return-Path", "no" }, { AT, "Subject", "no" },
		{ AT, "", "no" },
	};
	struct str name;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		name = str(rows[i].name);
		got_word(address_is_field(&name) ? "yes" : "no");
		row(rows[i].at, rows[i].want);
	}
}

static void
test_compare(void)
{
	static const struct {
		int		 at;
		enum comparator	 c;
		const char	*a, *b, *want;
	} rows[] = {
		{ AT, COMPARE_OCTET, "a", "a", "=" },
		{ AT, COMPARE_OCTET, "a", "A", ">" },
		{ AT, COMPARE_OCTET, "a", "ab", "<" },
		{ AT, COMPARE_OCTET, "ab", "a", ">" },
		{ AT, COMPARE_OCTET, "\xff", "a", ">" },
		{ AT, COMPARE_OCTET, "", "", "=" },
		{ AT, COMPARE_CASEMAP, "aB", "Ab", "=" },
		{ AT, COMPARE_CASEMAP, "_", "B", "<" },
		{ AT, COMPARE_CASEMAP, "Z", "[", ">" },
		{ AT, COMPARE_CASEMAP, "\xc3\xa4", "\xc3\x84", ">" },
		{ AT, COMPARE_NUMERIC, "7", "10", "<" },
		{ AT, COMPARE_NUMERIC, "007", "7x", "=" },
		{ AT, COMPARE_NUMERIC, "0", "00", "=" },
		{ AT, COMPARE_NUMERIC, "7", "8", "<" },
		{ AT, COMPARE_NUMERIC, "x", "9", ">" },
		{ AT, COMPARE_NUMERIC, "x", "", "=" },
		{ AT, COMPARE_NUMERIC, "-1", "5", ">" },
		{ AT, COMPARE_NUMERIC, " 7", "7", ">" },
		{ AT, COMPARE_NUMERIC, "18446744073709551616", "1", ">" },
		{ AT, COMPARE_NUMERIC, "99999999999999999999999",
		    "99999999999999999999998", ">" },
	};
	struct str a, b;
	size_t i;
	int n;

	for (i = 0; i < nitems(rows); i++) {
		a = str(rows[i].a);
		b = str(rows[i].b);
		n = match_compare(rows[i].c, &a, &b);
		got_word(n < 0 ? "<" : n > 0 ? ">" : "=");
		row(rows[i].at, rows[i].want);
	}
}

/* Each key costs a step at least, as there may be many of little length. */
static void
got_steps(const struct budget *b)
{
	if (b->steps == MUCH)
		got_word(", for nothing");
}

static void
test_contains(void)
{
	static const struct {
		int		 at;
		enum comparator	 c;
		const char	*value, *key, *want;
	} rows[] = {
		{ AT, COMPARE_CASEMAP, "abc", "BC", "yes" },
		{ AT, COMPARE_OCTET, "abc", "BC", "no" },
		{ AT, COMPARE_OCTET, "aab", "ab", "yes" },
		{ AT, COMPARE_OCTET, "abc", "ab", "yes" },
		{ AT, COMPARE_OCTET, "abc", "", "yes" },
		{ AT, COMPARE_OCTET, "", "", "yes" },
		{ AT, COMPARE_OCTET, "ab", "abc", "no" },
	};
	struct budget b;
	struct str value, key;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		value = str(rows[i].value);
		key = str(rows[i].key);
		b.steps = MUCH;
		got_word(match_contains(rows[i].c, &value, &key, &b) ?
		    "yes" : "no");
		got_steps(&b);
		row(rows[i].at, rows[i].want);
	}
}

/* All captures but the first, which is checked to be what matched. */
static void
got_captures(const struct captures *cap)
{
	size_t i;

	for (i = 1; i < cap->n; i++) {
		got_text(&cap->text[i]);
		got_word("|");
	}
}

static void
test_wildcard(void)
{
	static const struct {
		int		 at;
		const char	*value, *pattern, *want;
	} rows[] = {
		{ AT, "abc", "abc", "" },
		{ AT, "abc", "ABC", "" },
		{ AT, "abc", "ab", "no" },
		{ AT, "abc", "*", "abc|" },
		{ AT, "", "*", "|" },
		{ AT, "", "?", "no" },
		{ AT, "", "", "" },
		{ AT, "abc", "a*", "bc|" },
		{ AT, "a", "a*", "|" },
		{ AT, "abcbd", "*b*", "a|cbd|" },
		{ AT, "abcbd", "*b?", "abc|d|" },
		{ AT, "aab", "*ab", "a|" },
		{ AT, "abc", "**", "|abc|" },
		{ AT, "abc", "***c", "||ab|" },
		{ AT, "aabab", "*?b*", "a|a|ab|" },
		{ AT, "ab", "?*?", "a||b|" },
		{ AT, "abcabd", "*a?d", "abc|b|" },
		{ AT, "xaybz", "x*y*z", "a|b|" },
		{ AT, "a\xc3\xb6" "b", "a?b", "\xc3\xb6|" },
		{ AT, "a\xff" "b", "a?b", "\xff|" },
		{ AT, "a*b", "a\\*b", "" },
		{ AT, "axb", "a\\*b", "no" },
		{ AT, "aa?", "*\\?", "aa|" },
		{ AT, "ab", "a\\b", "" },
		{ AT, "a\\", "a\\", "" },
		{ AT, "abcdefghijklmnopqrstuvwxyzabcdefghi",
		    "???????????????????????????????????",
		    "a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|u|v|w|x|y|z|"
		    "a|b|c|d|e|" },
	};
	struct budget b;
	struct captures cap;
	struct str value, pattern;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		value = str(rows[i].value);
		pattern = str(rows[i].pattern);
		b.steps = MUCH;
		if (match_wildcard(COMPARE_CASEMAP, &value, &pattern, &cap,
		    &b))
			got_captures(&cap);
		else
			got_word("no");
		got_steps(&b);
		row(rows[i].at, rows[i].want);
	}
}

/* What matched, and the groups; or the error.  The steps that it took. */
static uint64_t
got_regex(const char *pattern, const char *value)
{
	struct str p = str(pattern), v = str(value);
	struct budget b = { MUCH };
	struct captures cap;
	const char *wrong;
	struct regex *r;

	if ((r = regex_compile(&arena, &p, true, &wrong)) == NULL) {
		got_word("error: ");
		got_word(wrong);
	} else if (!regex_match(&arena, r, &v, &cap, &b)) {
		got_word("no");
	} else {
		got_text(&cap.text[0]);
		got_word("|");
		got_captures(&cap);
	}
	return MUCH - b.steps;
}

static void
test_regex(void)
{
	static const struct {
		int		 at;
		const char	*pattern, *value, *want;
	} rows[] = {
		{ AT, "b", "abc", "b|" },
		{ AT, "B", "abc", "b|" },
		{ AT, "", "abc", "|" },
		{ AT, "^b", "abc", "no" },
		{ AT, "^a.c$", "abc", "abc|" },
		{ AT, "a|ab", "ab", "ab|" },
		{ AT, "(a|ab)(c|bcd)", "abcd", "abcd|a|bcd|" },
		{ AT, "x*", "aaa", "|" },
		{ AT, "(a*)(b+)", "xaabb", "aabb|aa|bb|" },
		{ AT, "(x)|(a)", "a", "a||a|" },
		{ AT, "a{2}", "caaa", "aa|" },
		{ AT, "a{2,}", "aaaa", "aaaa|" },
		{ AT, "a{,2}b", "aaab", "aab|" },
		{ AT, "a{1,2}b", "aaab", "aab|" },
		{ AT, "(ab){0}c", "abc", "c||" },
		{ AT, "((a{2}){2}){2}", "aaaaaaaaa", "aaaaaaaa|aaaa|aa|" },
		{ AT, "[[:digit:]]+", "ab123c", "123|" },
		{ AT, "[^[:alpha:]]+", "ab12c", "12|" },
		{ AT, "[]a]+", "x]a", "]a|" },
		{ AT, "[a-]+", "x-a", "-a|" },
		{ AT, "[[.-.]b]", "a-", "-|" },
		{ AT, "[A-C]+", "xabcd", "abc|" },
		{ AT, "[@-Z]+", "`az{", "az|" },
		{ AT, "[A-_]+", "`az{|}~\177", "az|" },
		{ AT, "[`-z]+", "@AZ[", "AZ|" },
		{ AT, "[a-\177]+", "@AZ[\\]^_", "AZ|" },
		{ AT, "[^a]", "A", "no" },
		{ AT, "\\.", "a.b", ".|" },
		{ AT, "\\bfoo\\b", "a foo.", "foo|" },
		{ AT, "\\<b", "ab b", "b|" },
		{ AT, "\\w+\\s\\S", "ab cd", "ab c|" },
		{ AT, "\\w+", "-a_Z9-", "a_Z9|" },
		{ AT, "\\W+", "a_ -b", " -|" },
		{ AT, "\\Bb.", "bx aby", "by|" },
		{ AT, "a\\>.", "ab a,", "a,|" },
		{ AT, "\\`.", "ab", "a|" },
		{ AT, "\\`b", "ab", "no" },
		{ AT, ".\\'", "ab", "b|" },
		{ AT, "a\\'", "ab", "no" },
		{ AT, "\\d", "d1", "no" },
		{ AT, "\\D", "d1", "d|" },
		{ AT, "a)", "a)", "a)|" },
		{ AT, "()", "a", "||" },
		{ AT, "a||b", "b", "b|" },
		{ AT, "((((a*)*)*)*)b", "aab", "aab|aa|aa|aa|aa|" },
		{ AT, "(a", "", "error: a \"(\" has no \")\"" },
		{ AT, "[a", "", "error: a \"[\" has no \"]\"" },
		{ AT, "[[", "", "error: a \"[\" has no \"]\"" },
		{ AT, "[[:", "", "error: a character class has no \":]\"" },
		{ AT, "[[.", "",
		    "error: there is no such collating element" },
		{ AT, "[a-", "", "error: a \"[\" has no \"]\"" },
		{ AT, "[^", "", "error: a \"[\" has no \"]\"" },
		{ AT, "a{", "", "error: what is in \"{\" and \"}\" is wrong" },
		{ AT, "a{1", "",
		    "error: what is in \"{\" and \"}\" is wrong" },
		{ AT, "a{}", "",
		    "error: what is in \"{\" and \"}\" is wrong" },
		{ AT, "a{1x}", "",
		    "error: what is in \"{\" and \"}\" is wrong" },
		{ AT, "a{50}", "a", "no" },
		{ AT, "a{1,", "",
		    "error: what is in \"{\" and \"}\" is wrong" },
		{ AT, "*a", "", "error: there is nothing to be repeated" },
		{ AT, "^*", "", "error: there is nothing to be repeated" },
		{ AT, "a|*", "", "error: there is nothing to be repeated" },
		{ AT, "a{51}", "",
		    "error: a repetition is of more than 50" },
		{ AT, "a{2,1}", "",
		    "error: what is in \"{\" and \"}\" is wrong" },
		{ AT, "a{x", "",
		    "error: what is in \"{\" and \"}\" is wrong" },
		{ AT, "(a)\\1", "", "error: backreferences are not known" },
		{ AT, "a\\", "", "error: nothing follows the last \"\\\"" },
		{ AT, "[b-a]", "",
		    "error: the end of a range is before it" },
		{ AT, "[a-[=bc=]]", "",
		    "error: there is no such collating element" },
		{ AT, "[[.bc.]-d]", "",
		    "error: there is no such collating element" },
		{ AT, "[[:foo:]]", "",
		    "error: there is no such character class" },
		{ AT, "((a{50}){50}){50}", "",
		    "error: the regular expression is too large" },
		{ AT, "(a)bb|c", "abxc", "c||" },
		{ AT, "[[:digitx]", "",
		    "error: a character class has no \":]\"" },
		{ AT, "[[:a:", "",
		    "error: a character class has no \":]\"" },
		{ AT, "(a|b|c)d", "xad", "ad|a|" },
		{ AT, "(a|b|c)d", "xbd", "bd|b|" },
		{ AT, "(a|b|c)d", "xcd", "cd|c|" },
		{ AT, "a{51,}", "",
		    "error: a repetition is of more than 50" },
		{ AT, "a{1,51}", "",
		    "error: a repetition is of more than 50" },
		{ AT, "a{4294967297}", "",
		    "error: a repetition is of more than 50" },
		{ AT, "[", "", "error: a \"[\" has no \"]\"" },
		{ AT, "[a-z]+", "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ|" },
		{ AT, "(a))", "xa)", "a)|a|" },
		{ AT, "[[.x.]]", "ax", "x|" },
		{ AT, "[[=x=]-z]+", "axy", "xy|" },
		{ AT, "[[.a.][.b.]]+", "xab", "ab|" },
		{ AT, "a{,2}b", "b", "b|" },
		{ AT, "(ab){1,3}c", "abc", "abc|ab|" },
		{ AT, "(ab){1,3}c", "xababc", "ababc|ab|" },
		{ AT, "\\Bb", "ab", "b|" },
		{ AT, "\\<.", " b", "b|" },
		{ AT, "\\<b.", "abc bd", "bd|" },
		{ AT, "+a", "", "error: there is nothing to be repeated" },
		{ AT, "?a", "", "error: there is nothing to be repeated" },
		{ AT, "{a", "", "error: there is nothing to be repeated" },
		{ AT, "(*a)", "", "error: there is nothing to be repeated" },
		{ AT, "ab|bcd", "abcd", "ab|" },
		{ AT, "a*", "aab", "aa|" },
		{ AT, "a|abc", "abc", "abc|" },
		{ AT, "(a|ab)(c|bcd)(d*)", "abcd", "abcd|a|bcd||" },
		{ AT, "\\9", "", "error: backreferences are not known" },
	};
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		(void)got_regex(rows[i].pattern, rows[i].value);
		row(rows[i].at, rows[i].want);
	}
}

/* A string of n times c, and what ends it. */
static const char *
many(char c, size_t n, const char *end)
{
	static char text[200000];

	memset(text, c, n);
	memcpy(text + n, end, strlen(end) + 1);
	return text;
}

/* What is just small enough for a program, and what is not. */
static void
test_large(void)
{
	static const struct {
		int		 at;
		char		 c;
		size_t		 n;
		const char	*end, *want;
	} rows[] = {
		{ AT, 'a', 4095, "", "no" },
		{ AT, 'a', 4096, "", "large" },
		{ AT, '|', 3000, "", "large" },
		{ AT, 'a', 4096, "(", "large" },
		{ AT, 'a', 4094, "(b)", "large" },
		{ AT, 'a', 4095, "b{,2}", "large" },
		{ AT, 'a', 4094, "b{1,2}", "large" },
		{ AT, 'a', 4093, "(b){1,2}", "large" },
		{ AT, '(', 64, "*", "error: there is nothing to be "
		    "repeated" },
		{ AT, '(', 65, "*", "error: groups are nested too deeply" },
	};
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		(void)got_regex(many(rows[i].c, rows[i].n, rows[i].end), "b");
		row(rows[i].at, strcmp(rows[i].want, "large") != 0 ?
		    rows[i].want : "error: the regular expression is too "
		    "large");
	}
}

/* Patterns at which a matcher that goes back would stand for ever. */
static void
test_hostile(void)
{
	static const struct {
		int		 at;
		const char	*pattern;
		uint64_t	 steps;	/* at least */
	} rows[] = {
		{ AT, "(((a*)*)*)*b", 40000 }, { AT, "(a|a)*b", 30000 },
		{ AT, "(a|aa)+b", 30000 }, { AT, "(a?){50}a{50}b", 800000 },
		{ AT, "(.*)(.*)(.*)(.*)(.*)(.*)b", 90000 },
		{ AT, "((a{50}){50})b", MUCH },
		/* Nothing that can begin: what is passed over is quick. */
		{ AT, "b", 300 }, { AT, "b+|(bc)", 300 },
	};
	struct budget b = { MUCH };
	struct captures cap;
	struct str value, pattern;
	uint64_t steps;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		steps = got_regex(rows[i].pattern, many('a', 20000, "c"));
		row(rows[i].at, "no");
		got_word(steps >= rows[i].steps && steps < rows[i].steps * 2 ?
		    "counted" : "");
		row(rows[i].at, "counted");
	}
	value = str(many('a', 100000, ""));
	pattern = str("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab");
	got_word(match_wildcard(COMPARE_OCTET, &value, &pattern, &cap, &b) ?
	    "yes" : "no");
	/* A step for each of 8 bytes at least: what is spent is seen. */
	got_word(b.steps < MUCH - 10000 && b.steps > 0 ? ", counted" : "");
	b.steps = 10;
	got_word(match_contains(COMPARE_OCTET, &value, &pattern, &b) ||
	    b.steps > 0 ? ", goes on" : ", ends");
	row(AT, "no, counted, ends");
	pattern = str(many('(', 1000, ""));
	got_word(regex_compile(&arena, &pattern, false, &(const char *){ NULL })
	    == NULL ? "error" : "none");
	row(AT, "error");
}

/* The classes are those that C has for ASCII. */
static void
test_classes(void)
{
	static const struct {
		const char	*pattern;
		int		(*has)(int);
	} rows[] = {
		{ "[[:alnum:]]", isalnum }, { "[[:alpha:]]", isalpha },
		{ "[[:blank:]]", isblank }, { "[[:cntrl:]]", iscntrl },
		{ "[[:digit:]]", isdigit }, { "[[:graph:]]", isgraph },
		{ "[[:lower:]]", islower }, { "[[:print:]]", isprint },
		{ "[[:punct:]]", ispunct }, { "[[:space:]]", isspace },
		{ "[[:upper:]]", isupper }, { "[[:xdigit:]]", isxdigit },
	};
	struct budget b = { MUCH };
	const char *wrong;
	struct regex *r;
	struct str p, v;
	size_t i;
	char c;
	int k;

	for (i = 0; i < nitems(rows); i++) {
		p = str(rows[i].pattern);
		r = regex_compile(&arena, &p, false, &wrong);
		for (k = 0; k < 0x80; k++) {
			c = (char)k;
			v.s = &c;
			v.len = 1;
			if (r == NULL || regex_match(&arena, r, &v, NULL, &b)
			    != (rows[i].has(k) != 0)) {
				got_word(rows[i].pattern);
				break;
			}
		}
		row(AT, "");
	}
}

static void
got_date(const struct sieve_date *d, const char *part)
{
	struct str name = str(part), text = name;

	got_check(date_part(&arena, d, &name, &text));
	got_text(&text);
}

static void
test_date(void)
{
	static const struct {
		int		 at;
		const char	*in, *want;
	} rows[] = {
		{ AT, "Fri, 21 Nov 1997 09:55:06 -0600",
		    "1997-11-21T09:55:06-06:00" },
		{ AT, "21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06Z" },
		{ AT, "1 Jan 05 1:02", "2005-01-01T01:02:00Z" },
		{ AT, "Fri , 21 (c) Nov 1997 09 : 55 : 06 EST (d)",
		    "1997-11-21T09:55:06-05:00" },
		{ AT, "21 November 1997 09.55 PDT",
		    "1997-11-21T09:55:00-07:00" },
		{ AT, "21 Nov 1997 09:55 A", "1997-11-21T09:55:00+01:00" },
		{ AT, "21 Nov 1997 09:55 a", "1997-11-21T09:55:00+01:00" },
		{ AT, "21 Nov 1997 09:55 i", "1997-11-21T09:55:00+09:00" },
		{ AT, "21 Nov 1997 09:55 J", "1997-11-21T09:55:00Z" },
		{ AT, "21 Nov 1997 09:55 K", "1997-11-21T09:55:00+10:00" },
		{ AT, "21 Nov 1997 09:55 M", "1997-11-21T09:55:00+12:00" },
		{ AT, "21 Nov 1997 09:55 N", "1997-11-21T09:55:00-01:00" },
		{ AT, "21 Nov 1997 09:55 y", "1997-11-21T09:55:00-12:00" },
		{ AT, "21 Nov 1997 09:55 Z", "1997-11-21T09:55:00Z" },
		{ AT, "21 Nov 1997 09:55 5", "1997-11-21T09:55:00Z" },
		{ AT, "21 Nov 1997 09:55 {", "1997-11-21T09:55:00Z" },
		{ AT, "21 Nov 1997 09:55 CET", "1997-11-21T09:55:00Z" },
		{ AT, "21 Nov 1997 09:55 XST", "1997-11-21T09:55:00Z" },
		{ AT, "21 Nov 1997 09:55 EST5", "1997-11-21T09:55:00Z" },
		{ AT, "21 Nov 1997 09:55 EET", "1997-11-21T09:55:00Z" },
		{ AT, "21 Nov 1997 09:55 cdT", "1997-11-21T09:55:00-05:00" },
		{ AT, "21 Nov 1997 09:55 MsT", "1997-11-21T09:55:00-07:00" },
		{ AT, "21 Nov 1997 09:55 PST", "1997-11-21T09:55:00-08:00" },
		{ AT, "21 Nov 1997 09:55 ESt", "1997-11-21T09:55:00Z" },
		{ AT, "from x by y; 21 Nov 1997 09:55 +0100",
		    "1997-11-21T09:55:00+01:00" },
		{ AT, "29 Feb 2000 23:59:60 -0000", "2000-02-29T23:59:59Z" },
		{ AT, "1 Jan 1900 00:00 +0000", "1900-01-01T00:00:00Z" },
		{ AT, "31 Dec 9999 23:59 +0530",
		    "9999-12-31T23:59:00+05:30" },
		{ AT, "31 Dec 69 0:00", "2069-12-31T00:00:00Z" },
		{ AT, "1 Jan 70 0:00", "1970-01-01T00:00:00Z" },
		{ AT, "1 Jan 99 23:59:01", "1999-01-01T23:59:01Z" },
		{ AT, "001 Jan 2001 00:00", "no" },
		{ AT, "Fri, 001 Jan 2001 00:00", "no" },
		{ AT, "1 Jan 1 00:00", "no" },
		{ AT, "1 Jan 20001 00:00", "no" },
		{ AT, "1 Jan xx 00:00", "no" },
		{ AT, "1 Jan 2001 000:00", "no" },
		{ AT, "1 Jan 2001 00:0", "no" },
		{ AT, "1 Jan 2001 00:000", "no" },
		{ AT, "1 Jan 2001 00:00:0", "no" },
		{ AT, "1 Jan 2001 00:00:000", "no" },
		{ AT, "1 Jan 2001 00 00", "no" },
		{ AT, "1 Jan 2001 :00", "no" },
		{ AT, "1 Ja 2001 00:00", "no" },
		{ AT, "Fri 1 Jan 2001 00:00", "no" },
		{ AT, "Fri x1 Jan 2001 00:00", "no" },
		{ AT, "Fri", "no" },
		{ AT, "Frid, 1 Jan 2001 00:00", "no" },
		{ AT, "29 Feb 2001 00:00", "no" },
		{ AT, "0 Jan 2001 00:00", "no" },
		{ AT, "31 Apr 2001 00:00", "no" },
		{ AT, "1 Jan 2001 24:00", "no" },
		{ AT, "1 Jan 2001 00:60", "no" },
		{ AT, "1 Jan 2001 00:00:61", "no" },
		{ AT, "1 Jan 1899 00:00", "no" },
		{ AT, "1 Jan 200 00:00", "no" },
		{ AT, "1 Foo 2001 00:00", "no" },
		{ AT, "1 Jan 2001", "no" },
		{ AT, "1 Jan 2001 00:00 (c", "no" },
		{ AT, "1 Jan 2001 00:00 @", "no" },
		{ AT, "", "no" },
	};
	struct sieve_date d;
	struct str in;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		in = str(rows[i].in);
		if (date_parse(&in, &d))
			got_date(&d, "iso8601");
		else
			got_word("no");
		row(rows[i].at, rows[i].want);
	}
}

/* Days around those that not every year has: as libc has them, both ways. */
static void
test_calendar(void)
{
	static const struct {
		int		 at;
		int64_t		 day, n;	/* since 1970 */
	} rows[] = {
		{ AT, -25567, 1525 },
		{ AT, -7, 71 },
		{ AT, 10926, 461 },
		{ AT, 46052, 2955 },
		{ AT, 156739, 745 },
		{ AT, 2932866, 31 },
	};
	struct sieve_date d = { .zone = 0 }, again;
	struct str in;
	struct tm tm;
	char text[64];
	time_t now;
	int64_t k;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		for (k = rows[i].day; k < rows[i].day + rows[i].n; k++) {
			d.seconds = now = k * 86400 + k * k % 86400;
			strftime(text, sizeof(text),
			    "%a, %d %b %Y %H:%M:%S +0000",
			    gmtime_r(&now, &tm));
			in = str(text);
			got_date(&d, "std11");
			if (strcmp(got, text) != 0 ||
			    !date_parse(&in, &again) ||
			    again.seconds != d.seconds) {
				got_word(" it is not");
				break;
			}
			got_nothing();
			arena_free(&arena);
		}
		row(rows[i].at, "");
	}
}

static void
test_date_parts(void)
{
	static const struct {
		int		 at;
		int64_t		 seconds;
		int		 zone;
		const char	*part, *want;
	} rows[] = {
		{ AT, 951865445, 90, "year", "2000" },
		{ AT, 951865445, 90, "MONTH", "03" },
		{ AT, 951865445, 90, "day", "01" },
		{ AT, 951865445, 90, "date", "2000-03-01" },
		{ AT, 951865445, 90, "hour", "00" },
		{ AT, 951865445, 90, "minute", "34" },
		{ AT, 951865445, 90, "second", "05" },
		{ AT, 951865445, 90, "time", "00:34:05" },
		{ AT, 951865445, 90, "iso8601", "2000-03-01T00:34:05+01:30" },
		{ AT, 951865445, 90, "std11",
		    "Wed, 01 Mar 2000 00:34:05 +0130" },
		{ AT, 951865445, 90, "zone", "+0130" },
		{ AT, 951865445, -90, "zone", "-0130" },
		{ AT, 951865445, 90, "weekday", "3" },
		{ AT, 951865445, 90, "julian", "51604" },
		{ AT, 0, 0, "julian", "40587" },
		{ AT, 0, 0, "iso8601", "1970-01-01T00:00:00Z" },
		{ AT, -1, 0, "std11", "Wed, 31 Dec 1969 23:59:59 +0000" },
		{ AT, 0, 0, "weekday", "4" },
		{ AT, 0, 0, "century", "" },
	};
	struct sieve_date d;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		d.seconds = rows[i].seconds;
		d.zone = rows[i].zone;
		got_date(&d, rows[i].part);
		row(rows[i].at, rows[i].want);
	}
}

static void
test_zone(void)
{
	static const struct {
		int		 at;
		const char	*in;
		bool		 good;
		int		 zone;
	} rows[] = {
		{ AT, "+0130", true, 90 }, { AT, "-0100", true, -60 },
		{ AT, "+0000", true, 0 }, { AT, "0100", false, 0 },
		{ AT, "+010", false, 0 }, { AT, "+01:0", false, 0 },
		{ AT, "GMT", false, 0 }, { AT, "", false, 0 },
	};
	struct str in;
	size_t i;
	int zone;

	for (i = 0; i < nitems(rows); i++) {
		in = str(rows[i].in);
		zone = 0;
		got_word(date_zone(&in, &zone) == rows[i].good &&
		    zone == rows[i].zone ? "right" : rows[i].in);
		row(rows[i].at, "right");
	}
}

/* What is there already stays before it. */
static void
test_number(void)
{
	static const struct {
		int		 at;
		int64_t		 n;
		size_t		 width;
		const char	*want;
	} rows[] = {
		{ AT, 0, 1, "x0" }, { AT, 0, 3, "x000" }, { AT, 9, 1, "x9" },
		{ AT, 10, 1, "x10" }, { AT, 10, 2, "x10" },
		{ AT, 10, 3, "x010" }, { AT, 123, 2, "x123" },
		{ AT, INT64_MAX, 1, "x9223372036854775807" },
	};
	struct str text;
	char out[32] = "x";
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		text.s = out;
		text.len = 1;
		number_put(out, &text.len, rows[i].n, rows[i].width);
		got_text(&text);
		row(rows[i].at, rows[i].want);
	}
}

static int
take_addresses(struct arena *a, const struct str *in)
{
	struct addr *ad;

	return address_parse(a, in, &ad);
}

static int
take_envelope(struct arena *a, const struct str *in)
{
	struct addr *ad;

	return address_envelope(a, in->s, &ad);
}

static int
take_unfolded(struct arena *a, const struct str *in)
{
	struct str out;

	return header_unfold(a, in, &out);
}

static int
take_decoded(struct arena *a, const struct str *in)
{
	struct str out;

	return header_decode(a, in, &out);
}

static int
take_date(struct arena *a, const struct str *in)
{
	const struct sieve_date d = { 0, 0 };
	struct str out;

	return date_part(a, &d, in, &out);
}

/* With any memory less than what is wanted, they say so, and do no harm. */
static void
test_no_memory(void)
{
	static const struct {
		int		 at;
		int		(*take)(struct arena *, const struct str *);
		const char	*in;
	} rows[] = {
		{ AT, take_addresses, "" }, { AT, take_addresses, "x" },
		{ AT, take_addresses, "a@b, c <d@e>" },
		{ AT, take_envelope, "" }, { AT, take_envelope, "a@b" },
		{ AT, take_unfolded, "a\n b" },
		{ AT, take_decoded, "=?utf-8?q?a?=" },
		{ AT, take_date, "year" },
	};
	struct arena small = { .limit = 0 };
	struct str in;
	size_t i;
	int outcome;

	for (i = 0; i < nitems(rows); i++) {
		in.s = rows[i].in;
		in.len = strlen(in.s);
		for (small.limit = 0; small.limit < 1000; small.limit++) {
			small.failed = false;
			outcome = rows[i].take(&small, &in);
			arena_free(&small);
			if (!small.failed || outcome != -1)
				break;
		}
		got_word(outcome == 0 && !small.failed && small.limit > 0 ?
		    "right" : "wrong");
		row(rows[i].at, "right");
	}
}

#define MIXED_FIELD	"Content-Type: multipart/mixed; boundary=\"b\"\n"
#define MIXED		MIXED_FIELD "\n"

static void
test_body(void)
{
	static const struct {
		int		 at;
		enum body_transform how;
		const char	*types;	/* one */
		const char	*msg;
		const char	*want;	/* each part in brackets */
	} rows[] = {
		{ AT, BODY_RAW, "", "A: b\n\nx\ny\n", "[x\r\ny\r\n]" },
		{ AT, BODY_RAW, "", "A: b\n\n", "" },
		{ AT, BODY_RAW, "", "A: b\n\n\r\n\n\r\n", "[\r\n\r\n\r\n]" },
		{ AT, BODY_RAW, "", MIXED "--b\n", "[--b\r\n]" },
		{ AT, BODY_TEXT, "", "A: b\n\nx\n", "[x\r\n]" },
		{ AT, BODY_TEXT, "", "A: b\r\n\r\nx\r\n", "[x\r\n]" },
		{ AT, BODY_TEXT, "", "A: b\n\n", "[]" },
		{ AT, BODY_TEXT, "", "A: b\n", "" },
		{ AT, BODY_TEXT, "", "Content-Type: image/gif\n\nx", "" },
		{ AT, BODY_TEXT, "", "Content-Type: foo\n\nx", "" },
		{ AT, BODY_TEXT, "", "Content-Type: TEXT/x ; y\n\nx", "[x]" },
		/* What a field says of the type, and what is no type. */
		{ AT, BODY_TEXT, "", "Content-Type: text/plain?\n\nx", "" },
		{ AT, BODY_TEXT, "", "Content-Type: text/plain/\n\nx", "" },
		{ AT, BODY_TEXT, "", "Content-Type: text/plain=\n\nx", "" },
		{ AT, BODY_TEXT, "", "Content-Type: text/plain x\n\nx", "" },
		{ AT, BODY_TEXT, "", "Content-Type: text,plain\n\nx", "" },
		{ AT, BODY_TEXT, "", "Content-Type: text/\n\nx", "" },
		{ AT, BODY_CONTENT, "/x", "Content-Type: /x\n\nx", "" },
		{ AT, BODY_CONTENT, "t", "Content-Type: foo\n\nx", "" },
		{ AT, BODY_CONTENT, "x/y", "Content-Type: x/y\n\nx", "[x]" },
		{ AT, BODY_TEXT, "", "Content-Type: (c) text (c) / (c) x "
		    "(c) ; (c) charset (c) = (c) iso-8859-1\n\n\xf6",
		    "[\xc3\xb6]" },
		{ AT, BODY_TEXT, "", "Content-Type: text/x; "
		    "y=\"z\" (c) ; charset=iso-8859-1\n\n\xf6", "[\xc3\xb6]" },
		{ AT, BODY_TEXT, "", "Content-Type: text/x; y=z,"
		    "charset=iso-8859-1\n\n\xf6", "[\xef\xbf\xbd]" },
		{ AT, BODY_TEXT, "", "Content-Type: text/x; charset,"
		    "iso-8859-1\n\n\xf6", "[\xef\xbf\xbd]" },
		/* The last field counts, and it alone. */
		{ AT, BODY_TEXT, "",
		    "Content-Type: text/x; charset=iso-8859-1\n"
		    "Content-Type: text/x\n\n\xf6", "[\xef\xbf\xbd]" },
		{ AT, BODY_TEXT, "", MIXED_FIELD
		    "Content-Type: multipart/mixed\n\n--b\n\nx", "" },
		{ AT, BODY_CONTENT, "", "Content-Type: message/rfc822\n"
		    "Content-Type: text/x\n\nS: q\n\nX", "[S: q\r\n\r\nX]" },
		{ AT, BODY_TEXT, "", "Content-Type: text/x\n"
		    "Content-Type: foo\n\nx", "" },
		/* Boundaries, bare and in quotes. */
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/mixed; boundary=a.b\n\n"
		    "--a\n\nX\n--a.b\n\nY\n", "[Y\r\n]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/mixed; boundary==x\n\n"
		    "--=x\n\nX\n--=x--\n", "[X]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/mixed; boundary=\"a\\b;\\\"\"\n\n"
		    "--ab;\"\n\nX\n", "[X\r\n]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/mixed; boundary=\"b\n\n"
		    "--b\n\nX\n", "" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/mixed; boundary=\"b\\\n\n"
		    "--b\n\nX\n", "" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/mixed; boundary=\"b\xfd\"\n\n"
		    "--b\xfd\n\nX\n--b", "[X\r\n--b]" },
		{ AT, BODY_TEXT, "", MIXED "--b\n\nX\n--b", "[X]" },
		{ AT, BODY_TEXT, "", MIXED "--b\n\n--b\n\nX\n", "[][X\r\n]" },
		{ AT, BODY_TEXT, "", MIXED "--b\n\nX\n--b--\n--b\n\nY\n",
		    "[X]" },
		{ AT, BODY_TEXT, "", MIXED "--b\n"
		    "Content-Type: multipart/mixed; boundary=b\n\n"
		    "--b\n\nX\n--b--\n--b\n\nY\n--b--\n", "[X][Y]" },
		/* Encodings. */
		{ AT, BODY_TEXT, "", "Content-Transfer-Encoding: 7bit\n\na",
		    "[a]" },
		{ AT, BODY_TEXT, "", "Content-Transfer-Encoding: Binary\n\na",
		    "[a]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: (c) base64 x\n\nYWJj", "[]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: (c) base64\n\nYWJj", "[abc]" },
		{ AT, BODY_TEXT, "", "Content-Transfer-Encoding: base64\n"
		    "Content-Transfer-Encoding: foo\n\nYWJj", "[]" },
		/* XHTML is text, but not application. */
		{ AT, BODY_TEXT, "",
		    "Content-Type: application/xhtml+xml\n\n<b>x", "[x]" },
		{ AT, BODY_CONTENT, "application",
		    "Content-Type: application/xhtml+xml\n\n<b>x", "[<b>x]" },
		/* What a part says counts for it alone, torn or not. */
		{ AT, BODY_TEXT, "", MIXED "--b\nContent-Type: image/gif\n"
		    "--b\n\nA\n", "[A\r\n]" },
		{ AT, BODY_TEXT, "", MIXED "--b\nxy", "" },
		{ AT, BODY_TEXT, "", "A: b\n\na=41", "[a=41]" },
		{ AT, BODY_CONTENT, "message/rfc822",
		    "Content-Type: message/rfc822\n\nS: x\n", "[S: x\r\n]" },
		/* Charsets. */
		{ AT, BODY_TEXT, "", "Content-Type: text/x; charset=koi8-r\n\n"
		    "\xc3\xb6\xff", "[\xc3\xb6\xef\xbf\xbd]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: text/x; charset=iso-8859-1\n\n\xc3\xb6",
		    "[\xc3\x83\xc2\xb6]" },
		{ AT, BODY_CONTENT, "", "Content-Type: foo\n\nx", "[x]" },
		{ AT, BODY_CONTENT, "text", "A: b\n\nx", "[x]" },
		{ AT, BODY_CONTENT, "text/plain", "A: b\n\nx", "[x]" },
		{ AT, BODY_CONTENT, "text/html", "A: b\n\nx", "" },
		{ AT, BODY_CONTENT, "tex", "A: b\n\nx", "" },
		{ AT, BODY_CONTENT, "Image",
		    "Content-Type: image/gif\n\nx", "[x]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: base64\n\nYWJj\nZGVm\n",
		    "[abcdef]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: BASE64 (c);\n\nYWJj",
		    "[abc]" },
		{ AT, BODY_TEXT, "", "Content-Transfer-Encoding: 8bit\n\na",
		    "[a]" },
		{ AT, BODY_TEXT, "", "Content-Transfer-Encoding: foo\n\na",
		    "[]" },
		{ AT, BODY_TEXT, "", "Content-Transfer-Encoding:\n\na", "[]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: quoted-printable\n"
		    "Content-Type: text/plain; charset=iso-8859-1\n\n"
		    "a=F6=\nb =20 \nc=zz", "[a\xc3\xb6" "b  \r\nc=zz]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: quoted-printable\n\na= \t",
		    "[a]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: quoted-printable\n\na=",
		    "[a=]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: quoted-printable\n\n"
		    "a =\n\nb", "[a \r\nb]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: quoted-printable\n\na=x",
		    "[a=x]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: quoted-printable\n\na=x\nb",
		    "[a=x\r\nb]" },
		{ AT, BODY_TEXT, "", MIXED "--b\n"
		    "Content-Transfer-Encoding: quoted-printable\n\n"
		    "a= \n--b--\n", "[a]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: quoted-printable\n\n"
		    "a=\r\nb= \r\nc=\rd", "[abc=\rd]" },
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: quoted-printable\n\n\n\n",
		    "[\r\n\r\n]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: text/plain; charset=cp1252\n\n\x80",
		    "[\xe2\x82\xac]" },
		/* A CR that is spelled is no part of the line's end. */
		{ AT, BODY_TEXT, "",
		    "Content-Transfer-Encoding: quoted-printable\n\n"
		    "a=0D\nb", "[a\r\r\nb]" },
		{ AT, BODY_TEXT, "", MIXED "--b\n"
		    "Content-Transfer-Encoding: quoted-printable\n\n"
		    "a=20 \t\n--b--\n", "[a ]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: text/plain; charset=\"utf-8\"\n\n\xc3x",
		    "[\xef\xbf\xbdx]" },
		{ AT, BODY_TEXT, "", "Content-Type: text/html\n\n"
		    "<p>a&amp;b</p><script>x</script>c", "[a&b c]" },
		{ AT, BODY_CONTENT, "", "Content-Type: text/html\n\n<b>x",
		    "[<b>x]" },
		{ AT, BODY_TEXT, "", "Content-Type: text/html\n\nab",
		    "[ab]" },
		{ AT, BODY_TEXT, "", "Content-Type: text/plain; x==y ; "
		    "charset=iso-8859-1\n\n\xf6", "[\xc3\xb6]" },
		/* Only a multipart has boundaries. */
		{ AT, BODY_TEXT, "",
		    "Content-Type: text/x-long; boundary=b\n\na\n--b\n\nc",
		    "[a\r\n--b\r\n\r\nc]" },
		{ AT, BODY_CONTENT, "", MIXED
		    "p\n--b\n\nA\n--b\nContent-Type: text/html\n\nB\n--b--\ne",
		    "[p][A][B][e]" },
		{ AT, BODY_TEXT, "", MIXED
		    "p\n--b\n\nA\n--b\nContent-Type: text/html\n\nB\n--b--\ne",
		    "[A][B]" },
		{ AT, BODY_CONTENT, "multipart", MIXED
		    "p\n--b\n\nA\n--b--\ne", "[p][e]" },
		{ AT, BODY_TEXT, "", MIXED "--b\r\n\r\nA\r\n\r\n--b--\r\n",
		    "[A\r\n]" },
		{ AT, BODY_TEXT, "", MIXED "--b\nx: y\n--b\n\nA\n", "[A\r\n]" },
		{ AT, BODY_TEXT, "", MIXED "--bx\n\nA\n--b  \n\nB", "[A][B]" },
		{ AT, BODY_TEXT, "", MIXED "--b\n\nA\n+-b\n-+b\n--",
		    "[A\r\n+-b\r\n-+b\r\n--]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
		    "Content-Type: multipart/mixed; boundary=ab\n\n--ab\n\n"
		    "X\n--ab--\n--a\n\nY\n--a--\n", "[X][Y]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
		    "Content-Type: multipart/mixed; boundary=bb\n\n--bb\n\n"
		    "X\n--a\n\nY\n--bb\n\nZ\n--a\n\nW\n--a--\n",
		    "[X][Y\r\n--bb\r\n\r\nZ][W]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
		    "Content-Type: multipart/mixed; boundary=cc\n\n--cc\n\n"
		    "X\n--cc\n\nY\n--cc--\n--a\n\nZ\n--a--\n", "[X][Y][Z]" },
		{ AT, BODY_CONTENT, "message/rfc822",
		    "Content-Type: message/rfc822\n\nS: x\n y\n\nX",
		    "[S: x\r\n y\r\n]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: message/rfc822\n\nS: x\n y\n\nX", "[X]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/digest; boundary=b\n\n--b\n\n"
		    "S: q\n\nX\n--b--\n", "[][X]" },
		{ AT, BODY_TEXT, "",
		    "Content-Type: multipart/digest; boundary=b\n\n--b\n"
		    "Content-Type:\n\nS: q\n\nX\n--b--\n", "" },
	};
	struct budget b = { MUCH };
	struct body_part *p = NULL;
	struct str msg, type;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		msg = str(rows[i].msg);
		type = str(rows[i].types);
		got_check(body_parts(&arena, &msg, rows[i].how, &type, 1, &b,
		    &p));
		for (; p != NULL; p = p->next) {
			got_word("[");
			got_text(&p->text);
			got_word("]");
		}
		row(rows[i].at, rows[i].want);
	}
}

/* Lines that end in LF alone are lines too. */
static void
test_quoted_printable(void)
{
	static const struct {
		int		 at;
		const char	*in, *out;
	} rows[] = {
		{ AT, "a\nb", "a\r\nb" },
		{ AT, "=0D\nb", "\r\r\nb" },
		{ AT, "=0D \t\n \nb ", "\r\r\n\r\nb" },
		{ AT, "a=20 \n", "a \r\n" },
		{ AT, "a =\n \n", "a \r\n" },
	};
	struct str in, out;
	size_t i;
	char *text;

	for (i = 0; i < nitems(rows); i++) {
		in = str(rows[i].in);
		out.s = text = arena_take(&arena, 2 * in.len);
		out.len = mime_quoted_printable(in.s, in.len, text);
		got_text(&out);
		row(rows[i].at, rows[i].out);
	}
}

/*
 * All that is read costs steps, and a line that could be a boundary some for
 * each multipart that is open.  No text is made up where steps or memory end.
 */
static void
test_body_limits(void)
{
	static const struct {
		int		 at;
		enum body_transform how;
		const char	*msg;
		const char	*want;	/* parts and steps */
	} rows[] = {
		{ AT, BODY_RAW, "A: b\n\n0123456789abcdef", "1 2" },
		{ AT, BODY_RAW, "A: b\n\n0123456789abcde", "1 1" },
		{ AT, BODY_TEXT, "A: b\n\n0123456789abcde", "1 3" },
		{ AT, BODY_TEXT, "A: b\n\n0123456789\n--0", "1 4" },
		{ AT, BODY_TEXT, "Content-Type: text/html\n\n"
		    "<b>0123456789abcdef0123456789abcdef", "1 7" },
		{ AT, BODY_TEXT, "Content-Type: text/plain;\n"
		    "\tcharset=iso-8859-1\n\n0123456789abcdef", "1 6" },
		{ AT, BODY_CONTENT, MIXED "--b\n\n0123456789abcdef\n",
		    "2 10" },
		{ AT, BODY_CONTENT, MIXED "--b--\n0123456789abcdef\n",
		    "2 10" },
		{ AT, BODY_RAW, "A: b\n\n", "0 1" },
		{ AT, BODY_TEXT,
		    "Content-Type: text/x-0123456789abcdef0123456789abcdef\n"
		    "\nx", "1 5" },
		{ AT, BODY_TEXT, "Content-Transfer-Encoding: base64\n\n"
		    "MDEyMzQ1Njc4OWFiY2RlZg==", "1 6" },
		{ AT, BODY_CONTENT, "Content-Type: message/rfc822\n\n"
		    "Content-Type: text/plain\n\nx", "2 5" },
	};
	static const struct str any = { "", 0 };
	const size_t limit = arena.limit;
	struct body_part stale = { { NULL, 0 }, NULL }, *p;
	struct budget b;
	struct str msg;
	size_t i, n, used;
	uint64_t steps;
	char number[48];

	for (i = 0; i < nitems(rows); i++) {
		msg = str(rows[i].msg);
		b.steps = MUCH;
		p = &stale;
		got_check(body_parts(&arena, &msg, rows[i].how, &any, 1, &b,
		    &p));
		for (n = 0; p != NULL; p = p->next)
			n++;
		steps = MUCH - b.steps;
		snprintf(number, sizeof(number), "%zu %ju", n,
		    (uintmax_t)steps);
		got_word(number);
		used = arena.used;
		for (n = msg.len; n < used; n += 7) {
			arena_free(&arena);
			msg = str(rows[i].msg);
			b.steps = MUCH;
			arena.limit = n;
			if (body_parts(&arena, &msg, rows[i].how, &any, 1,
			    &b, &p) != -1)
				got_word(", memory made up");
			arena.limit = limit;
		}
		while (steps-- > 0) {
			b.steps = steps;
			if (body_parts(&arena, &msg, rows[i].how, &any, 1,
			    &b, &p) != 0 || b.steps != 0)
				got_word(", steps made up");
		}
		row(rows[i].at, rows[i].want);
	}
}

/* Multiparts in each other, as many as may be open and one more. */
static void
test_nested(void)
{
	static const struct str any = { "", 0 };
	struct budget b = { MUCH };
	struct body_part *p;
	struct str msg;
	char text[8192];
	size_t n, deep, len;

	for (deep = 100; deep <= 101; deep++) {
		for (n = len = 0; n < deep; n++)
			len += (size_t)snprintf(text + len, 128,
			    "Content-Type: multipart/x; boundary=b%03zu\n\n"
			    "--b%03zu\n", n, n);
		strlcpy(text + len, "\nX\n--b099\n\nY\n--b000\n\nZ",
		    sizeof(text) - len);
		msg = str(text);
		got_check(body_parts(&arena, &msg, BODY_TEXT, &any, 1, &b,
		    &p));
		for (; p != NULL; p = p->next) {
			got_text(&p->text);
			got_word(";");
		}
		row(AT, deep == 100 ? "X;Y;Z;" : "Y;Z;");
	}
}

static void
test_html(void)
{
	static const struct {
		int		 at;
		const char	*in, *want;
	} rows[] = {
		{ AT, "a<br>b<br/>c", "a b c" },
		{ AT, "<p>a</p>\n<p>b", "a \nb" },
		{ AT, "<a href=\"x>y\" b='>'>z", "z" },
		{ AT, "<!-- x > y -->z", "z" },
		{ AT, "<!-- x -- > y", " y" },
		{ AT, "<SCRIPT x=y>a<b></script>z", "z" },
		{ AT, "<style>a</style>z", "z" },
		{ AT, "<scripty>a", "a" },
		{ AT, "a<script>b", "a" },
		{ AT, "a<style>b", "a" },
		{ AT, "a\t<script></script>b \n<style>c</style>d",
		    "a\t b \nd" },
		{ AT, "a<blockquote>b</blockquote>c", "a\n> b\nc" },
		{ AT, "<blockquote>a<BLOCKQUOTE x=\">\">b</Blockquote>c"
		    "</blockquote>d<b>e", "\n> a\n> b\n> c\nd e" },
		{ AT, "</blockquote>a</blockquote>b", "a b" },
		{ AT, "a<blockquote\n>b</blockquote >c</blockquote>d",
		    "a\n> b\n> c\nd" },
		{ AT, "a<blockquotes>b<blockquote", "a b" },
		{ AT, "<blockquote><b>a<script></script>b<!-- -->c<",
		    "\n> \n> a bc" },
		{ AT, "<blockquote><><><><><><><><><><><><><><>",
		    "\n> \n> \n> \n> \n> \n> \n> \n> \n> \n> \n> \n> "
		    "\n> \n> \n> " },
		{ AT, "<![CDATA[a<b]]>c", "a<bc" },
		{ AT, "&lt;&#65;&#x42;&nbsp;&euro;&Auml;",
		    "<AB\xc2\xa0\xe2\x82\xac\xc3\x84" },
		{ AT, "&foo;a&b c&#xd800;&", "ab c" },
		{ AT, "a&#6a;b&#x6A;c&#x6g;d&#6`;e&#x;f&#;g", "abjcdefg" },
		{ AT, "a&#x`;b&#x+;c", "abc" },
		{ AT, "&#x00000041;&#x000000041;", "A#x000000041;" },
		{ AT, "a&#xd7ff;&#xd800;&#xdfff;&#xe000;b",
		    "a\xed\x9f\xbf\xee\x80\x80" "b" },
		{ AT, "a&#x10ffff;&#x110000;b&#1114111;&#1114112;c",
		    "a\xf4\x8f\xbf\xbf" "b\xf4\x8f\xbf\xbf" "c" },
		/* All that HTML 4 has, by a list that is not ours. */
		{ AT, "&iexcl;&cent;&pound;&curren;&yen;&brvbar;&sect;&uml;",
		    "\302\241\302\242\302\243\302\244\302\245\302\246\302"
		    "\247\302\250" },
		{ AT, "&copy;&ordf;&laquo;&not;&shy;&reg;&macr;&deg;",
		    "\302\251\302\252\302\253\302\254\302\255\302\256\302"
		    "\257\302\260" },
		{ AT, "&plusmn;&sup2;&sup3;&acute;&micro;&para;&middot;"
		    "&cedil;",
		    "\302\261\302\262\302\263\302\264\302\265\302\266\302"
		    "\267\302\270" },
		{ AT, "&sup1;&ordm;&raquo;&frac14;&frac12;&frac34;&iquest;"
		    "&Agrave;",
		    "\302\271\302\272\302\273\302\274\302\275\302\276\302"
		    "\277\303\200" },
		{ AT, "&Aacute;&Acirc;&Atilde;&Auml;&Aring;&AElig;&Ccedil;"
		    "&Egrave;",
		    "\303\201\303\202\303\203\303\204\303\205\303\206\303"
		    "\207\303\210" },
		{ AT, "&Eacute;&Ecirc;&Euml;&Igrave;&Iacute;&Icirc;&Iuml;"
		    "&ETH;",
		    "\303\211\303\212\303\213\303\214\303\215\303\216\303"
		    "\217\303\220" },
		{ AT, "&Ntilde;&Ograve;&Oacute;&Ocirc;&Otilde;&Ouml;&times;"
		    "&Oslash;",
		    "\303\221\303\222\303\223\303\224\303\225\303\226\303"
		    "\227\303\230" },
		{ AT, "&Ugrave;&Uacute;&Ucirc;&Uuml;&Yacute;&THORN;&szlig;"
		    "&agrave;",
		    "\303\231\303\232\303\233\303\234\303\235\303\236\303"
		    "\237\303\240" },
		{ AT, "&aacute;&acirc;&atilde;&auml;&aring;&aelig;&ccedil;"
		    "&egrave;",
		    "\303\241\303\242\303\243\303\244\303\245\303\246\303"
		    "\247\303\250" },
		{ AT, "&eacute;&ecirc;&euml;&igrave;&iacute;&icirc;&iuml;"
		    "&eth;",
		    "\303\251\303\252\303\253\303\254\303\255\303\256\303"
		    "\257\303\260" },
		{ AT, "&ntilde;&ograve;&oacute;&ocirc;&otilde;&ouml;&divide;"
		    "&oslash;",
		    "\303\261\303\262\303\263\303\264\303\265\303\266\303"
		    "\267\303\270" },
		{ AT, "&ugrave;&uacute;&ucirc;&uuml;&yacute;&thorn;&yuml;",
		    "\303\271\303\272\303\273\303\274\303\275\303\276\303"
		    "\277" },
		{ AT, "&amp;&lt;&gt;&quot;&apos;&OElig;&oelig;&Scaron;",
		    "&<>\042'\305\222\305\223\305\240" },
		{ AT, "&scaron;&Yuml;&circ;&tilde;&ensp;&emsp;&thinsp;&zwnj;",
		    "\305\241\305\270\313\206\313\234\342\200\202\342\200"
		    "\203\342\200\211\342\200\214" },
		{ AT, "&zwj;&ndash;&mdash;&lsquo;&rsquo;&sbquo;&ldquo;&rdquo;",
		    "\342\200\215\342\200\223\342\200\224\342\200\230\342"
		    "\200\231\342\200\232\342\200\234\342\200\235" },
		{ AT, "&bdquo;&dagger;&Dagger;&bull;&hellip;&permil;&lsaquo;"
		    "&rsaquo;",
		    "\342\200\236\342\200\240\342\200\241\342\200\242\342"
		    "\200\246\342\200\260\342\200\271\342\200\272" },
		{ AT, "&euro;&trade;",
		    "\342\202\254\342\204\242" },
		{ AT, "a&#;&#x;&#0;b", "a\xfd" "b" },
		{ AT, "a&#0;<b>b", "a\xfd b" },
		{ AT, "a<b", "a" },
		/* What has no end, or an odd one. */
		{ AT, "a<!---->z", "az" },
		{ AT, "a<!-- b", "a" },
		{ AT, "a<!-- b --", "a" },
		{ AT, "a<!-- b -- ", "a" },
		{ AT, "<a b=\"x\\\">\">y", "y" },
		{ AT, "<a \\>y", "y" },
		{ AT, "<a b=\"\\", "" },
		{ AT, "a<style>b</style>c", "a c" },
		{ AT, "a<![CDATA[b", "ab" },
	};
	struct str in, text;
	size_t i;
	char *out;

	for (i = 0; i < nitems(rows); i++) {
		in = str(rows[i].in);
		text.s = out = arena_take(&arena, in.len + in.len / 2);
		text.len = html_text(in.s, in.len, out);
		got_text(&text);
		row(rows[i].at, rows[i].want);
	}
}

static void
test_utf8(void)
{
	static const struct {
		int		 at;
		uint32_t	 c;
		const char	*want;
	} rows[] = {
		{ AT, 'a', "a" }, { AT, 0x7f, "\x7f" },
		{ AT, 0x80, "\xc2\x80" }, { AT, 0x7ff, "\xdf\xbf" },
		{ AT, 0x800, "\xe0\xa0\x80" }, { AT, 0xffff, "\xef\xbf\xbf" },
		{ AT, 0x10000, "\xf0\x90\x80\x80" },
		{ AT, 0x10ffff, "\xf4\x8f\xbf\xbf" },
	};
	struct str text;
	char out[4];
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		text.s = out;
		text.len = utf8_put(rows[i].c, out);
		got_text(&text);
		if (!utf8_is_valid(&text) ||
		    utf8_length(out, text.len) != text.len ||
		    (text.len > 1 && utf8_valid(out, text.len - 1) != 0))
			got_word(" is not valid");
		row(rows[i].at, rows[i].want);
	}
}

int
main(void)
{
	test_fields();
	test_blanks();
	test_header_end();
	test_decode();
	test_atext();
	test_addresses();
	test_envelope();
	test_address_fields();
	test_compare();
	test_contains();
	test_wildcard();
	test_regex();
	test_large();
	test_hostile();
	test_classes();
	test_date();
	test_calendar();
	test_date_parts();
	test_zone();
	test_number();
	test_no_memory();
	test_body();
	test_quoted_printable();
	test_body_limits();
	test_nested();
	test_html();
	test_utf8();
	printf("%zu rows right, %zu wrong\n", passed, failed);
	return failed == 0 ? 0 : 1;
}
