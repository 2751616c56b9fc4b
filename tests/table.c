/*
 * Everything pure, as tables: a row is what goes in and what RFC 2033,
 * RFC 5321, RFC 3030 or lmtpd(8) says must come out.  Prints a line for
 * each row that fails, and a count.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lmtpd.h"
#include "../sieve/impl.h"
#include "fence.h"

#define AT	__LINE__	/* where a row stands */
#define LEN(s)	s, sizeof(s) - 1	/* a literal that may hold NUL */
#define HUGE	UINT64_MAX	/* the SIZE past all counting */

static size_t passed, failed;
static struct block *fences;

/* Counts a row, and says where it is and what it got if that is wrong. */
static void __attribute__((__format__(printf, 3, 4)))
row(int line, bool good, const char *fmt, ...)
{
	char raw[8192], clean[4 * sizeof(raw) + 1];
	struct text t;
	va_list ap;

	if (good) {
		passed++;
		return;
	}
	failed++;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	text_init(&t, clean, sizeof(clean));
	text_escape(&t, raw, strlen(raw), TEXT_QUOTED);
	printf("%s:%d: got %s\n", __FILE__, line, clean);
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const char *
or_null(const char *s)
{
	return s == NULL ? "(null)" : s;
}

/* n bytes with a fence behind them, until the next; text has its NUL. */
static char *
fenced(const char *s, size_t n)
{
	fence_free(&fences);
	return fence_copy(&fences, s, n);
}

static char *
fenced_text(const char *s)
{
	return fenced(s, strlen(s) + 1);
}

/* A string of n times c, between two others: a row's, so it is kept. */
static const char *
many(const char *before, int c, size_t n, const char *after)
{
	static char *kept[128];
	static size_t nkept;
	size_t len = strlen(before);
	char *s = malloc(len + n + strlen(after) + 1);

	if (s == NULL || nkept == nitems(kept))
		abort();
	kept[nkept++] = s;
	memcpy(s, before, len);
	memset(s + len, c, n);
	memcpy(s + len + n, after, strlen(after) + 1);
	return s;
}

/*
 * The dialogue.
 */
static void
test_command(void)
{
	static const struct {
		int		 at;
		const char	*in;
		size_t		 len;
		const char	*verb;	/* NULL: refused */
		const char	*args;
	} rows[] = {
		{ AT, LEN("NOOP"), "NOOP", "" },
		{ AT, LEN("noop"), "noop", "" },
		{ AT, LEN(""), "", "" },
		{ AT, LEN("DATA "), "DATA", "" },
		{ AT, LEN("LHLO a.example"), "LHLO", "a.example" },
		{ AT, LEN("LHLO   a  b  "), "LHLO", "a  b" },
		{ AT, LEN("MAIL FROM:<a b>"), "MAIL", "FROM:<a b>" },
		{ AT, LEN("RCPT TO:<\xc3\xbc@x>"), "RCPT",
		    "TO:<\xc3\xbc@x>" },
		{ AT, LEN("RCPT TO:<\xff>"), "RCPT", "TO:<\xff>" },
		/* An older charset's letters, and UTF-8 that is no control. */
		{ AT, LEN("NOOP \x85\x9b"), "NOOP", "\x85\x9b" },
		{ AT, LEN("NOOP \xc2\xa0\xc3\x85"), "NOOP",
		    "\xc2\xa0\xc3\x85" },
		{ AT, LEN("NOOP \xe2\x80\xa7\xe2\x80\xaf"), "NOOP",
		    "\xe2\x80\xa7\xe2\x80\xaf" },
		{ AT, LEN("NOOP \xe2\x81\xa5\xe2\x81\xaa"), "NOOP",
		    "\xe2\x81\xa5\xe2\x81\xaa" },
		{ AT, LEN("NOOP \xe2\x80"), "NOOP", "\xe2\x80" },
		{ AT, LEN("NOOP \xc2"), "NOOP", "\xc2" },
		{ AT, LEN("NOOP \xc2\x80"), NULL, NULL },
		{ AT, LEN("RCPT TO:<a\xc2\x9f@b>"), NULL, NULL },
		{ AT, LEN("NOOP \xe2\x80\xa8"), NULL, NULL },
		{ AT, LEN("NOOP \xe2\x80\xae"), NULL, NULL },
		{ AT, LEN("\xe2\x81\xa6NOOP"), NULL, NULL },
		{ AT, LEN("NOOP \xe2\x81\xa9"), NULL, NULL },
		{ AT, LEN("LHLO\ta"), NULL, NULL },
		{ AT, LEN("NOOP\0"), NULL, NULL },
		{ AT, LEN("\0NOOP"), NULL, NULL },
		{ AT, LEN("MAIL FROM:<a\0b>"), NULL, NULL },
		{ AT, LEN("NOOP\r"), NULL, NULL },
		{ AT, LEN("NOOP\nQUIT"), NULL, NULL },
		{ AT, LEN("NOOP \x1f"), NULL, NULL },
		{ AT, LEN("NOOP \x7f"), NULL, NULL },
	};
	char before[] = "x  ";
	const char *args;
	char *line;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		line = fenced(rows[i].in, rows[i].len + 1);
		args = parse_command(line, rows[i].len);
		row(rows[i].at, same(args, rows[i].args) && (args == NULL ||
		    same(line, rows[i].verb)), "%s with %s", line,
		    or_null(args));
	}
	/* What stands before it is left alone. */
	args = parse_command(before + 2, 1);
	row(AT, same(args, "") && same(before, "x "), "%s", before);
}

static void
test_forward_path(void)
{
	static const struct {
		int		 at;
		const char	*in;
		const char	*raw;	/* NULL: malformed */
		const char	*local;
		const char	*domain;
		const char	*rest;
	} rows[] = {
		{ AT, "<a@b.example>", "a@b.example", "a", "b.example", "" },
		{ AT, "   <a@b>", "a@b", "a", "b", "" },
		{ AT, "<a@b> IGNOREQUOTA", "a@b", "a", "b", " IGNOREQUOTA" },
		{ AT, "<alice>", "alice", "alice", "", "" },
		{ AT, "<Postmaster>", "Postmaster", "Postmaster", "", "" },
		{ AT, "<Al@B.EXAMPLE>", "Al@B.EXAMPLE", "Al", "b.example",
		    "" },
		{ AT, "<a+b-c@d>", "a+b-c@d", "a+b-c", "d", "" },
		{ AT, "<!#$%&'*+-/=?^_`{|}~@d>", "!#$%&'*+-/=?^_`{|}~@d",
		    "!#$%&'*+-/=?^_`{|}~", "d", "" },
		/* Dots in any place: such addresses exist. */
		{ AT, "<.a@b>", ".a@b", ".a", "b", "" },
		{ AT, "<a.@b>", "a.@b", "a.", "b", "" },
		{ AT, "<a..b@c>", "a..b@c", "a..b", "c", "" },
		/* The DNS's root is no part of the domain's name here. */
		{ AT, "<a@b.>", "a@b.", "a", "b", "" },
		{ AT, "<@r.:a@b.c.>", "a@b.c.", "a", "b.c", "" },
		/* UTF-8, RFC 6531. */
		{ AT, "<\xc3\xbc@\xc3\xb6.example>",
		    "\xc3\xbc@\xc3\xb6.example", "\xc3\xbc",
		    "\xc3\xb6.example", "" },
		/* Quoted strings lose their quotes in the local part only. */
		{ AT, "<\"a b\"@c>", "\"a b\"@c", "a b", "c", "" },
		{ AT, "<\"a\\\"b\"@c>", "\"a\\\"b\"@c", "a\"b", "c", "" },
		{ AT, "<\"a\\\\\"@c>", "\"a\\\\\"@c", "a\\", "c", "" },
		{ AT, "<\"a>b\"@c>", "\"a>b\"@c", "a>b", "c", "" },
		{ AT, "<\"a> b\"@c>", "\"a> b\"@c", "a> b", "c", "" },
		{ AT, "<\"a@b\"@c>", "\"a@b\"@c", "a@b", "c", "" },
		{ AT, "<\"../x\"@c>", "\"../x\"@c", "../x", "c", "" },
		{ AT, "<\"a\\b\"@c>", "\"a\\b\"@c", "ab", "c", "" },
		{ AT, "<\"\"@c>", "\"\"@c", "", "c", "" },
		/* A source route is dropped. */
		{ AT, "<@r:a@b>", "a@b", "a", "b", "" },
		{ AT, "<@r,@s.example:a@b> X", "a@b", "a", "b", " X" },
		{ AT, "<@[10.0.0.1]:a@b>", "a@b", "a", "b", "" },
		/* Address literals. */
		{ AT, "<a@[127.0.0.1]>", "a@[127.0.0.1]", "a", "[127.0.0.1]",
		    "" },
		{ AT, "<a@[IPv6:FE80::1]>", "a@[IPv6:FE80::1]", "a",
		    "[ipv6:fe80::1]", "" },
		{ AT, "<a@[1]>", "a@[1]", "a", "[1]", "" },
		/* Malformed. */
		{ .at = AT, .in = "" },
		{ .at = AT, .in = "a@b" },
		{ .at = AT, .in = "<" },
		{ .at = AT, .in = "<>" },
		{ .at = AT, .in = "<a@b" },
		{ .at = AT, .in = "a@b>" },
		{ .at = AT, .in = "<a@>" },
		{ .at = AT, .in = "<@b>" },
		{ .at = AT, .in = "<@r:>" },
		{ .at = AT, .in = "< a@b>" },
		{ .at = AT, .in = "<a@b >" },
		{ .at = AT, .in = "<a b@c>" },
		{ .at = AT, .in = "<a@b c>" },
		{ .at = AT, .in = "<a@b>x" },
		{ .at = AT, .in = "<a@b>>" },
		{ .at = AT, .in = "<<a@b>>" },
		{ .at = AT, .in = "<a@b@c>" },
		{ .at = AT, .in = "<a@.b>" },
		{ .at = AT, .in = "<a@b..c>" },
		{ .at = AT, .in = "<a@b..>" },
		{ .at = AT, .in = "<a@[127.0.0.1].>" },
		{ .at = AT, .in = "<a@b/c>" },
		{ .at = AT, .in = "<a@..>" },
		{ .at = AT, .in = "<a,b@c>" },
		{ .at = AT, .in = "<a:b@c>" },
		{ .at = AT, .in = "<a(b)@c>" },
		{ .at = AT, .in = "<a\\b@c>" },
		{ .at = AT, .in = "<\"a@b>" },
		{ .at = AT, .in = "<a\"@b>" },
		{ .at = AT, .in = "<\"a\\\"@b>" },
		{ .at = AT, .in = "<\"a\\" },
		{ .at = AT, .in = "<a@[127.0.0.1>" },
		{ .at = AT, .in = "<a@127.0.0.1]>" },
		{ .at = AT, .in = "<a@[]>" },
		{ .at = AT, .in = "<a@[[1]>" },
	};
	struct address a;
	const char *s;
	size_t i;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		s = fenced_text(rows[i].in);
		memset(&a, 'x', sizeof(a));
		r = parse_forward_path(&s, &a);
		if (rows[i].raw == NULL)
			row(rows[i].at, r == -1, "%.200s", a.raw);
		else if (r == -1)
			row(rows[i].at, false, "-1");
		else
			row(rows[i].at, same(a.raw, rows[i].raw) &&
			    same(a.local, rows[i].local) &&
			    same(a.domain, rows[i].domain) &&
			    same(s, rows[i].rest),
			    "%s: %s at %s, then %s", a.raw, a.local, a.domain,
			    s);
	}
	/* The longest that a command line has room for. */
	s = many("<", 'a', COMMAND_MAX - 10, ">");
	row(AT, parse_forward_path(&s, &a) == 0 &&
	    strlen(a.local) == COMMAND_MAX - 10 && same(a.domain, ""), "-1");
	s = many("<a@", 'b', COMMAND_MAX - 12, ">");
	row(AT, parse_forward_path(&s, &a) == 0 &&
	    strlen(a.domain) == COMMAND_MAX - 12, "-1");
}

static void
test_nsswitch(void)
{
	static const struct {
		int		 at;
		const char	*text;
		const char	*services;	/* a blank behind each */
	} rows[] = {
		{ AT, "", "" },
		{ AT, "passwd: files", "files " },
		{ AT, "group: a\n# passwd: b\n\t passwd :\tfiles  sss\r\n"
		    "passwd: c\n", "files sss " },
		{ AT, "passwd_compat: nis\npasswd:compat", "compat " },
		{ AT, "passwd: files# sss", "files " },
		{ AT, "passwd:\nshadow: files\n", "" },
		{ AT, "group: files", "" },
		/* Behind an action that may end the list, nobody is sure. */
		{ AT, "passwd: a [UNAVAIL=continue notfound=Return] b", "a " },
		{ AT, "passwd: a [SUCCESS=merge]b [!UNAVAIL=continue] c",
		    "a b c " },
		{ AT, "passwd: a [NOTFOUND=return", "a " },
		{ AT, "passwd: a [", "a " },
		{ AT, "passwd: a ] b", "a " },
	};
	char all[64], service[16];
	const char *s;
	struct text t;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		text_init(&t, all, sizeof(all));
		s = parse_nsswitch(fenced_text(rows[i].text), "passwd");
		while (parse_service(&s, service, sizeof(service)))
			text_add(&t, service, " ", NULL);
		row(rows[i].at, same(all, rows[i].services), "%s", all);
	}
}

static void
test_reverse_path(void)
{
	static const struct {
		int		 at;
		const char	*in;
		const char	*path;	/* NULL: malformed */
		const char	*rest;
	} rows[] = {
		{ AT, "<>", "", "" },
		{ AT, "<a@b>", "a@b", "" },
		{ AT, "  <a@b>", "a@b", "" },
		{ AT, "<a@b> SIZE=1 BODY=7BIT", "a@b", " SIZE=1 BODY=7BIT" },
		{ AT, "<> SIZE=1", "", " SIZE=1" },
		{ AT, "<MAILER-DAEMON>", "MAILER-DAEMON", "" },
		{ AT, "<@r,@s:A@B>", "A@B", "" },
		/* What is no route is part of it. */
		{ AT, "<@>", "@", "" },
		{ AT, "<@r>", "@r", "" },
		/* As it came, whatever it is. */
		{ AT, "<A.@B..C.>", "A.@B..C.", "" },
		{ AT, "<a b@c>", "a b@c", "" },
		{ AT, "<a@b@c>", "a@b@c", "" },
		{ AT, "<\xc3\xbc>", "\xc3\xbc", "" },
		{ AT, "<\xff>", "\xff", "" },
		{ AT, "<\"a b\"@c>", "\"a b\"@c", "" },
		{ AT, "<\"a>b\"@c>", "\"a>b\"@c", "" },
		{ AT, "<\"a> b\"@c> SIZE=1", "\"a> b\"@c", " SIZE=1" },
		{ AT, "<\"a\\\"> b\"@c>", "\"a\\\"> b\"@c", "" },
		{ AT, "<\"a@b>", "\"a@b", "" },
		{ AT, "<\"a@b> SIZE=1", "\"a@b", " SIZE=1" },
		{ AT, "<a\\>", "a\\", "" },
		{ AT, "<=?x?=>", "=?x?=", "" },
		{ .at = AT, .in = "" },
		{ .at = AT, .in = "a@b" },
		{ .at = AT, .in = "<a@b" },
		{ .at = AT, .in = "a@b>" },
		{ .at = AT, .in = "SIZE=1" },
		{ .at = AT, .in = "<a\\" },
	};
	char path[COMMAND_MAX + 1];
	const char *s;
	size_t i;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		s = fenced_text(rows[i].in);
		memset(path, 'x', sizeof(path));
		r = parse_reverse_path(&s, path);
		if (rows[i].path == NULL)
			row(rows[i].at, r == -1, "%.200s", path);
		else
			row(rows[i].at, r == 0 && same(path, rows[i].path) &&
			    same(s, rows[i].rest), "%d: %.200s, then %s", r,
			    path, s);
	}
	s = many("<", '>', COMMAND_MAX - 12, ">");
	row(AT, parse_reverse_path(&s, path) == 0 &&
	    strlen(path) == COMMAND_MAX - 12, "not the longest");
}

static void
test_params(void)
{
	const struct {
		int			 at;
		const char		*in;
		bool			 rcpt;
		enum param_error	 error;
		struct params		 p;
		size_t			 cut;	/* bytes of a long orcpt */
	} rows[] = {
		{ .at = AT, .in = "" },
		{ .at = AT, .in = "   " },
		{ .at = AT, .in = " SIZE=0",
		    .p = { .has_size = true } },
		{ .at = AT, .in = " SIZE=406 BODY=8BITMIME",
		    .p = { .size = 406, .has_size = true, .has_body = true } },
		{ .at = AT, .in = " size=1  body=7bit  smtputf8 ",
		    .p = { .size = 1, .has_size = true, .has_body = true,
		    .smtputf8 = true } },
		{ .at = AT, .in = " SMTPUTF8", .p = { .smtputf8 = true } },
		{ .at = AT, .in = " SIZE=00012",
		    .p = { .size = 12, .has_size = true } },
		{ .at = AT, .in = " SIZE=0000000000000000000000000000000012",
		    .p = { .size = 12, .has_size = true } },
		{ .at = AT, .in = " SIZE=9223372036854775807",
		    .p = { .size = INT64_MAX, .has_size = true } },
		/* Past all counting is no syntax error: it is too large. */
		{ .at = AT, .in = " SIZE=9223372036854775808",
		    .p = { .size = HUGE, .has_size = true } },
		{ .at = AT, .in = " SIZE=18446744073709551616",
		    .p = { .size = HUGE, .has_size = true } },
		{ .at = AT, .in = " SIZE=18446744073709551617",
		    .p = { .size = HUGE, .has_size = true } },
		{ .at = AT, .in = " SIZE=9999999999999999999999999999999999"
		    "999999", .p = { .size = HUGE, .has_size = true } },
		{ .at = AT, .in = " SIZE=", .error = PARAM_VALUE },
		{ .at = AT, .in = " SIZE", .error = PARAM_VALUE },
		{ .at = AT, .in = " SIZE=-1", .error = PARAM_VALUE },
		{ .at = AT, .in = " SIZE=+1", .error = PARAM_VALUE },
		{ .at = AT, .in = " SIZE=1K", .error = PARAM_VALUE },
		{ .at = AT, .in = " SIZE=0x10", .error = PARAM_VALUE },
		{ .at = AT, .in = " SIZE=1 SIZE=1", .error = PARAM_VALUE },
		{ .at = AT, .in = " BODY=BINARYMIME", .error = PARAM_VALUE },
		{ .at = AT, .in = " BODY=8BITMIM", .error = PARAM_VALUE },
		{ .at = AT, .in = " BODY=", .error = PARAM_VALUE },
		{ .at = AT, .in = " BODY", .error = PARAM_VALUE },
		{ .at = AT, .in = " BODY=7BIT BODY=7BIT",
		    .error = PARAM_VALUE },
		{ .at = AT, .in = " SMTPUTF8=", .error = PARAM_VALUE },
		{ .at = AT, .in = " SMTPUTF8 SMTPUTF8",
		    .error = PARAM_VALUE },
		/* What means nothing here is taken, with any value, once. */
		{ .at = AT, .in = " RET=HDRS ENVID=x AUTH=<> SIZE=1",
		    .p = { .size = 1, .has_size = true } },
		{ .at = AT, .in = " ret=anything" },
		{ .at = AT, .in = " RET=FULL RET=FULL",
		    .error = PARAM_VALUE },
		{ .at = AT, .in = " ENVID=a ENVID=b", .error = PARAM_VALUE },
		{ .at = AT, .in = " AUTH=<> AUTH=<>", .error = PARAM_VALUE },
		{ .at = AT, .in = " RET", .error = PARAM_VALUE },
		{ .at = AT, .in = " ENVID=", .error = PARAM_VALUE },
		{ .at = AT, .in = " NOTIFY=NEVER", .error = PARAM_UNKNOWN },
		{ .at = AT, .in = " ORCPT=rfc822;a@b",
		    .error = PARAM_UNKNOWN },
		{ .at = AT, .in = " RETX=1", .error = PARAM_UNKNOWN },
		{ .at = AT, .in = " IGNOREQUOTA", .error = PARAM_UNKNOWN },
		{ .at = AT, .in = " SIZ=1", .error = PARAM_UNKNOWN },
		{ .at = AT, .in = " SIZEX=1", .error = PARAM_UNKNOWN },
		{ .at = AT, .in = " =1", .error = PARAM_UNKNOWN },
		{ .at = AT, .in = " \xff", .error = PARAM_UNKNOWN },
		{ .at = AT, .rcpt = true, .in = "" },
		{ .at = AT, .rcpt = true, .in = " IGNOREQUOTA",
		    .p = { .ignorequota = true } },
		{ .at = AT, .rcpt = true, .in = " ignorequota",
		    .p = { .ignorequota = true } },
		{ .at = AT, .rcpt = true, .in = " IGNOREQUOTA=1",
		    .error = PARAM_VALUE },
		{ .at = AT, .rcpt = true, .in = " IGNOREQUOTA IGNOREQUOTA",
		    .error = PARAM_VALUE },
		{ .at = AT, .rcpt = true, .in = " NOTIFY=NEVER" },
		{ .at = AT, .rcpt = true, .in = " NOTIFY=",
		    .error = PARAM_VALUE },
		{ .at = AT, .rcpt = true, .in = " NOTIFY=DELAY NOTIFY=DELAY",
		    .error = PARAM_VALUE },
		{ .at = AT, .rcpt = true,
		    .in = " NOTIFY=DELAY,FAILURE ORCPT=rfc822;a@b IGNOREQUOTA",
		    .p = { .ignorequota = true, .orcpt = "rfc822;a@b" } },
		{ .at = AT, .rcpt = true, .in = " orcpt=rfc822;a+2Bb+3Dc@d",
		    .p = { .orcpt = "rfc822;a+b=c@d" } },
		{ .at = AT, .rcpt = true, .in = " ORCPT=utf-8;\xc3\xbc@d",
		    .p = { .orcpt = "utf-8;\xc3\xbc@d" } },
		/* Not encoded: as it came. */
		{ .at = AT, .rcpt = true, .in = " ORCPT=rfc822;bob+x@d",
		    .p = { .orcpt = "rfc822;bob+x@d" } },
		{ .at = AT, .rcpt = true, .in = many(" ORCPT=", 'a', 600, ""),
		    .p = { .orcpt = "" }, .cut = 511 },
		{ .at = AT, .rcpt = true, .in = many(" ORCPT=", '+', 600, ""),
		    .p = { .orcpt = "" }, .cut = 511 },
		{ .at = AT, .rcpt = true, .in = many(" ORCPT=", '+', 512, ""),
		    .p = { .orcpt = "" }, .cut = 511 },
		{ .at = AT, .rcpt = true, .in = " ORCPT=",
		    .error = PARAM_VALUE },
		{ .at = AT, .rcpt = true, .in = " ORCPT",
		    .error = PARAM_VALUE },
		{ .at = AT, .rcpt = true, .in = " ORCPT=a;b ORCPT=a;b",
		    .error = PARAM_VALUE },
		{ .at = AT, .rcpt = true, .in = " RET=FULL",
		    .error = PARAM_UNKNOWN },
		{ .at = AT, .rcpt = true, .in = " SIZE=1",
		    .error = PARAM_UNKNOWN },
	};
	enum param_error error;
	struct params p;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		error = parse_params(fenced_text(rows[i].in), rows[i].rcpt, &p);
		row(rows[i].at, error == rows[i].error &&
		    (error != PARAM_OK || (p.size == rows[i].p.size &&
		    p.has_size == rows[i].p.has_size &&
		    p.has_body == rows[i].p.has_body &&
		    p.smtputf8 == rows[i].p.smtputf8 &&
		    p.ignorequota == rows[i].p.ignorequota &&
		    (rows[i].cut > 0 ? strlen(p.orcpt) == rows[i].cut :
		    same(p.orcpt, rows[i].p.orcpt)))), "%d: size %llu, %s",
		    error, (unsigned long long)p.size, p.orcpt);
	}
}

static void
test_xforward(void)
{
	static const struct {
		int		 at;
		const char	*in;
		size_t		 size;
		const char	*ident;	/* NULL: malformed */
	} rows[] = {
		{ AT, "IDENT=4XYZ", 64, "4XYZ" },
		{ AT, "ident=4XYZ", 64, "4XYZ" },
		{ AT, "NAME=a ADDR=192.0.2.1 PORT=25", 64, "before" },
		{ AT, "PROTO=ESMTP HELO=a IDENT=q1 SOURCE=REMOTE", 64, "q1" },
		{ AT, "IDENT=[UNAVAILABLE]", 64, "" },
		{ AT, "IDENT=[TEMPUNAVAIL]", 64, "[TEMPUNAVAIL]" },
		{ AT, "IDENT=a+2Bb+3Dc+20d", 64, "a+b=c d" },
		{ AT, "IDENT=a+2bb", 64, "a+b" },
		{ AT, "IDENT=+33+01+10", 64, "3\001\020" },
		{ AT, "X-ANYTHING=1", 64, "before" },
		{ AT, "IDENT=123456789", 8, "1234567" },
		{ AT, "", 64, "before" },
		{ .at = AT, .in = "IDENT" },
		{ .at = AT, .in = "IDENT=" },
		{ .at = AT, .in = "=x" },
		{ .at = AT, .in = "NAME=a IDENT" },
		{ .at = AT, .in = "IDENT=a=b" },
		{ .at = AT, .in = "IDENT=a+" },
		{ .at = AT, .in = "IDENT=a+2" },
		{ .at = AT, .in = "IDENT=a+2 NAME=b" },
		{ .at = AT, .in = "IDENT=a+2G" },
		{ .at = AT, .in = "IDENT=a+00b" },
		/* What is malformed is refused whole. */
		{ .at = AT, .in = "IDENT=a NAME" },
	};
	char *in, *ident;
	size_t i, size;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		in = fenced_text(rows[i].in);
		size = rows[i].size > 0 ? rows[i].size : 64;
		ident = fence_take(&fences, size);
		strlcpy(ident, "before", size);
		r = parse_xforward(in, ident, size);
		row(rows[i].at, r == (rows[i].ident == NULL ? -1 : 0) &&
		    same(ident, r == -1 ? "before" : rows[i].ident),
		    "%d: %s", r, ident);
	}
}

/*
 * Options and names.
 */
static void
test_size(void)
{
	static const struct {
		int		 at;
		const char	*in;
		bool		 suffix;
		int		 err;
		uint64_t	 n;
	} rows[] = {
		{ AT, "0", true, 0, 0 },
		{ AT, "10", true, 0, 10 },
		{ AT, "010", true, 0, 10 },
		{ AT, "10K", true, 0, 10240 },
		{ AT, "10k", true, 0, 10240 },
		{ AT, "50M", true, 0, 50 << 20 },
		{ AT, "1G", true, 0, 1 << 30 },
		{ AT, "2T", true, 0, UINT64_C(2) << 40 },
		{ AT, "0T", true, 0, 0 },
		{ AT, "9223372036854775807", true, 0, INT64_MAX },
		{ AT, "8388607T", true, 0, UINT64_C(8388607) << 40 },
		{ AT, "10", false, 0, 10 },
		{ AT, "9223372036854775808", true, ERANGE, 0 },
		{ AT, "18446744073709551616", true, ERANGE, 0 },
		{ AT, "99999999999999999999999999999", true, ERANGE, 0 },
		{ AT, "8388608T", true, ERANGE, 0 },
		{ AT, "9007199254740992K", true, ERANGE, 0 },
		{ AT, "", true, EINVAL, 0 },
		{ AT, "K", true, EINVAL, 0 },
		{ AT, "-1", true, EINVAL, 0 },
		{ AT, "+1", true, EINVAL, 0 },
		{ AT, " 1", true, EINVAL, 0 },
		{ AT, "1 ", true, EINVAL, 0 },
		{ AT, "0x10", true, EINVAL, 0 },
		{ AT, "1.5M", true, EINVAL, 0 },
		{ AT, "10Mb", true, EINVAL, 0 },
		{ AT, "10MM", true, EINVAL, 0 },
		{ AT, "10B", true, EINVAL, 0 },
		{ AT, "10\xeb", true, EINVAL, 0 },
		{ AT, "10K", false, EINVAL, 0 },
	};
	uint64_t n;
	size_t i;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		n = 0;
		errno = 0;
		r = parse_size(fenced_text(rows[i].in), rows[i].suffix, &n);
		row(rows[i].at, rows[i].err == 0 ? r == 0 && n == rows[i].n :
		    r == -1 && errno == rows[i].err, "%d: %llu, errno %d", r,
		    (unsigned long long)n, errno);
	}
}

static void
test_quota(void)
{
	static const struct {
		int		 at;
		const char	*in;
		int		 result;
		struct quota	 q;
	} rows[] = {
		{ AT, "0", 0, { 0, 0 } },
		{ AT, "1000", 0, { 1000, 0 } },
		{ AT, "40M", 0, { 40 << 20, 0 } },
		{ AT, "1g,1000", 0, { 1 << 30, 1000 } },
		{ AT, "0,5", 0, { 0, 5 } },
		{ AT, "1T,0", 0, { UINT64_C(1) << 40, 0 } },
		{ AT, "", -1, { 0, 0 } },
		{ AT, ",5", -1, { 0, 0 } },
		{ AT, "5,", -1, { 0, 0 } },
		{ AT, "5,5K", -1, { 0, 0 } },
		{ AT, "5,5,5", -1, { 0, 0 } },
		{ AT, "5 ,5", -1, { 0, 0 } },
		{ AT, "5x", -1, { 0, 0 } },
		{ AT, "-5", -1, { 0, 0 } },
		{ AT, "5,-5", -1, { 0, 0 } },
		{ AT, "9223372036854775808", -1, { 0, 0 } },
		{ AT, "8388608T", -1, { 0, 0 } },
	};
	struct quota q;
	size_t i;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		memset(&q, 0xff, sizeof(q));
		errno = 0;
		r = parse_quota(fenced_text(rows[i].in), &q);
		row(rows[i].at, r == rows[i].result && (r == -1 ?
		    errno == EINVAL || errno == ERANGE :
		    q.bytes == rows[i].q.bytes &&
		    q.messages == rows[i].q.messages), "%d: %llu,%llu", r,
		    (unsigned long long)q.bytes,
		    (unsigned long long)q.messages);
	}
}

static void
test_locks(void)
{
	static const struct {
		int		 at;
		const char	*in;
		size_t		 n;	/* 0: refused */
		enum lock	 locks[3];
	} rows[] = {
		{ AT, "fcntl", 1, { LOCK_FCNTL } },
		{ AT, "flock", 1, { LOCK_FLOCK } },
		{ AT, "dotlock", 1, { LOCK_DOTLOCK } },
		{ AT, "fcntl,dotlock", 2, { LOCK_FCNTL, LOCK_DOTLOCK } },
		{ AT, "dotlock,fcntl", 2, { LOCK_DOTLOCK, LOCK_FCNTL } },
		{ AT, "flock,dotlock,fcntl", 3,
		    { LOCK_FLOCK, LOCK_DOTLOCK, LOCK_FCNTL } },
		{ .at = AT, .in = "" },
		{ .at = AT, .in = "," },
		{ .at = AT, .in = "fcntl," },
		{ .at = AT, .in = ",fcntl" },
		{ .at = AT, .in = "fcntl,,flock" },
		{ .at = AT, .in = "fcntl,fcntl" },
		{ .at = AT, .in = "fcntl,flock,dotlock,fcntl" },
		{ .at = AT, .in = "fcntl dotlock" },
		{ .at = AT, .in = "lockf" },
		{ .at = AT, .in = "none" },
		{ .at = AT, .in = "fcnt" },
		{ .at = AT, .in = "fcntls" },
	};
	enum lock locks[3];
	size_t i, k, n;
	bool good;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		r = parse_locks(fenced_text(rows[i].in), locks, &n);
		good = r == (rows[i].n == 0 ? -1 : 0) &&
		    (r == -1 || n == rows[i].n);
		for (k = 0; good && k < rows[i].n; k++)
			good = locks[k] == rows[i].locks[k];
		row(rows[i].at, good, "%d: %zu locks", r, n);
	}
}

static void
test_trace(void)
{
	static const struct {
		int		 at;
		const char	*in;
		int		 result;
		unsigned int	 bits;
	} rows[] = {
		{ AT, "none", 0, 0 },
		{ AT, "return-path", 0, TRACE_RETURN_PATH },
		{ AT, "delivered-to", 0, TRACE_DELIVERED_TO },
		{ AT, "received", 0, TRACE_RECEIVED },
		{ AT, "received,delivered-to", 0,
		    TRACE_DELIVERED_TO | TRACE_RECEIVED },
		{ AT, "return-path,delivered-to,received", 0,
		    TRACE_RETURN_PATH | TRACE_DELIVERED_TO | TRACE_RECEIVED },
		{ AT, "", -1, 0 },
		{ AT, "none,received", -1, 0 },
		{ AT, "received,none", -1, 0 },
		{ AT, "received,", -1, 0 },
		{ AT, ",received", -1, 0 },
		{ AT, "received delivered-to", -1, 0 },
		{ AT, "return_path", -1, 0 },
		{ AT, "all", -1, 0 },
	};
	unsigned int bits;
	size_t i;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		r = parse_trace(fenced_text(rows[i].in), &bits);
		row(rows[i].at, r == rows[i].result && (r == -1 ||
		    bits == rows[i].bits), "%d: %#x", r, bits);
	}
}

static void
test_split(void)
{
	static const struct {
		int		 at;
		const char	*local;
		const char	*delimiters;
		size_t		 n;
	} rows[] = {
		{ AT, "alice", "+", 5 },
		{ AT, "alice+x", "+", 5 },
		{ AT, "alice+x+y", "+", 5 },
		{ AT, "alice+", "+", 5 },
		{ AT, "alice-x+y", "+", 7 },
		{ AT, "alice-x+y", "+-", 5 },
		{ AT, "alice+x-y", "+-", 5 },
		{ AT, "alice+x", "", 7 },
		{ AT, "", "+", 0 },
		{ AT, "+x", "+", 0 },
	};
	size_t i, n;

	for (i = 0; i < nitems(rows); i++) {
		n = address_split(fenced_text(rows[i].local),
		    rows[i].delimiters);
		row(rows[i].at, n == rows[i].n, "%zu", n);
	}
}

static void
test_names(void)
{
	const struct {
		int		 at;
		const char	*name;
		bool		 safe;
	} rows[] = {
		{ AT, "a", true },
		{ AT, "a.b", true },
		{ AT, "a b", true },
		{ AT, "-a", true },
		{ AT, "~", true },
		{ AT, "%n", true },
		{ AT, "\xc3\xbc", true },
		{ AT, many("", 'a', 200, ""), true },
		{ AT, many("", 'a', 201, ""), false },
		{ AT, "", false },
		{ AT, ".", false },
		{ AT, "..", false },
		{ AT, ".a", false },
		{ AT, "/", false },
		{ AT, "/etc/passwd", false },
		{ AT, "a/b", false },
		{ AT, "a/", false },
		{ AT, "a/../../b", false },
	};
	static const char *const lower[][2] = {
		{ "AbZ", "abz" },
		{ "@[`{AZaz09", "@[`{azaz09" },
		{ "", "" },
		/* ASCII's case alone: bytes of UTF-8 are left as they are. */
		{ "\xc3\x9c\xff", "\xc3\x9c\xff" },
	};
	char s[32];
	size_t i;

	for (i = 0; i < nitems(rows); i++)
		row(rows[i].at, name_is_safe(fenced_text(rows[i].name)) ==
		    rows[i].safe, "%s is %s", rows[i].name,
		    rows[i].safe ? "not" : "safe");
	for (i = 0; i < nitems(lower); i++) {
		strlcpy(s, lower[i][0], sizeof(s));
		name_lower(s);
		row(AT, same(s, lower[i][1]), "%s", s);
	}
}

static void
test_name_fits(void)
{
	const struct {
		int		 at;
		const char	*path;
		bool		 fits;
	} rows[] = {
		{ AT, "", true },
		{ AT, "/", true },
		{ AT, "/m/a", true },
		{ AT, many("/", 'a', 255, ""), true },
		{ AT, many("/", 'a', 256, ""), false },
		{ AT, many("/m/", 'a', 255, "/x"), true },
		{ AT, many("/m/", 'a', 256, "/x"), false },
		{ AT, many("/m/", '/', 300, "/x"), true },
		{ AT, many("", 'a', 256, "/"), false },
		{ AT, many("", 'a', 255, ""), true },
	};
	size_t i;

	for (i = 0; i < nitems(rows); i++)
		row(rows[i].at,
		    name_fits(fenced_text(rows[i].path)) == rows[i].fits,
		    "%s", rows[i].fits ? "it does not" : "it does");
}

/* RFC 3501, 5.1.3: what IMAP makes of a folder's name. */
static void
test_name_folder(void)
{
	static const struct {
		int		 at;
		const char	*utf8;
		size_t		 size;
		const char	*folder;	/* NULL: none */
	} rows[] = {
		{ AT, "Junk", 64, "Junk" },
		{ AT, "", 64, "" },
		{ AT, "a.b c~!\"", 64, "a.b c~!\"" },
		{ AT, "R&D", 64, "R&-D" },
		{ AT, "&", 64, "&-" },
		{ AT, "Entwürfe", 64, "Entw&APw-rfe" },
		{ AT, "&ü&", 64, "&-&APw-&-" },
		{ AT, "üä", 64, "&APwA5A-" },
		{ AT, "äöü", 64, "&AOQA9gD8-" },
		{ AT, "ü-", 64, "&APw--" },
		/* The example of the RFC. */
		{ AT, "~peter/mail/台北/日本語", 64,
		    "~peter/mail/&U,BTFw-/&ZeVnLIqe-" },
		{ AT, "Отправленные", 64,
		    "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-" },
		/* Each digit of base64, by another's encoder of UTF-7. */
		{ AT, "䙍돀䐇谟屾븀畎뺝胢줷鯇渚"
		    "뵖괋酏䢃곗졪徲奚堌퉣瞸ꋨ", 80,
		    "&Rk2zwEQHjB9cfr4AdU6+nYDiyTebx,pGvVatC5FPSIOs18hqX"
		    "7JZWlgM0mN3uKLo-" },
		/* Beyond the first 65536, by two surrogates. */
		{ AT, "\xf0\x9f\x98\x80", 64, "&2D3eAA-" },
		{ AT, "\xf4\x8f\xbf\xbf", 64, "&2,,f,w-" },
		{ AT, "\xf0\x90\x80\x80\xf0\x90\x90\x80", 64,
		    "&2ADcANgB3AA-" },
		{ AT, "\xef\xbf\xbf", 64, "&,,8-" },
		{ AT, "\xc2\x80", 64, "&AIA-" },
		/* To the byte. */
		{ AT, "abc", 4, "abc" },
		{ AT, "abc", 3, NULL },
		{ AT, "ü", 6, "&APw-" },
		{ AT, "ü", 5, NULL },
		{ AT, "&", 3, "&-" },
		{ AT, "&", 2, NULL },
		{ AT, "", 1, "" },
		{ AT, "", 0, NULL },
		/* Control characters, and what is no UTF-8. */
		{ AT, "a\tb", 64, NULL },
		{ AT, "a\x7f", 64, NULL },
		{ AT, "\xff", 64, NULL },
		{ AT, "\x80", 64, NULL },
		{ AT, "\xc3", 64, NULL },
		{ AT, "\xc3(", 64, NULL },
		{ AT, "\xc0\xaf", 64, NULL },
		{ AT, "\xc1\xbf", 64, NULL },
		{ AT, "\xe0\x9f\xbf", 64, NULL },
		{ AT, "\xed\xa0\x80", 64, NULL },
		{ AT, "\xf0\x8f\xbf\xbf", 64, NULL },
		{ AT, "\xf4\x90\x80\x80", 64, NULL },
		{ AT, "\xf8\x88\x80\x80\x80", 64, NULL },
	};
	char *in, *out;
	size_t i;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		in = fenced_text(rows[i].utf8);
		out = fence_take(&fences, rows[i].size);
		memset(out, 'x', rows[i].size);
		r = name_folder(in, out, rows[i].size);
		row(rows[i].at, r == (rows[i].folder == NULL ? -1 : 0) &&
		    (r == -1 || same(out, rows[i].folder)), "%d: %s", r,
		    r == 0 ? out : "");
	}
}

/* The samples of RFC 3492, 7.1, and what is no Punycode. */
static void
test_name_domain(void)
{
	static const struct {
		int		 at;
		const char	*in;
		const char	*utf8;
		const char	*ascii;
	} rows[] = {
		{ AT, "xn--egbpdaj6bu4bxfgehfvwxn", "ليهمابتك"
		    "لموشعربي؟",
		    "xn--egbpdaj6bu4bxfgehfvwxn" },
		{ AT, "他们为什"
		    "么不说中文", "他们为什么不说中文",
		    "xn--ihqwcrb4cv8a8dqg056pqjye" },
		{ AT, "xn--ihqwctvzc91f659drss3x8bo0yb",
		    "他們爲什"
		    "麽不說中文", "xn--ihqwctvzc91f659drss3x8bo0yb" },
		{ AT, "Pročprostěn"
		    "emluvíčesky", "pročprostěnemluvíčesky",
		    "xn--proprostnemluvesky-uyb24dma41a" },
		{ AT, "xn--4dbcagdahymbxekheh6e0a7fei0b",
		    "למההםפשוטלאמדבריםעברית",
		    "xn--4dbcagdahymbxekheh6e0a7fei0b" },
		{ AT, "xn--i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd",
		    "यहलोगहिन्द"
		    "ीक्योंनहीं"
		    "बोलसकतेहैं",
		    "xn--i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd" },
		{ AT, "なぜみんな日本語を話してくれないのか",
		    "なぜみんな日本語を話してくれないのか",
		    "xn--n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa" },
		{ AT, "XN--B1ABFAAEPDRNNBGEFBADOTCWATMQ2G4L",
		    "почемужеонинеговорятпорусски",
		    "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l" },
		{ AT, "xn--PorqunopuedensimplementehablarenEspaol-fmd56a",
		    "porquénopuedensimplementehablarenespañol",
		    "xn--porqunopuedensimplementehablarenespaol-fmd56a" },
		{ AT, "xn--TisaohkhngthchnitingVit-kjcr8268qyxafd2f1b9g",
		    "tạisaohọkhôngthểchỉnóitiếngviệt",
		    "xn--tisaohkhngthchnitingvit-kjcr8268qyxafd2f1b9g" },
		{ AT, "3年B組金八先生", "3年b組金八先生",
		    "xn--3b-ww4c5e180e575a65lsy2b" },
		{ AT, "xn---with-SUPER-MONKEYS-pc58ag80a8qai00g7n9n",
		    "安室奈美恵-with-super-monkeys",
		    "xn---with-super-monkeys-pc58ag80a8qai00g7n9n" },
		{ AT, "Hello-Another-Way-それぞれの場所",
		    "hello-another-way-それぞれの場所",
		    "xn--hello-another-way--fc4qua05auwb3674vfr0b" },
		{ AT, "xn--2-u9tlzr9756bt3uc0v", "ひとつ屋根の下2",
		    "xn--2-u9tlzr9756bt3uc0v" },
		{ AT, "MajiでKoiする5秒前", "majiでkoiする5秒前",
		    "xn--majikoi5-783gue6qz075azm5e" },
		{ AT, "xn--de-jg4avhby1noc0d", "パフィーdeルンバ",
		    "xn--de-jg4avhby1noc0d" },
		{ AT, "そのスピードで", "そのスピードで",
		    "xn--d9juau41awczczp" },
		/* Each label by itself. */
		{ AT, "b.example", "b.example", "b.example" },
		{ AT, "", "", "" },
		{ AT, "A..b.", "a..b.", "a..b." },
		{ AT, "ü.xn--bcher-kva.B", "ü.bücher.b",
		    "xn--tda.xn--bcher-kva.b" },
		{ AT, "[ipv6:fe80::1]", "[ipv6:fe80::1]", "[ipv6:fe80::1]" },
		{ AT, "\xf0\x9f\x98\x80.x", "\xf0\x9f\x98\x80.x",
		    "xn--e28h.x" },
		/* Capitals, in either form. */
		{ AT, "BÜCHER", "bücher", "xn--bcher-kva" },
		{ AT, "xn--BCHER-2pa", "bücher", "xn--bcher-kva" },
		{ AT, "ΑΒΓ.ПРИ"
		    "МЕР.ŽĆŸ", "αβγ.пример.žćÿ",
		    "xn--mxacd.xn--e1afmkfd.xn--wdap07a" },
		/* Of a rare capital no other form is known. */
		{ AT, "Ƞ", "Ƞ", "xn--5la" },
		/* No Punycode, or one of ASCII alone: it is what it is. */
		{ AT, "xn--", "xn--", "xn--" },
		{ AT, "xn--abc-", "xn--abc-", "xn--abc-" },
		{ AT, "xn---abc", "xn---abc", "xn---abc" },
		{ AT, "xn--b_", "xn--b_", "xn--b_" },
		{ AT, "xn--++a", "xn--++a", "xn--++a" },
		{ AT, "xn--b9", "xn--b9", "xn--b9" },
		{ AT, "xn--dn32g", "\xf4\x8f\xbf\xbf", "xn--dn32g" },
		{ AT, "xn--a", "\xc2\x80", "xn--a" },
		/* Behind the last character that there is. */
		{ AT, "xn--en32g", "xn--en32g", "xn--en32g" },
		{ AT, "xn--\x80-eha", "xn--\x80-eha", NULL },
		/* Numbers that would come round: to a slash, to others. */
		{ AT, "xn--9x902716a", "xn--9x902716a", "xn--9x902716a" },
		{ AT, "xn--g3902716a", "xn--g3902716a", "xn--g3902716a" },
		{ AT, "xn--xn--bcher-kva", "xn--xn--bcher-kva",
		    "xn--xn--bcher-kva" },
		{ AT, "xn--xn---3ra", "xn--xn---3ra", "xn--xn---3ra" },
		{ AT, "xnü-b", "xnü-b", "xn--xn-b-1ra" },
		{ AT, "xn--4ca904870604b", "xn--4ca904870604b",
		    "xn--4ca904870604b" },
		{ AT, "xn--99999999", "xn--99999999", "xn--99999999" },
		{ AT, "xn--999999999999", "xn--999999999999",
		    "xn--999999999999" },
		{ AT, "xn--ü-a", "xn--ü-a", NULL },
		/* The surrogate U+D800. */
		{ AT, "xn--ib9b", "xn--ib9b", "xn--ib9b" },
		/* No UTF-8. */
		{ AT, "A\xff.X", "a\xff.x", "a\xff.x" },
		{ AT, "\xc3", "\xc3", "\xc3" },
	};
	char utf8[256], ascii[256], again[256];
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		const size_t len = strlen(rows[i].in);
		const char *in = fenced(rows[i].in, len);

		row(rows[i].at, name_domain(in, len, false, utf8,
		    sizeof(utf8)) == 0 && same(utf8, rows[i].utf8), "%s",
		    utf8);
		row(rows[i].at, name_domain(in, len, true, ascii,
		    sizeof(ascii)) == 0 && (rows[i].ascii == NULL ||
		    same(ascii, rows[i].ascii)), "%s", ascii);
		/* From one form to the other, and back. */
		row(rows[i].at, name_domain(ascii, strlen(ascii), false,
		    again, sizeof(again)) == 0 && same(again, utf8), "%s",
		    again);
		row(rows[i].at, name_domain_is(in, len, utf8) &&
		    name_domain_is(ascii, strlen(ascii), utf8) &&
		    !name_domain_is(in, len, "x"), "another");
	}
	row(AT, name_domain("b\xc3\xbc", 3, true, ascii, 10) == 0 &&
	    same(ascii, "xn--b-eha"), "%s", ascii);
	row(AT, name_domain("b\xc3\xbc", 3, true, ascii, 9) == -1, "%s",
	    ascii);
	/* A label has room for 63 bytes; one that is longer stays as it is. */
	row(AT, name_domain(many("\xc3\xbc", 'a', 55, ""), 57, true, ascii,
	    sizeof(ascii)) == 0 && strlen(ascii) == 63 &&
	    strncmp(ascii, "xn--", 4) == 0, "%s", ascii);
	row(AT, name_domain(many("\xc3\xbc", 'a', 56, ""), 58, true, ascii,
	    sizeof(ascii)) == 0 && strncmp(ascii, "xn--", 4) != 0, "%s",
	    ascii);
	strlcpy(ascii, many("xn--", 'a', 56, "-70f"), sizeof(ascii));
	row(AT, name_domain(ascii, strlen(ascii), false, utf8,
	    sizeof(utf8)) == 0 && strncmp(utf8, "xn--", 4) == 0, "%s", utf8);
	row(AT, !name_has_forms("a.example", 9) &&
	    !name_has_forms("xn-.x-xn--y", 11) &&
	    !name_has_forms("xn--", 4) && name_has_forms("\x80", 1) &&
	    name_has_forms("a.XN--y", 7) && name_has_forms("a.\xff", 3),
	    "another");
}

/* Whose first line it is.  An address may have a colon, a verb none. */
static void
test_foreign(void)
{
	static const struct {
		int		 at;
		const char	*in;
		size_t		 len;
		bool		 foreign;
	} rows[] = {
		{ AT, LEN("LHLO [IPv6:::1]"), false },
		{ AT, LEN("NOOP a:b"), false },
		{ AT, LEN("MAIL FROM:<a@b>"), false },
		{ AT, LEN("MAIL"), false },
		{ AT, LEN("GETS x"), false },
		{ AT, LEN("GE x"), false },
		{ AT, LEN("x HTTP/"), true },
		{ AT, LEN("x HTTP"), false },
		{ AT, LEN("a\tb"), false },
		{ AT, LEN("~ ~"), false },
		{ AT, LEN("LHLO\0GET"), true },
		{ AT, LEN("x y\0 HTTP/"), true },
		{ AT, LEN("x y\0z"), false },
		{ AT, LEN("a\001 b"), true },
		{ AT, LEN("a\037 b"), true },
		{ AT, LEN("a\177 b"), true },
		{ AT, LEN("a \001"), false },
		{ AT, LEN(""), true },
		{ AT, LEN("Host: x"), true },
		{ AT, LEN("get"), true },
		{ AT, LEN("GET /"), true }, { AT, LEN("POST /"), true },
		{ AT, LEN("PUT /"), true }, { AT, LEN("HEAD /"), true },
		{ AT, LEN("OPTIONS /"), true }, { AT, LEN("DELETE /"), true },
		{ AT, LEN("PATCH /"), true }, { AT, LEN("TRACE /"), true },
		{ AT, LEN("CONNECT x"), true }, { AT, LEN("PRI *"), true },
		{ AT, LEN("PROXY UNKNOWN"), true },
	};
	size_t i;

	for (i = 0; i < nitems(rows); i++)
		row(rows[i].at, line_is_foreign(
		    fenced(rows[i].in, rows[i].len + 1), rows[i].len) ==
		    rows[i].foreign, "%s", rows[i].in);
}

/* What is no UTF-8 has no other form. */
static void
test_utf8_domain(void)
{
	static const struct {
		int		 at;
		const char	*in;
		bool		 good;
	} rows[] = {
		{ AT, "\xc2\x80", true }, { AT, "\xc1\xbf", false },
		{ AT, "\xdf\xbf", true }, { AT, "\xdf\xc0", false },
		{ AT, "\xe0\xa0\x80", true }, { AT, "\xe0\x9f\xbf", false },
		{ AT, "\xed\x9f\xbf", true }, { AT, "\xed\xa0\x80", false },
		{ AT, "\xed\xbf\xbf", false }, { AT, "\xee\x80\x80", true },
		{ AT, "\xef\xbf\xbf", true },
		{ AT, "\xf0\x90\x80\x80", true },
		{ AT, "\xf0\x8f\xbf\xbf", false },
		{ AT, "\xf4\x8f\xbf\xbf", true },
		{ AT, "\xf4\x90\x80\x80", false },
		{ AT, "\xf8\x88\x80\x80\x80", false },
		{ AT, "\xc3", false }, { AT, "\xe2\x82", false },
		{ AT, "\xbf", false }, { AT, "\xc3" "a", false },
	};
	char out[64], again[64];
	size_t i, len;

	for (i = 0; i < nitems(rows); i++) {
		len = strlen(rows[i].in);
		row(rows[i].at, name_domain(fenced(rows[i].in, len), len, true,
		    out, sizeof(out)) == 0 && (strncmp(out, "xn--", 4) == 0) ==
		    rows[i].good, "%s", out);
		/* And back. */
		row(rows[i].at, name_domain(out, strlen(out), false, again,
		    sizeof(again)) == 0 && same(again, rows[i].in), "%s",
		    again);
	}
}

/* Appends a character to the text, which has room for 4 bytes and a NUL. */
static void
put_character(char *text, uint32_t c)
{
	char *s = text + strlen(text);

	if (c < 0x80)
		*s++ = (char)c;
	else if (c < 0x800)
		*s++ = (char)(0xc0 | c >> 6);
	else if (c < 0x10000)
		*s++ = (char)(0xe0 | c >> 12);
	else
		*s++ = (char)(0xf0 | c >> 18);
	if (c >= 0x10000)
		*s++ = (char)(0x80 | (c >> 12 & 0x3f));
	if (c >= 0x800)
		*s++ = (char)(0x80 | (c >> 6 & 0x3f));
	if (c >= 0x80)
		*s++ = (char)(0x80 | (c & 0x3f));
	*s = '\0';
}

/*
 * The small letters of whole alphabets, as a sum: FNV-1a of their UTF-8, by
 * what Python's str.lower says of each where it is one letter.
 */
static void
test_small(void)
{
	static const struct {
		int		 at;
		uint32_t	 first, last, sum;
	} rows[] = {
		{ AT, 0x41, 0x5b, 0x1108399b },
		{ AT, 0xc0, 0xff, 0x763c6945 },
		{ AT, 0x100, 0x17f, 0x6aa8437a },
		{ AT, 0x1cd, 0x1dd, 0x2d32d141 },
		{ AT, 0x1f8, 0x21f, 0x43d542a5 },
		{ AT, 0x1e00, 0x1e96, 0xb4edd96c },
		{ AT, 0x1ea0, 0x1f00, 0xbb8af390 },
		{ AT, 0x386, 0x3ce, 0xf9fd94a9 },
		{ AT, 0x400, 0x482, 0xc646e961 },
		{ AT, 0x48a, 0x530, 0xb190ab49 },
		{ AT, 0x531, 0x586, 0xb27fb6c8 },
	};
	char in[8], out[64];
	uint32_t c, sum;
	size_t i, k, n;

	for (i = 0; i < nitems(rows); i++) {
		sum = 2166136261;
		for (c = rows[i].first; c <= rows[i].last; c++) {
			/* Behind another that is not of ASCII. */
			strlcpy(in, "\xc3\xbc", sizeof(in));
			put_character(in, c);
			n = strlen(in);
			if (name_domain(in, n, false, out, sizeof(out)) == -1)
				out[0] = '\0';
			for (k = 2; k < strlen(out); k++)
				sum = (sum ^ (unsigned char)out[k]) * 16777619;
		}
		row(rows[i].at, sum == rows[i].sum, "0x%08x", sum);
	}
}

/* One of n numbers, by a generator that always goes the same way. */
static uint32_t
random_of(uint32_t n)
{
	static uint32_t x = 1;

	x = x * 1103515245 + 12345;
	return (x >> 8) % n;
}

/*
 * Many labels in Punycode, as a sum: FNV-1a of what Python's codec makes of
 * them and a dot, or of their UTF-8 where that has no room in a label.
 */
static void
test_punycode(void)
{
	static const struct {
		uint32_t	 first, n;
	} ranges[] = {
		{ 'a', 26 }, { 0xe0, 23 }, { 0x80, 64 }, { 0x4e00, 20000 },
		{ 0x1f300, 512 }, { 0x10ff00, 256 },
	};
	char utf8[256], ascii[256], again[256];
	uint32_t sum = 2166136261, kinds, kind, len;
	size_t i, k;

	for (i = 0; i < 4000; i++) {
		utf8[0] = '\0';
		len = 1 + random_of(30);
		kinds = 1 + random_of(nitems(ranges));
		for (k = 0; k < len; k++) {
			kind = random_of(kinds);
			put_character(utf8, ranges[kind].first +
			    random_of(ranges[kind].n));
		}
		if (name_domain(utf8, strlen(utf8), true, ascii,
		    sizeof(ascii)) == -1 || name_domain(ascii, strlen(ascii),
		    false, again, sizeof(again)) == -1 ||
		    strcmp(again, utf8) != 0) {
			row(AT, false, "%s", utf8);
			break;
		}
		for (k = 0; k < strlen(ascii); k++)
			sum = (sum ^ (unsigned char)ascii[k]) * 16777619;
		sum = (sum ^ '.') * 16777619;
	}
	row(AT, sum == 0xd8511a49, "0x%08x", sum);
}

#define ALNUM	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
		"0123456789"

/* Each byte, where some are allowed and others are not. */
static void
test_bytes(void)
{
	char in[32], ident[64];
	struct address a;
	const char *s;
	bool utf8, control;
	int c;

	for (c = 1; c < 256; c++) {
		utf8 = c >= 0x80;
		control = c < ' ' || c == 0x7f;
		s = in;
		snprintf(in, sizeof(in), "<a%cb@d>", c);
		row(AT, (parse_forward_path(&s, &a) == 0) == (utf8 ||
		    strchr(ALNUM "!#$%&'*+-/=?^_`{|}~.", c) != NULL),
		    "local part with %d", c);
		s = in;
		snprintf(in, sizeof(in), "<a@b%cd>", c);
		row(AT, (parse_forward_path(&s, &a) == 0) == (utf8 ||
		    strchr(ALNUM "-_.", c) != NULL), "domain with %d", c);
		snprintf(in, sizeof(in), "IDENT=a%cb", c);
		row(AT, (parse_xforward(in, ident, sizeof(ident)) == 0) ==
		    (!utf8 && strchr(" +=", c) == NULL), "xtext with %d", c);
		snprintf(in, sizeof(in), "IDENT=+%c1", c);
		row(AT, (parse_xforward(in, ident, sizeof(ident)) == 0) ==
		    (strchr("0123456789ABCDEFabcdef", c) != NULL),
		    "hex with %d", c);
		snprintf(in, sizeof(in), "%cx", c);
		row(AT, line_is_foreign(in, 2) ==
		    (c == ':' || (control && c != '\t')), "verb with %d", c);
		row(AT, host_is_safe(in) ==
		    (strchr(ALNUM ".-_:[]", c) != NULL), "host with %d", c);
		row(AT, byte_is_foreign((char)c) == (c == 0x16 || utf8),
		    "first byte %d", c);
	}
	row(AT, !host_is_safe("") && host_is_safe("a") &&
	    host_is_safe(many("", 'a', HOST_BYTES, "")) &&
	    !host_is_safe(many("", 'a', HOST_BYTES + 1, "")),
	    "a host of another length");
	row(AT, word_is("a", 1, "A") && !word_is("a", 1, "ab") &&
	    !word_is("", 0, "a"), "another word");
}

/* -U's argument. */
static void
test_source(void)
{
	static const struct {
		int		 at;
		const char	*arg;
		const char	*name;	/* NULL: refused */
		const char	*path;
	} rows[] = {
		{ AT, "passwd", "passwd", NULL },
		{ AT, "dir", "dir", NULL },
		{ AT, "any", "any", NULL },
		{ AT, "file:/etc/users", "file", "/etc/users" },
		{ AT, "file:/etc/%d/users%%", "file", "/etc/%d/users%%" },
		{ .at = AT, .arg = "" },
		{ .at = AT, .arg = "passwds" },
		{ .at = AT, .arg = "pass" },
		{ .at = AT, .arg = "PASSWD" },
		{ .at = AT, .arg = "passwd:" },
		{ .at = AT, .arg = "any:/x" },
		{ .at = AT, .arg = "file" },
		{ .at = AT, .arg = "file:" },
		{ .at = AT, .arg = "file:x" },
		{ .at = AT, .arg = "file:%d/x" },
		{ .at = AT, .arg = "file:/%n" },
		{ .at = AT, .arg = "file:/%" },
		{ .at = AT, .arg = "file:/%%%" },
	};
	struct config cfg;
	const char *wrong;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		memset(&cfg, 0, sizeof(cfg));
		wrong = user_source(rows[i].arg, &cfg);
		row(rows[i].at, (wrong == NULL) == (rows[i].name != NULL) &&
		    (wrong != NULL || (same(cfg.users->name, rows[i].name) &&
		    same(cfg.users_path, rows[i].path))), "%s",
		    or_null(wrong));
	}
}

static void
test_template(void)
{
	static const struct {
		int		 at;
		const char	*template;
		const char	*good;	/* with -U of these: p d f a */
		const char	*has;	/* of hndu */
		size_t		 preset;
	} rows[] = {
		{ AT, "/var/mail/%n", "pdfa", "n", 9 },
		{ AT, "/var/vmail/%d/%n", "pdfa", "nd", 10 },
		{ AT, "/var/vmail/u-%n/x", "pdfa", "n", 10 },
		{ AT, "/m/%u", "pdfa", "u", 2 },
		{ AT, "/m/%d%n", "pdfa", "nd", 2 },
		{ AT, "/%n", "pdfa", "n", 0 },
		{ AT, "/m/all", "pdfa", "", 6 },
		{ AT, "/m/a%%b/%n", "pdfa", "n", 7 },
		{ AT, "/m/%%n", "pdfa", "", 6 },
		{ AT, "~/Maildir", "pf", "h", 0 },
		{ AT, "%h/Maildir", "pf", "h", 0 },
		{ AT, "/m%h/%n", "pf", "hn", 0 },
		{ AT, "/m/~/%n", "pdfa", "n", 4 },
		{ AT, "", "", NULL, 0 },
		{ AT, "%n", "", NULL, 0 },
		{ AT, "mail/%n", "", NULL, 0 },
		{ AT, "./%n", "", NULL, 0 },
		{ AT, "%%/%n", "", NULL, 0 },
		{ AT, "~", "", NULL, 0 },
		{ AT, "~alice/x", "", NULL, 0 },
		{ AT, "/m/%", "", NULL, 0 },
		{ AT, "/m/%x", "", NULL, 0 },
		{ AT, "/m/%N", "", NULL, 0 },
		{ AT, "/m/% n", "", NULL, 0 },
		{ AT, "/m/%%%", "", NULL, 0 },
	};
	static const struct {
		char		 letter;
		const char	*arg;
	} users[] = {
		{ 'p', "passwd" }, { 'd', "dir" }, { 'f', "file:/f" },
		{ 'a', "any" }
	};
	struct config cfg;
	size_t i, u;

	for (i = 0; i < nitems(rows); i++) {
		const char *t = rows[i].template, *p;

		for (u = 0; u < nitems(users); u++) {
			row(AT, user_source(users[u].arg, &cfg) == NULL,
			    "-U %s", users[u].arg);
			row(rows[i].at, (template_check(t,
			    cfg.users->has_home) == NULL) ==
			    (strchr(rows[i].good, users[u].letter) != NULL),
			    "another result of the check with -U %s",
			    users[u].arg);
		}
		if (rows[i].has == NULL)
			continue;
		for (p = "hndu"; *p != '\0'; p++)
			row(rows[i].at, template_has(t, *p) ==
			    (strchr(rows[i].has, *p) != NULL),
			    "it has %%%c, or has not", *p);
		row(rows[i].at, template_preset(t) == rows[i].preset,
		    "preset are %zu", template_preset(t));
	}
}

static void
test_template_directory(void)
{
	static const struct {
		int		 at;
		const char	*template;
		const char	*dir;
	} rows[] = {
		{ AT, "/var/mail/%n", "/var/mail" },
		{ AT, "/m/all", NULL },
		{ AT, "/m/%u.mbox", "/m" },
		{ AT, "/m/100%%/%n", "/m/100%" },
		{ AT, "/m/a%%bc/%n", "/m/a%bc" },
		{ AT, "/m/%%%%/%n", "/m/%%" },
		{ AT, "/%n", NULL },
		{ AT, "/m/%d/%n", NULL },
		{ AT, "/m/%n/", NULL },
		{ AT, "~/mbox", NULL },
		{ AT, "%h/mbox", NULL },
		{ AT, "/0123456789012/%n", "/0123456789012" },
		{ AT, "/01234567890123/%n", "/01234567890123" },
		{ AT, "/012345678901234/%n", NULL },
	};
	char dir[16];
	size_t i;
	bool r;

	for (i = 0; i < nitems(rows); i++) {
		r = template_directory(rows[i].template, dir, sizeof(dir));
		row(rows[i].at, r == (rows[i].dir != NULL) &&
		    (!r || same(dir, rows[i].dir)), "%s", r ? dir : "none");
	}
	/* What ends in a slash is no file. */
	row(AT, maildir_format.check_template == NULL, "it may say no");
	row(AT, mbox_format.check_template("/m/%n/") != NULL, "accepted");
	row(AT, mbox_format.check_template("/m/%n") == NULL, "refused");
}

static void
test_expand(void)
{
	static const struct {
		int			 at;
		const char		*template;
		struct expansion	 e;
		size_t			 size;
		int			 err;
		const char		*path;
		size_t			 preset;
	} rows[] = {
		{ AT, "/var/mail/%n", { "/h/al", "al", "b.example" }, 64, 0,
		    "/var/mail/al", 9 },
		{ AT, "/v/%d/%n", { "/h/al", "al", "b.example" }, 64, 0,
		    "/v/b.example/al", 2 },
		{ AT, "/v/%u", { "/h/al", "al", "b.example" }, 64, 0,
		    "/v/al@b.example", 2 },
		{ AT, "/v/%u", { "/h/al", "al", NULL }, 64, 0, "/v/al", 2 },
		{ AT, "~/Maildir", { "/h/al", "al", NULL }, 64, 0,
		    "/h/al/Maildir", 5 },
		{ AT, "%h/Maildir", { "/h/al", "al", NULL }, 64, 0,
		    "/h/al/Maildir", 5 },
		{ AT, "/m%h/%n", { "/h/al", "al", NULL }, 64, 0,
		    "/m/h/al/al", 7 },
		{ AT, "/m/~/%n", { "/h/al", "al", NULL }, 64, 0, "/m/~/al",
		    4 },
		{ AT, "/m/all", { "/h/al", "al", NULL }, 64, 0, "/m/all", 6 },
		{ AT, "/m/%n%%%n", { NULL, "al", NULL }, 64, 0, "/m/al%al",
		    2 },
		/* preset counts bytes of the path, not of the template. */
		{ AT, "/%%%%%%/%n/%n", { NULL, "x", NULL }, 64, 0,
		    "/%%%/x/x", 4 },
		{ AT, "/m/%%", { NULL, "x", NULL }, 64, 0, "/m/%", 4 },
		/* A per cent sign in a value is never expanded. */
		{ AT, "/m/%d/%n", { "/h", "%d%n%h", "%n" }, 64, 0,
		    "/m/%n/%d%n%h", 2 },
		{ AT, "~/%n", { "/h/%n", "~", NULL }, 64, 0, "/h/%n/~", 5 },
		/* To the byte. */
		{ AT, "/m/%n", { NULL, "abc", NULL }, 7, 0, "/m/abc", 2 },
		{ AT, "/m/%n", { NULL, "abc", NULL }, 6, ENAMETOOLONG, NULL,
		    0 },
		{ AT, "/m/%n/x", { NULL, "abc", NULL }, 8, ENAMETOOLONG,
		    NULL, 0 },
		{ AT, "/m/%n%%", { NULL, "abc", NULL }, 7, ENAMETOOLONG,
		    NULL, 0 },
		{ AT, "/m/%u", { NULL, "a", "b" }, 6, ENAMETOOLONG, NULL,
		    0 },
		{ AT, "/m/%u", { NULL, "a", "b" }, 5, ENAMETOOLONG, NULL,
		    0 },
		{ AT, "/m/%u", { NULL, "a", NULL }, 4, ENAMETOOLONG, NULL,
		    0 },
		/* What there is none of. */
		{ AT, "/m/%d/%n", { "/h", "al", NULL }, 64, EINVAL, NULL, 0 },
		{ AT, "~/x", { NULL, "al", NULL }, 64, EINVAL, NULL, 0 },
	};
	size_t i, preset;
	char *t, *path;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		errno = 0;
		t = fenced_text(rows[i].template);
		path = memset(fence_take(&fences, rows[i].size), 'x',
		    rows[i].size);
		r = template_expand(t, &rows[i].e, path,
		    rows[i].size, &preset);
		if (rows[i].err != 0)
			row(rows[i].at, r == -1 && errno == rows[i].err &&
			    (path[0] == '/' || path[0] == '\0'),
			    "%d, errno %d, %s", r, errno, path);
		else
			row(rows[i].at, r == 0 && same(path, rows[i].path) &&
			    preset == rows[i].preset, "%d: %s, %zu preset", r,
			    path, preset);
	}
}

/*
 * The passwd-file and maildirsize.
 */
static void
test_passwd_key(void)
{
	static const struct {
		int		 at;
		const char	*line;
		const char	*user;
		const char	*domain;
		bool		 is;
	} rows[] = {
		{ AT, "al:x:1:1::/h", "al", NULL, true },
		{ AT, "al:x:1:1::/h", "a", NULL, false },
		{ AT, "al:x:1:1::/h", "alx", NULL, false },
		{ AT, "al:x:1:1::/h", "Al", NULL, false },
		{ AT, "al:x:1:1::/h", "al", "b", false },
		{ AT, "al@b:x:1:1::/h", "al", "b", true },
		{ AT, "al@B.Example:x:1:1::/h", "al", "b.example", true },
		{ AT, "al@b.example:x:1:1::/h", "al", "b", false },
		{ AT, "al@b:x:1:1::/h", "al", "b.example", false },
		{ AT, "al@b:x:1:1::/h", "al", NULL, false },
		{ AT, "al@b:x:1:1::/h", "AL", "b", false },
		{ AT, "al@b:x:1:1::/h", "al@b", NULL, true },
		{ AT, "al", "al", NULL, true },
		{ AT, "al:", "al", NULL, true },
		{ AT, "al@b", "al", "b", true },
		{ AT, "", "al", NULL, false },
		{ AT, "#al:x", "#al", NULL, false },
		{ AT, "# al:x", "al", NULL, false },
		{ AT, " al:x", "al", NULL, false },
		/* The password is no part of a name: no guessing at it. */
		{ AT, "al:x:1:1::/h", "al:x", NULL, false },
		{ AT, "al:{PLAIN}p@b:1:1::/h", "al:{PLAIN}p", "b", false },
		{ AT, "al@b:x:1:1::/h", "al", "b:x", false },
		{ AT, "al@[ipv6:::1]:x", "al", "[ipv6:::1]", false },
		/* A name alone, saved on another system. */
		{ AT, "al\r", "al", NULL, true },
		{ AT, "al@b\r", "al", "b", true },
		{ AT, "al\r:x", "al", NULL, false },
		/* One domain in both its forms. */
		{ AT, "al@xn--bcher-kva.x:p", "al", "bücher.x", true },
		{ AT, "al@XN--BCHER-KVA.X:p", "al", "bücher.x", true },
		{ AT, "al@BÜCHER.x:p", "al", "bücher.x", true },
		{ AT, "al@bücher.x:p", "al", "bücher.x", true },
		{ AT, "al@bücher.xx:p", "al", "bücher.x", false },
		{ AT, "al@bucher.x:p", "al", "bücher.x", false },
		{ AT, "al@:p", "al", "bücher.x", false },
	};
	struct passwd_keys k;
	size_t i, len, best, rank;

	for (i = 0; i < nitems(rows); i++) {
		len = strlen(rows[i].line);
		memset(&k, 0, sizeof(k));
		k.names[0] = rows[i].user;
		k.lens[0] = strlen(rows[i].user);
		k.n = 1;
		k.domain = rows[i].domain;
		/* Where there is a domain the row is about it alone. */
		best = rows[i].domain == NULL ? 2 : 1;
		rank = parse_passwd_key(fenced(rows[i].line, len), len, &k,
		    best);
		row(rows[i].at, rank == (rows[i].is ? best - 1 : best), "%zu",
		    rank);
	}
}

/* Of several lines the best: the first whose rank is lowest. */
static void
test_passwd_lines(void)
{
	static const struct {
		int		 at;
		const char	*file;
		const char	*line;	/* NULL: none */
		size_t		 rank;
		size_t		 number;
		size_t		 rest;	/* bytes behind the last LF */
		bool		 torn;	/* they may be of one of the names */
	} rows[] = {
		{ AT, "", NULL, 8, 0, 0, false },
		{ AT, "\n\n", NULL, 8, 0, 0, false },
		{ AT, "x:1\nAl+d:1\n", "Al+d:1", 1, 2, 0, false },
		{ AT, "al:1\nal+d:2\nAl:3\nAl+d:4\n", "Al+d:4", 1, 4, 0,
		    false },
		{ AT, "al:1\nal+d:2\nAl:3\n", "Al:3", 3, 3, 0, false },
		{ AT, "al:1\nal+d:2\nal+d:3\n", "al+d:2", 5, 2, 0, false },
		{ AT, "al:1\nal@b:2\nal@b:3\n", "al@b:2", 6, 2, 0, false },
		{ AT, "Al+d@b:1\nAl+d@b:2\n", "Al+d@b:1", 0, 1, 0, false },
		{ AT, "Al+d:1\nal@b:2\n", "Al+d:1", 1, 1, 0, false },
		/* What could be better than the best is found behind it. */
		{ AT, "Al+d:1\nx:2\ny:3\n", "Al+d:1", 1, 1, 0, false },
		{ AT, "Al+d:1\nx:2\nAl+d@b:3\n", "Al+d@b:3", 0, 3, 0,
		    false },
		{ AT, "Al+d:1\nx:2\nAl+d@b", "Al+d:1", 1, 1, 6, true },
		{ AT, "#al:1\nalx:1\n:al:2\nal@c:3\n", NULL, 8, 0, 0,
		    false },
		/* What has no end is no line, but may become one. */
		{ AT, "x:1\nal:1", NULL, 8, 0, 4, false },
		{ AT, "x:1\nal", NULL, 8, 0, 2, true },
		{ AT, "x:1\na", NULL, 8, 0, 1, true },
		{ AT, "x:1\nal+", NULL, 8, 0, 3, true },
		{ AT, "x:1\nAl+d@", NULL, 8, 0, 5, true },
		{ AT, "x:1\nal@exam", NULL, 8, 0, 7, true },
		{ AT, "x:1\nAl+d", NULL, 8, 0, 4, true },
		{ AT, "x:1\nal@b:1", NULL, 8, 0, 6, false },
		{ AT, "x:1\nalx", NULL, 8, 0, 3, false },
		{ AT, "x:1\n#al", NULL, 8, 0, 3, false },
		{ AT, "x:1\nb", NULL, 8, 0, 1, false },
		{ AT, "a:", NULL, 8, 0, 2, false },
	};
	static const struct passwd_keys k = {
		.names = { "Al+d", "Al", "al+d", "al" },
		.lens = { 4, 2, 4, 2 },
		.n = 4,
		.domain = "b"
	};
	struct passwd_match m;
	const char *file, *s, *line, *before;
	size_t i, n, len, llen, number;
	static const struct passwd_keys hash = {
		.names = { "#a" }, .lens = { 2 }, .n = 1
	};
	bool torn, whole;

	for (i = 0; i < nitems(rows); i++) {
		memset(&m, 0, sizeof(m));
		m.best = 8;
		m.line = rows[i].file;
		whole = true;
		line = NULL;
		llen = number = 0;
		len = strlen(rows[i].file);
		s = file = fenced(rows[i].file, len);
		while ((n = parse_passwd_lines(s, len, &k, &m)) > 0) {
			s += n;
			len -= n;
			whole = whole && s[-1] == '\n';
			if (m.line == NULL)
				continue;
			line = m.line;
			llen = m.len;
			number = 1;
			for (before = file; before < line; before++)
				number += *before == '\n';
		}
		torn = parse_passwd_torn(s, len, &k);
		row(rows[i].at, (rows[i].line == NULL ? line == NULL :
		    line != NULL && llen == strlen(rows[i].line) &&
		    memcmp(line, rows[i].line, llen) == 0) &&
		    m.best == rows[i].rank && number == rows[i].number &&
		    len == rows[i].rest && torn == rows[i].torn && whole,
		    "rank %zu, line %zu, %zu left, torn %d", m.best, number,
		    len, torn);
	}
	row(AT, !parse_passwd_torn(LEN("#a"), &hash), "a comment is torn");
}

static void
test_passwd_line(void)
{
	static const struct {
		int			 at;
		const char		*line;
		struct passwd_line	 p;	/* no name: a bad line */
	} rows[] = {
		{ AT, "al:x:1000:mail:Al:/h/al:/bin/sh:", { "al", "1000",
		    "mail", "/h/al", { 0, 0 }, false } },
		{ AT, "al:x:1:2::/h", { "al", "1", "2", "/h", { 0, 0 },
		    false } },
		{ AT, "al:x:1:2::/h:", { "al", "1", "2", "/h", { 0, 0 },
		    false } },
		{ AT, "al:{SHA}a/b+c=:::::", { "al", "", "", "", { 0, 0 },
		    false } },
		{ AT, "al:x:1:2::/h::a=b nopassword", { "al", "1", "2", "/h",
		    { 0, 0 }, false } },
		/* Saved on another system; its last field is the home. */
		{ AT, "al:x:1:2::/h\r", { "al", "1", "2", "/h", { 0, 0 },
		    false } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:storage=1G",
		    { "al", "1", "2", "/h", { 1 << 30, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:storage=100",
		    { "al", "1", "2", "/h", { 102400, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:bytes=100",
		    { "al", "1", "2", "/h", { 100, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:bytes=5M",
		    { "al", "1", "2", "/h", { 5 << 20, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:messages=7",
		    { "al", "1", "2", "/h", { 0, 7 }, true } },
		{ AT, "al:x:1:2::/h::a=b  userdb_quota_rule=*:storage=1M:"
		    "messages=7\tc=d", { "al", "1", "2", "/h", { 1 << 20, 7 },
		    true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:ignore",
		    { "al", "1", "2", "/h", { 0, 0 }, true } },
		/* The last of several counts. */
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:storage=1M:"
		    "messages=7:ignore",
		    { "al", "1", "2", "/h", { 0, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:storage=1M "
		    "userdb_quota_storage_size=unlimited",
		    { "al", "1", "2", "/h", { 0, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:storage=1M\r",
		    { "al", "1", "2", "/h", { 1 << 20, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_storage_size=1000",
		    { "al", "1", "2", "/h", { 1000, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_storage_size=2G",
		    { "al", "1", "2", "/h", { UINT64_C(2) << 30, 0 },
		    true } },
		/* Of a unit the first letter counts. */
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:storage=1GB",
		    { "al", "1", "2", "/h", { 1 << 30, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:bytes=1000B",
		    { "al", "1", "2", "/h", { 1000, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:storage=1000b",
		    { "al", "1", "2", "/h", { 1000, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=*:messages=1K",
		    { "al", "1", "2", "/h", { 0, 1024 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule=?:storage=1M",
		    { "al", "1", "2", "/h", { 1 << 20, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_storage_size=1MiB",
		    { "al", "1", "2", "/h", { 1 << 20, 0 }, true } },
		{ AT, "al:x:1:2::/h::userdb_quota_storage_size=unlimited",
		    { "al", "1", "2", "/h", { 0, 0 }, true } },
		/* Rules of other mailboxes, and other fields. */
		{ AT, "al:x:1:2::/h::userdb_quota_rule=Trash:storage=1M",
		    { "al", "1", "2", "/h", { 0, 0 }, false } },
		{ AT, "al:x:1:2::/h::userdb_quota_rule2=Trash:storage=x",
		    { "al", "1", "2", "/h", { 0, 0 }, false } },
		{ AT, "al:x:1:2::/h::xuserdb_quota_rule=*:storage=1",
		    { "al", "1", "2", "/h", { 0, 0 }, false } },
		/* What nobody asks for may be missing. */
		{ AT, "al:x:1:2:gecos", { "al", "1", "2", "", { 0, 0 },
		    false } },
		{ AT, "al:x:1:2\r", { "al", "1", "2", "", { 0, 0 },
		    false } },
		{ AT, "al:x:1", { "al", "1", "", "", { 0, 0 }, false } },
		{ AT, "al:x", { "al", "", "", "", { 0, 0 }, false } },
		{ AT, "al:", { "al", "", "", "", { 0, 0 }, false } },
		{ .at = AT, .line = "" },
		{ .at = AT, .line = "al" },
		{ .at = AT, .line = "al\r" },
		{ .at = AT, .line = "al:x:1:2::h/al" },
		{ .at = AT, .line = "al:x:1:2::~" },
		{ .at = AT, .line = "al:x:1:2::/h::userdb_quota_rule=*:" },
		{ .at = AT, .line = "al:x:1:2::/h::userdb_quota_rule=*:x=1" },
		{ .at = AT,
		    .line = "al:x:1:2::/h::userdb_quota_rule=*:messages=x" },
		{ .at = AT,
		    .line = "al:x:1:2::/h::userdb_quota_rule=*:bytes=x" },
		{ .at = AT,
		    .line = "al:x:1:2::/h::userdb_quota_rule=*:storage=" },
		{ .at = AT,
		    .line = "al:x:1:2::/h::userdb_quota_rule=*:storage=-1" },
		{ .at = AT,
		    .line = "al:x:1:2::/h::userdb_quota_rule=*:storage=1X" },
		{ .at = AT,
		    .line = "al:x:1:2::/h::userdb_quota_rule=*:bytes=1:y" },
		{ .at = AT, .line = "al:x:1:2::/h::userdb_quota_rule=*:"
		    "storage=9223372036854775807" },
		{ .at = AT,
		    .line = "al:x:1:2::/h::userdb_quota_storage_size=x" },
	};
	struct passwd_line p;
	const char *wrong;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		const struct passwd_line *want = &rows[i].p;

		wrong = parse_passwd_line(fenced_text(rows[i].line), &p);
		if (wrong != NULL || want->name == NULL) {
			row(rows[i].at, wrong != NULL && want->name == NULL,
			    "%s", or_null(wrong));
			continue;
		}
		row(rows[i].at, same(p.name, want->name) &&
		    same(p.uid, want->uid) && same(p.gid, want->gid) &&
		    same(p.home, want->home) &&
		    p.has_quota == want->has_quota &&
		    p.quota.bytes == want->quota.bytes &&
		    p.quota.messages == want->quota.messages,
		    "%s %s:%s %s %llu,%llu", p.name, p.uid, p.gid, p.home,
		    (unsigned long long)p.quota.bytes,
		    (unsigned long long)p.quota.messages);
	}
}

static void
test_maildirsize(void)
{
	static const struct {
		int			 at;
		const char		*in;
		int			 result;
		struct maildirsize	 m;
	} rows[] = {
		{ AT, "1000S\n", 0, { { 1000, 0 }, { 0, 0 }, 0 } },
		{ AT, "1000S,10C\n", 0, { { 1000, 10 }, { 0, 0 }, 0 } },
		{ AT, "10C,1000S\n", 0, { { 1000, 10 }, { 0, 0 }, 0 } },
		{ AT, "10C\n5 1\n", 0, { { 0, 10 }, { 5, 1 }, 1 } },
		{ AT, "1000S,10C\n100 2\n50 1\n-30 -1\n", 0,
		    { { 1000, 10 }, { 120, 2 }, 3 } },
		/* Columns, as courier pads them. */
		{ AT, "1000S\n         100            2\n", 0,
		    { { 1000, 0 }, { 100, 2 }, 1 } },
		{ AT, "1000S\n-5 -1\n10 2\n", 0,
		    { { 1000, 0 }, { 5, 1 }, 2 } },
		{ AT, "0S\n7 1\n", 0, { { 0, 0 }, { 7, 1 }, 1 } },
		{ AT, "1000S\n5 1", 0, { { 1000, 0 }, { 5, 1 }, 1 } },
		{ AT, "1000S", 0, { { 1000, 0 }, { 0, 0 }, 0 } },
		/* A number without a unit limits nothing. */
		{ AT, "1000\n5 1\n", 0, { { 0, 0 }, { 5, 1 }, 1 } },
		{ AT, "1000", 0, { { 0, 0 }, { 0, 0 }, 0 } },
		{ AT, "10C\n5 1 \n7 1\n", 0, { { 0, 10 }, { 12, 2 }, 2 } },
		/* Down to the least number, and up again. */
		{ AT, "1000S\n-1 0\n-9223372036854775807 0\n"
		    "9223372036854775807 0\n1 0\n", 0,
		    { { 1000, 0 }, { 0, 0 }, 4 } },
		{ AT, "1000S\n9223372036854775807 1\n-7 0\n", 0,
		    { { 1000, 0 }, { INT64_MAX - 7, 1 }, 2 } },
		{ .at = AT, .in = "S\n", .result = -1 },
		{ .at = AT, .in = "-1S\n", .result = -1 },
		{ .at = AT, .in = "x\n", .result = -1 },
		{ .at = AT, .in = "5S,x\n", .result = -1 },
		/* The limits of a good first line count all the same. */
		{ AT, "1000S\n\n5 1\n", -1, { { 1000, 0 }, { 0, 0 }, 0 } },
		{ AT, "1000S\n5\n", -1, { { 1000, 0 }, { 0, 0 }, 0 } },
		{ AT, "10C\n5 1 1\n", -1, { { 0, 10 }, { 0, 0 }, 0 } },
		{ AT, "1000S\n5 x\n", -1, { { 1000, 0 }, { 0, 0 }, 0 } },
		{ AT, "1000S\n5 -\n", -1, { { 1000, 0 }, { 0, 0 }, 0 } },
		{ AT, "1000S\n1.5 1\n", -1, { { 1000, 0 }, { 0, 0 }, 0 } },
		{ AT, "1000S\n5 1\n-6 0\n", -1, { { 1000, 0 }, { 0, 0 }, 0 } },
		{ AT, "1000S\n5 1\n-1 -2\n", -1, { { 1000, 0 }, { 0, 0 }, 0 } },
		{ AT, "1000S\n5 1\n-5 -1\n", 0, { { 1000, 0 }, { 0, 0 }, 2 } },
		{ .at = AT, .in = "99999999999999999999S\n", .result = -1 },
		{ AT, "1000S\n9223372036854775807 1\n1 0\n", -1,
		    { { 1000, 0 }, { 0, 0 }, 0 } },
		{ AT, "1000S\n-9223372036854775807 1\n"
		    "-9223372036854775807 1\n", -1,
		    { { 1000, 0 }, { 0, 0 }, 0 } },
	};
	struct maildirsize m;
	size_t i;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		const struct maildirsize *want = &rows[i].m;

		r = parse_maildirsize(fenced_text(rows[i].in), &m);
		row(rows[i].at, r == rows[i].result &&
		    m.limit.bytes == want->limit.bytes &&
		    m.limit.messages == want->limit.messages &&
		    (r == -1 || (m.used.bytes == want->used.bytes &&
		    m.used.messages == want->used.messages &&
		    m.lines == want->lines)),
		    "%d: %llu,%llu of %llu,%llu in %zu lines", r,
		    (unsigned long long)m.used.bytes,
		    (unsigned long long)m.used.messages,
		    (unsigned long long)m.limit.bytes,
		    (unsigned long long)m.limit.messages, m.lines);
	}
}

/*
 * DATA and BDAT.
 */
enum mode { CRLF, LF, BDAT };

struct decoded {
	char			 out[512];
	size_t			 len;
	size_t			 used;
	struct data_parser	 p;
};

/* Feeds a piece, as session.c does: until all is used, or the end. */
static void
data_piece(struct decoded *d, const char *in, size_t len)
{
	char out[256];
	size_t n;

	d->used += data_feed(&d->p, in, len, out, &n);
	if (n > len + 1)
		abort();
	memcpy(d->out + d->len, out, n);
	d->len += n;
}

/* Decodes in pieces: up to cut, and then step bytes at a time. */
static void
data_decode(struct decoded *d, enum mode mode, const char *in, size_t len,
    size_t cut, size_t step)
{
	size_t i = cut;

	memset(d, 0, sizeof(*d));
	d->p.lf = mode == LF;
	d->p.chunks = mode == BDAT;
	data_piece(d, in, cut);
	for (; i < len && !d->p.done; i += step) {
		if (step > len - i)
			step = len - i;
		data_piece(d, in + i, step);
	}
	if (mode == BDAT)
		d->len += data_end(&d->p, d->out + d->len);
}

static void
test_data(void)
{
	static const struct {
		int		 at;
		enum mode	 mode;
		const char	*in;
		size_t		 len;
		const char	*out;
		size_t		 outlen;
		uint64_t	 lines;	/* LF with no CR before it */
		uint64_t	 crlfs;	/* line ends that lost a CR */
		size_t		 left;	/* bytes behind the end */
		bool		 done;
	} rows[] = {
		{ AT, CRLF, LEN(".\r\n"), LEN(""), 0, 0, 0, true },
		{ AT, CRLF, LEN("a\r\n.\r\n"), LEN("a\n"), 1, 1, 0, true },
		{ AT, CRLF, LEN("\r\n.\r\n"), LEN("\n"), 1, 1, 0, true },
		{ AT, CRLF, LEN("a\r\n.\r\nQUIT\r\n"), LEN("a\n"), 1, 1, 6,
		    true },
		{ AT, CRLF, LEN(".\r\n.\r\n"), LEN(""), 0, 0, 3, true },
		{ AT, CRLF, LEN("..\r\n.\r\n"), LEN(".\n"), 1, 1, 0, true },
		{ AT, CRLF, LEN("...a\r\n.\r\n"), LEN("..a\n"), 1, 1, 0,
		    true },
		{ AT, CRLF, LEN(".a\r\n.\r\n"), LEN("a\n"), 1, 1, 0, true },
		{ AT, CRLF, LEN("a.\r\n.\r\n"), LEN("a.\n"), 1, 1, 0, true },
		{ AT, CRLF, LEN("a\r\n..b\r\n"), LEN("a\n.b\n"), 2, 2, 0,
		    false },
		{ AT, CRLF, LEN(""), LEN(""), 0, 0, 0, false },
		{ AT, CRLF, LEN("a"), LEN("a"), 0, 0, 0, false },
		{ AT, CRLF, LEN("a\r\n."), LEN("a\n"), 1, 1, 0, false },
		{ AT, CRLF, LEN("a\r\n.\r"), LEN("a\n"), 1, 1, 0, false },
		/* Content: NUL, 8-bit, a bare CR, a bare LF. */
		{ AT, CRLF, LEN("a\0b\xff\r\n.\r\n"), LEN("a\0b\xff\n"), 1, 1,
		    0, true },
		{ AT, CRLF, LEN("a\rb\r\n.\r\n"), LEN("a\rb\n"), 1, 1, 0,
		    true },
		{ AT, CRLF, LEN("\r\r\r\n.\r\n"), LEN("\r\r\n"), 0, 1, 0,
		    true },
		{ AT, CRLF, LEN("a\nb\r\n.\r\n"), LEN("a\nb\n"), 2, 1, 0,
		    true },
		{ AT, CRLF, LEN("a\r\r\n.\r\n"), LEN("a\r\n"), 0, 1, 0,
		    true },
		/* Only CRLF . CRLF ends it: nothing is smuggled in. */
		{ AT, CRLF, LEN("a\n.\nb\r\n.\r\n"), LEN("a\n.\nb\n"), 3, 1,
		    0, true },
		{ AT, CRLF, LEN("a\n.\r\nb\r\n.\r\n"), LEN("a\n.\nb\n"), 3, 2,
		    0, true },
		{ AT, CRLF, LEN("a\r\n.\nb\r\n.\r\n"), LEN("a\n\nb\n"), 3, 2,
		    0, true },
		{ AT, CRLF, LEN("a\r.\rb\r\n.\r\n"), LEN("a\r.\rb\n"), 1, 1,
		    0, true },
		{ AT, CRLF, LEN("a\r.\r\nb\r\n.\r\n"), LEN("a\r.\nb\n"), 2, 2,
		    0, true },
		{ AT, CRLF, LEN("a\r\n.\rb\r\n.\r\n"), LEN("a\n\rb\n"), 2, 2,
		    0, true },
		{ AT, CRLF, LEN("a\r\n.\r\r\nb\r\n.\r\n"),
		    LEN("a\n\r\nb\n"), 2, 3, 0, true },
		{ AT, CRLF, LEN("a\r\n.\0\r\n.\r\n"), LEN("a\n\0\n"), 2, 2, 0,
		    true },
		{ AT, CRLF, LEN("a\r\0\n.\r\n"), LEN("a\r\0\n.\n"), 2, 1, 0,
		    false },
		{ AT, CRLF, LEN("\n.\r\n"), LEN("\n.\n"), 2, 1, 0, false },
		/* A session of LF: a CR is content. */
		{ AT, LF, LEN(".\n"), LEN(""), 0, 0, 0, true },
		{ AT, LF, LEN("a\n.\nQUIT\n"), LEN("a\n"), 1, 0, 5, true },
		{ AT, LF, LEN("..\n.b\n.\n"), LEN(".\nb\n"), 2, 0, 0, true },
		{ AT, LF, LEN("a\r\nb\n.\n"), LEN("a\r\nb\n"), 1, 0, 0,
		    true },
		{ AT, LF, LEN("a\n.\r\nb\n.\n"), LEN("a\n\r\nb\n"), 2, 0, 0,
		    true },
		{ AT, LF, LEN("a\r"), LEN("a\r"), 0, 0, 0, false },
		/* BDAT: dots mean nothing, and there may be no last line. */
		{ AT, BDAT, LEN(""), LEN(""), 0, 0, 0, false },
		{ AT, BDAT, LEN("a\r\n.\r\n..b\r\n"), LEN("a\n.\n..b\n"), 3,
		    3, 0, false },
		{ AT, BDAT, LEN(".\r\n"), LEN(".\n"), 1, 1, 0, false },
		{ AT, BDAT, LEN("a"), LEN("a"), 0, 0, 0, false },
		{ AT, BDAT, LEN("a\r"), LEN("a\r"), 0, 0, 0, false },
		{ AT, BDAT, LEN("a\r\r"), LEN("a\r\r"), 0, 0, 0, false },
		{ AT, BDAT, LEN("a\n\rb\0"), LEN("a\n\rb\0"), 1, 0, 0,
		    false },
		{ AT, BDAT, LEN("\r\n"), LEN("\n"), 1, 1, 0, false },
	};
	struct decoded d;
	size_t i, cut;

	for (i = 0; i < nitems(rows); i++) {
		const char *in = fenced(rows[i].in, rows[i].len);
		bool good = true;

		/* Whole, in two pieces of any size, and byte by byte. */
		for (cut = 0; good && cut <= 2 * rows[i].len; cut++) {
			data_decode(&d, rows[i].mode, in, rows[i].len,
			    cut <= rows[i].len ? cut : cut - rows[i].len,
			    cut <= rows[i].len ? rows[i].len + 1 : 1);
			good = d.len == rows[i].outlen &&
			    memcmp(d.out, rows[i].out, d.len) == 0 &&
			    d.used == rows[i].len - rows[i].left &&
			    d.p.bare_lfs == rows[i].lines &&
			    d.p.crlfs == rows[i].crlfs &&
			    d.p.done == rows[i].done;
		}
		row(rows[i].at, good, "%.*s, %zu used, %llu lines, "
		    "%llu crlfs, done %d, cut %zu", (int)d.len, d.out, d.used,
		    (unsigned long long)d.p.bare_lfs,
		    (unsigned long long)d.p.crlfs, d.p.done, cut - 1);
	}
}

/*
 * What is left out of a stored message, and what is quoted in it.
 */
#define RP	0x1u	/* Return-Path is dropped */
#define MB	0x2u	/* an mbox */
#define BL	0x4u	/* it gets an empty line */
#define NT	0x8u	/* no trace headers stand before it */

/* As message.c does it: what is undecided is carried over. */
static size_t
filter_decode(struct filter *f, const char *in, size_t len, size_t cut,
    size_t step, char *out)
{
	size_t end = cut, at = 0, o = 0, n, plen;
	const char *piece;

	for (;;) {
		while (at < end) {
			n = filter_next(f, in + at, end - at, end == len,
			    &piece, &plen);
			if (n == 0 && plen == 0)
				break;
			memcpy(out + o, piece, plen);
			o += plen;
			at += n;
		}
		if (end == len || end - at > FILTER_FIRST)
			break;
		end = step < len - end ? end + step : len;
	}
	return o;
}

static void
test_filter(void)
{
	const struct {
		int		 at;
		unsigned int	 flags;
		const char	*in;
		size_t		 len;
		const char	*out;
		uint64_t	 lines;	/* dropped, with no CR */
	} rows[] = {
		{ AT, 0, LEN("Return-Path: <a>\nStatus: RO\n\nFrom x\n"),
		    "Return-Path: <a>\nStatus: RO\n\nFrom x\n", 0 },
		{ AT, RP | MB, LEN(""), "", 0 },
		{ AT, RP | MB, LEN("\n"), "\n", 0 },
		{ AT, RP | MB, LEN("A: b\n\nc"), "A: b\n\nc", 0 },
		/* Return-Path, in the header alone. */
		{ AT, RP, LEN("Return-Path: <a>\nA: b\n\nReturn-Path: c\n"),
		    "A: b\n\nReturn-Path: c\n", 1 },
		{ AT, RP, LEN("A: b\nRETURN-path:<a>\n\n"), "A: b\n\n", 1 },
		{ AT, RP, LEN("A: b\nReturn-Path:\n <a>\n\t(b)\nC: d\n\n"),
		    "A: b\nC: d\n\n", 3 },
		{ AT, RP, LEN("Return-Path: a\nReturn-Path: b\n"), "", 2 },
		{ AT, RP, LEN("Return-Path : a\n\n"), "\n", 1 },
		{ AT, RP, LEN("Return-Path\t \t: a\n\n"), "\n", 1 },
		{ AT, RP, LEN("Return-Path: a"), "", 0 },
		{ AT, RP, LEN("Return-Path: a\r\nB: c\r\n"), "B: c\r\n", 0 },
		{ AT, RP, LEN("Return-Path:\r\n a\n"), "", 1 },
		{ AT, RP, LEN("Return-Path: a\nStatus: RO\n\nFrom b\n"),
		    "Status: RO\n\nFrom b\n", 1 },
		{ AT, RP, LEN("\nReturn-Path: a\n"), "\nReturn-Path: a\n",
		    0 },
		{ AT, RP, LEN("X-Return-Path: a\nReturn-Paths: b\n"
		    "Return-Pat: c\nReturn-Path\nReturn-Path b: c\n"),
		    "X-Return-Path: a\nReturn-Paths: b\n"
		    "Return-Pat: c\nReturn-Path\nReturn-Path b: c\n", 0 },
		{ AT, RP, LEN("A:\n Return-Path: b\n\n"),
		    "A:\n Return-Path: b\n\n", 0 },
		/* A line of CRLF ends the header as one of LF does. */
		{ AT, RP | MB, LEN("A: b\r\n\r\nReturn-Path: c\r\n"
		    "Status: d\r\nFrom e\r\n"), "A: b\r\n\r\n"
		    "Return-Path: c\r\nStatus: d\r\n>From e\r\n", 0 },
		{ AT, RP, LEN("A: b\n\r\r\nReturn-Path: c\n\n"),
		    "A: b\n\r\r\n\n", 1 },
		/* One that is longer than what decides about it. */
		{ AT, RP, many("A: b\r\nReturn-Path: ", 'a', 100,
		    "\r\nB: c\r\n"), 127, "A: b\r\nB: c\r\n", 0 },
		{ AT, RP, many("A: b\nReturn-Path: ", 'a', 100,
		    "\nB: c\n"), 124, "A: b\nB: c\n", 1 },
		/* The fields by which readers of mbox keep their state. */
		{ AT, MB, LEN("Status: RO\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, MB, LEN("X-Status: D\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, MB, LEN("X-Keywords: x\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, MB, LEN("X-UID: 1\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, MB, LEN("X-IMAP: 1 1\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, MB, LEN("X-IMAPbase: 1 1\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, MB, LEN("Content-Length: 1\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, MB, LEN("X-Mozilla-Status: 0009\nA: b\n\n"),
		    "A: b\n\n", 1 },
		{ AT, MB, LEN("x-mozilla-status2: 0\nA: b\n\n"),
		    "A: b\n\n", 1 },
		{ AT, MB, LEN("X-Mozilla-Keys: $label1\nA: b\n\n"),
		    "A: b\n\n", 1 },
		{ AT, MB, LEN("X-Evolution: 00000001-0012\nA: b\n\n"),
		    "A: b\n\n", 1 },
		{ AT, RP, LEN("X-Mozilla-Status: 0009\n\n"),
		    "X-Mozilla-Status: 0009\n\n", 0 },
		{ AT, MB, LEN("X-Mozilla-Draft-Info: a\n\n"),
		    "X-Mozilla-Draft-Info: a\n\n", 0 },
		{ AT, MB, LEN("a: b\nstatus:\n \n RO\nx-imapBASE : 1\n\nc\n"),
		    "a: b\n\nc\n", 4 },
		{ AT, MB, LEN("A: b\n\nStatus: RO\n"), "A: b\n\nStatus: RO\n",
		    0 },
		{ AT, MB, LEN("Return-Path: a\nX-Statuses: b\n\n"),
		    "Return-Path: a\nX-Statuses: b\n\n", 0 },
		/* Readers pass over any number of blanks. */
		{ AT, MB, many("Status", ' ', 70, ": RO\nA: b\n\n"), 87,
		    "A: b\n\n", 1 },
		{ AT, MB, many("Status", '\t', 57, ": RO\nA: b\n\n"), 74,
		    "A: b\n\n", 1 },
		{ AT, MB, many("Status", ' ', 58, ": RO\nA: b\n\n"), 75,
		    "A: b\n\n", 1 },
		/* From_ lines, wherever they stand. */
		{ AT, MB, LEN("A: b\n\nFrom c\n"), "A: b\n\n>From c\n", 0 },
		{ AT, MB, LEN("A: b\n\n>From c\n"), "A: b\n\n>>From c\n", 0 },
		{ AT, MB, LEN("A: b\n\n>>>>From \n"), "A: b\n\n>>>>>From \n",
		    0 },
		{ AT, MB, LEN("\nFrom a\nFrom b\nc\nFrom d"),
		    "\n>From a\n>From b\nc\n>From d", 0 },
		{ AT, MB, LEN("A: b\nFrom c\n\n"), "A: b\n>From c\n\n", 0 },
		/* What a mailer left on top is no field, and goes, */
		{ AT, MB, LEN("From a\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, 0, LEN("From a\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, RP, LEN(">From a\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, MB, LEN(">From a\nA: b\n\n"), "A: b\n\n", 1 },
		{ AT, MB, LEN("Status: a\nFrom b\n\n"), "\n", 2 },
		{ AT, RP, LEN("From a\r\nReturn-Path: b\r\n>From c\r\nA: d"),
		    "A: d", 0 },
		{ AT, RP | MB, LEN("From \n>From a"), "", 1 },
		{ AT, 0, LEN("From "), "", 0 },
		{ AT, 0, LEN(">From "), "", 0 },
		{ AT, 0, LEN("From a\n\nb\n"), "\nb\n", 1 },
		{ AT, 0, many("From ", 'a', 300, "\nA: b\n"), 311, "A: b\n",
		    1 },
		{ AT, 0, LEN("A: b\nFrom c\n\nFrom d\n"),
		    "A: b\nFrom c\n\nFrom d\n", 0 },
		/* but not what only looks like it. */
		{ AT, 0, LEN("From: a\n\n"), "From: a\n\n", 0 },
		{ AT, BL, LEN(">>From a\n"), "\n>>From a\n", 0 },
		{ AT, BL, LEN("FROM a\n"), "\nFROM a\n", 0 },
		{ AT, MB | BL, LEN(">>From a\n"), "\n>>>From a\n", 0 },
		/* Text without a header comes behind an empty line. */
		{ AT, BL, LEN("a\nStatus: b\n"), "\na\nStatus: b\n", 0 },
		{ AT, MB | BL, LEN("a\nStatus: b\n"), "\na\nStatus: b\n", 0 },
		{ AT, RP | MB | BL,
		    LEN("Status: RO\nDisk full\nReturn-Path: a\n"),
		    "\nDisk full\nReturn-Path: a\n", 1 },
		{ AT, BL, LEN("From a\nb c: d\n"), "\nb c: d\n", 1 },
		{ AT, MB | BL, LEN("From a\n b\n"), "\n b\n", 1 },
		{ AT, MB | BL, LEN("Status:\n a\n b\nc"), "\nc", 3 },
		{ AT, MB | BL, LEN("Status: a\nFrom b\n c\n"), "\n c\n",
		    2 },
		{ AT, BL, LEN(" a: b\n"), "\n a: b\n", 0 },
		{ AT, BL, LEN("\ta: b\n"), "\n\ta: b\n", 0 },
		{ AT, BL, LEN(": b\n"), "\n: b\n", 0 },
		{ AT, BL, LEN("caf\xc3\xa9: b\n"), "\ncaf\xc3\xa9: b\n", 0 },
		{ AT, BL, LEN("a\x7f: b\n"), "\na\x7f: b\n", 0 },
		{ AT, BL, LEN("\rb: c\n"), "\n\rb: c\n", 0 },
		{ AT, BL, LEN("\r"), "\n\r", 0 },
		{ AT, 0, LEN("a \t : b\n"), "a \t : b\n", 0 },
		{ AT, 0, LEN("!~:\n"), "!~:\n", 0 },
		{ AT, BL, LEN("a"), "\na", 0 },
		{ AT, 0, LEN("a:"), "a:", 0 },
		{ AT, 0, LEN("\r\na\n"), "\r\na\n", 0 },
		{ AT, 0, LEN("\na\n"), "\na\n", 0 },
		/* Without trace headers it is what the sender made of it. */
		{ AT, NT, LEN("From a\nb\n"), "From a\nb\n", 0 },
		{ AT, NT | MB, LEN("From a\nb\n"), ">From a\nb\n", 0 },
		{ AT, NT | MB, LEN("a\nStatus: b\n"), "a\n", 1 },
		/* A long name is one; a line of base64 is none. */
		{ AT, 0, many("", 'a', 200, ": b\n"), 204,
		    many("", 'a', 200, ": b\n"), 0 },
		{ AT, BL, many("", 'a', 76, "\nb\n"), 79,
		    many("\n", 'a', 76, "\nb\n"), 0 },
		{ AT, BL, many("", 'a', 1000, ": b\n"), 1004,
		    many("\n", 'a', 1000, ": b\n"), 0 },
		{ AT, MB, LEN("\nFrom"), "\nFrom", 0 },
		{ AT, MB, LEN("\nFrom "), "\n>From ", 0 },
		{ AT, MB, LEN("\n>"), "\n>", 0 },
		{ AT, MB, LEN("\nfrom a\nFROM a\n From a\nFrom\ta\nFroma\n"
		    "> From a\n>>x\nx From a\nFrom\n"),
		    "\nfrom a\nFROM a\n From a\nFrom\ta\nFroma\n"
		    "> From a\n>>x\nx From a\nFrom\n", 0 },
		{ AT, MB, LEN("\na\rFrom b\n"), "\na\rFrom b\n", 0 },
	};
	char out[2048];
	struct filter f;
	size_t i, cut, n = 0;

	for (i = 0; i < nitems(rows); i++) {
		size_t len = rows[i].len, outlen = strlen(rows[i].out);
		const char *in = fenced(rows[i].in, len);
		bool good = true;

		for (cut = 0; good && cut <= 2 * len; cut++) {
			memset(&f, 0, sizeof(f));
			f.return_path = (rows[i].flags & RP) != 0;
			f.mbox = (rows[i].flags & MB) != 0;
			f.begun = (rows[i].flags & NT) != 0;
			n = filter_decode(&f, in, len,
			    cut <= len ? cut : cut - len,
			    cut <= len ? len : 1, out);
			good = n == outlen &&
			    memcmp(out, rows[i].out, n) == 0 &&
			    f.dropped_lfs == rows[i].lines &&
			    f.blanks == (rows[i].flags & BL ? 1 : 0) &&
			    f.dropped == len + f.quoted - n;
			memset(out, 0, sizeof(out));
		}
		row(rows[i].at, good, "%zu bytes, %llu dropped in %llu lines, "
		    "cut %zu", n, (unsigned long long)f.dropped,
		    (unsigned long long)f.dropped_lfs, cut - 1);
	}
}

/*
 * What a header says.
 */
static void
test_header(void)
{
	static const struct {
		int		 at;
		const char	*in;
		const char	*name;
		const char	*value;	/* NULL: none */
	} rows[] = {
		{ AT, "A: b\nC: d\n\ne\n", "A", " b" },
		{ AT, "A: b\nC: d\n\ne\n", "c", " d" },
		{ AT, "A: b\n c\n\td\nE: f\n", "A", " b\n c\n\td" },
		{ AT, "A:\nA: c\n", "A", "" },
		{ AT, "A: b", "A", " b" },
		{ AT, "A:", "A", "" },
		{ AT, "B:\n A: c\n\n", "A", NULL },
		{ AT, "AA: b\nXA: b\n", "A", NULL },
		{ AT, "A", "A", NULL },
		{ AT, "B: c\n\nA: d\n", "A", NULL },
		{ AT, "B: c\r\n\r\nA: d\r\n", "A", NULL },
		{ AT, "B: c\n\r", "A", NULL },
		{ AT, "\nA: d\n", "A", NULL },
		{ AT, "", "A", NULL },
	};
	size_t i, len, n = 0;
	const char *value;

	for (i = 0; i < nitems(rows); i++) {
		len = strlen(rows[i].in);
		value = header_find(fenced(rows[i].in, len), len,
		    rows[i].name, &n);
		if (value == NULL || rows[i].value == NULL)
			row(rows[i].at, value == rows[i].value, "%.20s",
			    or_null(value));
		else
			row(rows[i].at, n == strlen(rows[i].value) &&
			    memcmp(value, rows[i].value, n) == 0, "%.*s",
			    (int)n, value);
	}
}

static void
test_ids(void)
{
	static const struct {
		int		 at;
		const char	*in;
		const char	*msgid;
		const char	*qid;
		size_t		 size;
	} rows[] = {
		{ AT, "A: b\n\n", "", "", 64 },
		{ AT, "Message-ID: <a@b>\n\n", "<a@b>", "", 64 },
		{ AT, "message-id:\n\t <a@b> \n\n", "<a@b>", "", 64 },
		{ AT, "Message-Id: <a@b>\r\n\r\n", "<a@b>", "", 64 },
		{ AT, "Message-ID: <abc@d>\n\n", "<abc", "", 5 },
		{ AT, "Message-ID: <abc>\n\n", "<abc", "", 5 },
		{ AT, "Message-ID: <ab>\n\n", "<ab>", "", 5 },
		{ AT, "A: b\n\nMessage-ID: <a@b>\n", "", "", 64 },
		{ AT, "Message-ID: ", "", "", 64 },
		{ AT, "Received: by b id ", "", "", 64 },
		/* Postfix, Exim, sendmail, OpenSMTPD, Exchange. */
		{ AT, "Received: from a (a.example [192.0.2.1])\n"
		    "\tby mx.example (Postfix) with ESMTPS id 4XyZ\n"
		    "\tfor <b@c>; Tue, 1 Sep 2026 00:00:00 +0000 (UTC)\n\n",
		    "", "4XyZ", 64 },
		{ AT, "Received: by mx.example (Postfix, from userid 1000)\n"
		    "\tid 4Abc; Tue, 1 Sep 2026 00:00:00 +0000 (UTC)\n\n", "",
		    "4Abc", 64 },
		{ AT, "Received: from [192.0.2.1] (helo=a)\n"
		    "\tby mx.example with esmtps  (TLS1.3) tls "
		    "TLS_AES_256_GCM_SHA384\n\t(Exim 4.96)\n"
		    "\t(envelope-from <a@b>)\n\tid 1abcDE-000123-2X\n"
		    "\tfor c@d;\n\tTue, 01 Sep 2026 00:00:00 +0000\n\n", "",
		    "1abcDE-000123-2X", 64 },
		{ AT, "Received: from a (a [192.0.2.1])\n\tby mx (8.17.1/8.17"
		    ".1) with ESMTP id 691000xx012345\n\tfor <b>; Tue\n\n",
		    "", "691000xx012345", 64 },
		{ AT, "Received: from localhost (mx [local])\n\tby mx "
		    "(OpenSMTPD) with ESMTPA id 0f1e2d3c;\n\tTue\n\n", "",
		    "0f1e2d3c", 64 },
		{ AT, "Received: from a (192.0.2.1) by b (192.0.2.2) with\n"
		    " Microsoft SMTP Server (version=TLS1_2) id 15.1.2;"
		    " Tue\n\n", "", "15.1.2", 64 },
		/* The topmost counts, and a comment does not. */
		{ AT, "Received: from a by b id one; x\n"
		    "Received: from a by b id two; x\n\n", "", "one", 64 },
		{ AT, "Received: from a (id no (id no)) by b ID yes\n\n", "",
		    "yes", 64 },
		{ AT, "Received: from a (by id no) by b id yes\n\n", "",
		    "yes", 64 },
		{ AT, "Received: from a ) by b id c; x\n\n", "", "c", 64 },
		{ AT, "Received: id c; x\n\n", "", "c", 64 },
		{ AT, "Received: by b id ;c\n\n", "", "c", 64 },
		{ AT, "Received: by b id one(comment)\n\n", "", "one", 64 },
		{ AT, "Received: by b id one;x\n\n", "", "one", 64 },
		{ AT, "Received: by b id 123456\n\n", "", "1234", 5 },
		{ AT, "Received: from a by b; x\n\n", "", "", 64 },
		{ AT, "Received: by b id\n\n", "", "", 64 },
		/* A client may say that it is called id. */
		{ AT, "Received: from id (a [192.0.2.1]) by b with SMTP id c;"
		    " x\n\n", "", "c", 64 },
	};
	char *in, *msgid, *qid;
	size_t i, len;

	for (i = 0; i < nitems(rows); i++) {
		len = strlen(rows[i].in);
		in = fenced(rows[i].in, len);
		msgid = fence_take(&fences, rows[i].size);
		qid = fence_take(&fences, rows[i].size);
		memset(msgid, 'x', rows[i].size);
		memset(qid, 'x', rows[i].size);
		header_message_id(in, len, msgid, rows[i].size);
		header_received_id(in, len, qid, rows[i].size);
		row(rows[i].at, same(msgid, rows[i].msgid) &&
		    same(qid, rows[i].qid), "%s and %s", msgid, qid);
	}
}

/*
 * What the client and the operator are told.
 */
static void
test_errno(void)
{
	static const struct {
		int		 at;
		int		 err;
		int		 code;
		const char	*esc;
	} rows[] = {
		{ AT, ENOSPC, 452, "4.3.1" },
		{ AT, EFBIG, 452, "4.3.1" },
		{ AT, EDQUOT, 452, "4.2.2" },
		{ AT, EACCES, 451, "4.3.0" },
		{ AT, EPERM, 451, "4.3.0" },
		{ AT, ENOENT, 451, "4.3.0" },
		{ AT, EIO, 451, "4.3.0" },
		{ AT, EROFS, 451, "4.3.0" },
		{ AT, ESTALE, 451, "4.3.0" },
		{ AT, ENOMEM, 451, "4.3.0" },
		{ AT, EMFILE, 451, "4.3.0" },
		{ AT, ENAMETOOLONG, 451, "4.3.0" },
		{ AT, 0, 451, "4.3.0" },
	};
	const struct reply *r;
	bool good = true;
	size_t i;
	int err;

	for (i = 0; i < nitems(rows); i++) {
		r = reply_errno(rows[i].err);
		row(rows[i].at, r->code == rows[i].code &&
		    same(r->esc, rows[i].esc), "%d %s", r->code, r->esc);
	}
	for (err = -1; good && err < 4096; err++) {
		r = reply_errno(err);
		good = r->code / 100 == 4 && r->esc[0] == '4';
	}
	row(AT, good, "errno %d is permanent", err - 1);
}

static void
test_text(void)
{
	static const struct {
		int		 at;
		uint64_t	 n;
		unsigned int	 base;
		size_t		 width;
		const char	*text;
	} rows[] = {
		{ AT, 0, 10, 0, "0" },
		{ AT, 0, 10, 3, "000" },
		{ AT, 42, 10, 1, "42" },
		{ AT, 42, 10, 6, "000042" },
		{ AT, 255, 16, 0, "ff" },
		{ AT, 7, 8, 3, "007" },
		{ AT, UINT64_MAX, 10, 0, "18446744073709551615" },
		{ AT, UINT64_MAX, 16, 0, "ffffffffffffffff" },
		{ AT, 1, 2, 64, "000000000000000000000000000000000000000000"
		    "0000000000000000000001" },
	};
	struct text t;
	char buf[80];
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		text_init(&t, buf, sizeof(buf));
		text_digits(&t, rows[i].n, rows[i].base, rows[i].width);
		row(rows[i].at, same(buf, rows[i].text) &&
		    t.len == strlen(buf), "%s", buf);
	}
	text_init(&t, buf, 6);
	row(AT, same(buf, "") && t.len == 0, "%s", buf);
	text_add(&t, "ab", "", "c", NULL);
	row(AT, same(buf, "abc") && t.len == 3, "%s", buf);
	text_bytes(&t, "defg", 4);
	row(AT, same(buf, "abcde") && t.len == 5, "%s", buf);
	text_number(&t, 1);
	text_char(&t, 'f');
	row(AT, same(buf, "abcde") && t.len == 5, "%s", buf);
	text_init(&t, buf, 1);
	text_add(&t, "a", NULL);
	row(AT, same(buf, "") && t.len == 0, "%s", buf);
	text_init(&t, buf, sizeof(buf));
	text_escape(&t, LEN("a\"\\\0\x01\t\n\x1f \x7f\xc3\xa9z"), TEXT_LINE);
	row(AT, same(buf, "a\"\\\\000\\001\\011\\012\\037 \\177"
	    "\xc3\xa9z"), "%s", buf);
	text_init(&t, buf, sizeof(buf));
	text_escape(&t, LEN("\"a\\b=\""), TEXT_QUOTED);
	row(AT, same(buf, "\\\"a\\\\b=\\\""), "%s", buf);
	text_init(&t, buf, sizeof(buf));
	text_escape(&t, LEN(""), TEXT_QUOTED);
	row(AT, same(buf, ""), "%s", buf);
}

static void
test_cut(void)
{
	static const struct {
		int		 at;
		const char	*text;
		size_t		 max;
		size_t		 len;
	} rows[] = {
		{ AT, "", 0, 0 },
		{ AT, "", 4, 0 },
		{ AT, "abc", 0, 0 },
		{ AT, "abc", 2, 2 },
		{ AT, "abc", 3, 3 },
		{ AT, "abc", 4, 3 },
		{ AT, "a\303\251", 1, 1 },
		{ AT, "a\303\251", 2, 1 },
		{ AT, "a\303\251", 3, 3 },
		{ AT, "a\303\251b", 3, 3 },
		{ AT, "a\360\237\230\200", 4, 1 },
		{ AT, "a\360\237\230\200", 5, 5 },
		{ AT, "\360\237\230\200", 3, 0 },
		/* Where there are no characters any byte will do. */
		{ AT, "\200\200\200\200\200\200\200", 6, 6 },
		{ AT, "a\200\200\200\200\200", 5, 5 },
		{ AT, "\200\200\200", 2, 2 },
		{ AT, "a\200\200\200\200", 4, 4 },
	};
	const char *s;
	size_t i, len;

	for (i = 0; i < nitems(rows); i++) {
		s = fenced(rows[i].text, strlen(rows[i].text) + 1);
		len = text_cut(s, rows[i].max);
		row(rows[i].at, len == rows[i].len, "%zu", len);
	}
}

/* What a terminal, or a reader of the log, could take for more than text. */
static void
test_escape(void)
{
	static const struct {
		int		 at;
		const char	*in;
		size_t		 len;
		const char	*out;
	} rows[] = {
		{ AT, LEN("\xc2\x80\xc2\x9f"), "\\302\\200\\302\\237" },
		{ AT, LEN("\xc2\x9b" "31m"), "\\302\\23331m" },
		{ AT, LEN("\xc2\xa0\xc2\xbf"), "\xc2\xa0\xc2\xbf" },
		{ AT, LEN("\xe2\x80\xa7"), "\xe2\x80\xa7" },
		{ AT, LEN("\xe2\x80\xa8"), "\\342\\200\\250" },
		{ AT, LEN("\xe2\x80\xa9"), "\\342\\200\\251" },
		{ AT, LEN("\xe2\x80\xaa"), "\\342\\200\\252" },
		{ AT, LEN("\xe2\x80\xae"), "\\342\\200\\256" },
		{ AT, LEN("\xe2\x80\xaf"), "\xe2\x80\xaf" },
		{ AT, LEN("\xe2\x81\xa5"), "\xe2\x81\xa5" },
		{ AT, LEN("\xe2\x81\xa6"), "\\342\\201\\246" },
		{ AT, LEN("\xe2\x81\xa9"), "\\342\\201\\251" },
		{ AT, LEN("\xe2\x81\xaa"), "\xe2\x81\xaa" },
		/* The same last byte in another character. */
		{ AT, LEN("\xe2\x82\xa8\xe3\x80\xa8"),
		    "\xe2\x82\xa8\xe3\x80\xa8" },
		/* Bytes that are no part of UTF-8: C1 by themselves, */
		{ AT, LEN("a\x9b" "31m"), "a\\23331m" },
		{ AT, LEN("\x80\x9f"), "\\200\\237" },
		{ AT, LEN("\xc3\x85\x85"), "\xc3\x85\\205" },
		/* cut off, */
		{ AT, LEN("\xc3"), "\\303" },
		{ AT, LEN("\xc3z"), "\\303z" },
		{ AT, LEN("\xe2\x82"), "\\342\\202" },
		{ AT, LEN("\xf0\x9f\x98z"), "\\360\\237\\230z" },
		/* longer than they need be, */
		{ AT, LEN("\xc0\x8a"), "\\300\\212" },
		{ AT, LEN("\xc1\xbf"), "\\301\\277" },
		{ AT, LEN("\xe0\x82\x85"), "\\340\\202\\205" },
		{ AT, LEN("\xe0\xa0\x80"), "\xe0\xa0\x80" },
		{ AT, LEN("\xf0\x8f\xbf\xbf"), "\\360\\217\\277\\277" },
		{ AT, LEN("\xf0\x90\x80\x80"), "\xf0\x90\x80\x80" },
		/* half of a pair, past the last, an older charset's. */
		{ AT, LEN("\xed\xa0\x80"), "\\355\\240\\200" },
		{ AT, LEN("\xed\x9f\xbf"), "\xed\x9f\xbf" },
		{ AT, LEN("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf" },
		{ AT, LEN("\xf4\x90\x80\x80"), "\\364\\220\\200\\200" },
		{ AT, LEN("\xf5\x80\x80\x80"), "\\365\\200\\200\\200" },
		{ AT, LEN("caf\xe9 \xff"), "caf\\351 \\377" },
		{ AT, LEN("\xf0\x9f\x98\x80\xe4\xb8\xad\xc3\xbc"),
		    "\xf0\x9f\x98\x80\xe4\xb8\xad\xc3\xbc" },
	};
	char buf[64];
	struct text t;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		text_init(&t, buf, sizeof(buf));
		text_escape(&t, fenced(rows[i].in, rows[i].len), rows[i].len,
		    TEXT_LINE);
		row(rows[i].at, same(buf, rows[i].out) &&
		    text_plain(buf, t.len, TEXT_LINE) == t.len, "%s", buf);
	}
}

/* Each byte, at each place of a text, ends what is plain or does not. */
static void
test_plain(void)
{
	char all[40], *const s = all + 20;
	const size_t size = sizeof(all) - 20;
	size_t at, line, quoted, word;
	int c;

	/* What stands before it is as plain as can be. */
	memset(all, '!', sizeof(all));
	for (c = 0; c < 256; c++)
		for (at = 0; at < size; at++) {
			memset(s, at % 2 == 0 ? '!' : '~', size);
			s[at] = (char)c;
			line = c < ' ' || c >= 0x7f ? at : size;
			quoted = c == '"' || c == '\\' ? at : line;
			word = c == ' ' || c == '=' ? at : quoted;
			row(AT, text_plain(s, size, TEXT_LINE) == line &&
			    text_plain(s, size, TEXT_QUOTED) == quoted &&
			    text_plain(s, size, TEXT_WORD) == word,
			    "%d at %zu", c, at);
			memset(s, ' ', size);
			s[at] = (char)c;
			row(AT, text_plain(s, size, TEXT_LINE) == line &&
			    text_plain(s, size, TEXT_QUOTED) == quoted,
			    "%d at %zu", c, at);
		}
	/* A character that is cut off is none, whatever stands behind it. */
	row(AT, text_plain("ab\xc3\xbc", 3, TEXT_LINE) == 2, "cut off");
	row(AT, text_control(" ", 1) == 0, "a blank");
}

static void
test_log(void)
{
	const struct {
		int		 at;
		const char	*value;
		const char	*text;
	} rows[] = {
		{ AT, "a", "k=a" },
		{ AT, "<a@b>", "k=<a@b>" },
		{ AT, "maildir:/a/%n", "k=maildir:/a/%n" },
		{ AT, "\xc3\xbc", "k=\xc3\xbc" },
		{ AT, "", "k=\"\"" },
		{ AT, "a b", "k=\"a b\"" },
		{ AT, "a=b", "k=\"a=b\"" },
		{ AT, "a\"b", "k=\"a\\\"b\"" },
		{ AT, "a\\b", "k=\"a\\\\b\"" },
		{ AT, "a\nstatus=delivered", "k=\"a\\012status=delivered\"" },
		{ AT, "\t", "k=\"\\011\"" },
		{ AT, "\r\x1b[2J", "k=\"\\015\\033[2J\"" },
		{ AT, "\x7f", "k=\"\\177\"" },
		{ AT, "\xc2\x9b", "k=\"\\302\\233\"" },
		{ AT, "<\xe2\x80\xae>", "k=\"<\\342\\200\\256>\"" },
		{ AT, "\x9b", "k=\"\\233\"" },
		{ AT, "\xe2\x82\xac", "k=\xe2\x82\xac" },
		/* Never cut within a character. */
		{ AT, many("", 'a', 511, "\xc3\xbc"),
		    many("k=", 'a', 511, "") },
		{ AT, many("", 'a', 510, "\xc3\xbcz"),
		    many("k=", 'a', 510, "\xc3\xbc") },
		{ AT, many("", 'a', 509, "\xf0\x9f\x98\x80"),
		    many("k=", 'a', 509, "") },
		{ AT, many("", 'a', 512, ""), many("k=", 'a', 512, "") },
		{ AT, many("", 'a', 600, ""), many("k=", 'a', 512, "") },
	};
	struct log_line l;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		log_begin(&l);
		log_add(&l, "k", fenced_text(rows[i].value));
		row(rows[i].at, same(l.buf, rows[i].text), "%s", l.buf);
	}
	log_begin(&l);
	log_add(&l, "a", "1");
	log_number(&l, "b", 2);
	log_word(&l, "c", "w");
	log_add(&l, "d", "3 4");
	row(AT, same(l.buf, "a=1 b=2 c=w d=\"3 4\""), "%s", l.buf);
	/* The longest values leave room for what comes behind them. */
	log_begin(&l);
	for (i = 0; i < 6; i++)
		log_add(&l, "k", many("", '"', 512, ""));
	log_add(&l, "msgid", many("", 1, 255, ""));
	log_add(&l, "qid", many("", 1, 63, ""));
	log_add(&l, "status", "refused");
	row(AT, strstr(l.buf, " status=refused") != NULL, "%zu bytes",
	    strlen(l.buf));
}

/* Each day of two centuries, at any time of it: libc is asked. */
static void
test_date(void)
{
	char buf[64], want[64] = "";
	struct text t;
	struct tm tm;
	uint64_t now;
	time_t at;

	for (now = 0; now < 200ULL * 366 * 86400; now += 86400 + 61) {
		at = (time_t)now;
		strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S +0000",
		    gmtime_r(&at, &tm));
		text_init(&t, buf, sizeof(buf));
		text_date(&t, now);
		if (!same(buf, want))
			break;
	}
	row(AT, same(buf, want), "%s and not %s", buf, want);
}

static void
test_from_date(void)
{
	char buf[64], want[64] = "";
	struct text t;
	struct tm tm;
	time_t at;

	for (at = 0; at < 60LL * 366 * 86400; at += 86400 + 61) {
		strftime(want, sizeof(want), "%a %b %e %H:%M:%S %Y",
		    gmtime_r(&at, &tm));
		text_init(&t, buf, sizeof(buf));
		text_from_date(&t, &tm);
		if (!same(buf, want))
			break;
	}
	row(AT, same(buf, want), "%s and not %s", buf, want);
}

static bool
is_all(const char *s, char c, size_t n)
{
	while (n > 0 && *s == c) {
		s++;
		n--;
	}
	return n == 0;
}

/* Small ones, and what is about as large as a block. */
static size_t
piece_size(size_t i)
{
	return i < 290 ? i : 4096 + 16 * i - 16 * 295;
}

/* Pieces of all sizes: aligned, zeroed, and none is part of another. */
static void
test_arena(void)
{
	static alignas(max_align_t) char memory[20000];
	struct sieve_room room = { memory, sizeof(memory) };
	struct arena a = { .limit = 1 << 22 };
	char *p[300], *q;
	size_t i, n;
	int round;

	/* In a room that is too small for all, and which it gives back. */
	for (round = 0; round < 4; round++) {
		a.room = round < 2 ? NULL : &room;
		memset(memory, 'x', sizeof(memory));
		for (i = 0; i < nitems(p); i++) {
			n = piece_size(i);
			if ((p[i] = arena_take(&a, n)) == NULL)
				abort();
			row(AT, (uintptr_t)p[i] % 16 == 0 &&
			    is_all(p[i], '\0', n), "%zu bytes", n);
			memset(p[i], (int)(i % 100 + 1), n);
		}
		for (i = 0; i < nitems(p); i++)
			row(AT, is_all(p[i], (char)(i % 100 + 1),
			    piece_size(i)), "piece %zu was changed", i);
		row(AT, round < 2 ? is_all(memory, 'x', sizeof(memory)) :
		    room.left < 4200, "%zu bytes are left", room.left);
		arena_free(&a);
		row(AT, room.at == memory && room.left == sizeof(memory),
		    "%zu bytes come back", room.left);
	}
	/* All of a block, and the byte more that is none of the room's. */
	for (n = 4096; n <= 4097; n++) {
		memset(memory, 'x', sizeof(memory));
		row(AT, (p[0] = arena_take(&a, n)) != NULL &&
		    is_all(p[0], '\0', n) && (room.at > memory) == (n == 4096),
		    "%zu bytes", n);
		arena_free(&a);
	}
	a.room = NULL;
	/* No more than it may have, all in all, and all of that again. */
	for (round = 0; round < 2; round++) {
		for (n = 0; (q = arena_take(&a, 1000)) != NULL; n++)
			memset(q, 'x', 1000);
		row(AT, n > 4000 && n < 4195 && a.failed, "%zu pieces", n);
		arena_free(&a);
		a.failed = false;
	}
	row(AT, arena_take(&a, 1 << 22) != NULL && !a.failed, "not all");
	row(AT, arena_take(&a, 1) == NULL && a.failed, "more");
	arena_free(&a);
	row(AT, arena_take(&a, (1 << 22) + 1) == NULL, "too much");
	row(AT, arena_take(&a, SIZE_MAX) == NULL, "all that there is");
	arena_free(&a);
}

/* What is known of a file system is kept; there may be more of them. */
static void
test_volumes(void)
{
	static struct volumes vs;
	struct volume *v[VOLUMES + 2];
	size_t i;

	for (i = 0; i < nitems(v); i++) {
		v[i] = volume_find(&vs, 0, (dev_t)(i + 1));
		row(AT, v[i] == &vs.v[i < VOLUMES ? i : VOLUMES - 1] &&
		    vs.n == (i < VOLUMES ? i + 1 : VOLUMES) &&
		    (i < VOLUMES || v[i]->policy == SYNC_AGAIN), "%zu", i);
	}
	for (i = 0; i < VOLUMES; i++)
		row(AT, volume_find(&vs, 0, (dev_t)(i + 1)) == v[i],
		    "%zu", i);
}

/* A second of CPU and no core, for the child of a script. */
static void
test_limits(void)
{
	struct rlimit cpu, core;
	int status = -1;
	pid_t pid;

	if ((pid = fork()) == 0) {
		confine_limits();
		_exit(getrlimit(RLIMIT_CPU, &cpu) == 0 && cpu.rlim_cur == 1 &&
		    cpu.rlim_max == 1 && getrlimit(RLIMIT_CORE, &core) == 0 &&
		    core.rlim_cur == 0 && core.rlim_max == 0 ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) == -1)
		status = -1;
	row(AT, status == 0, "%d", status);
}

int
main(void)
{
	test_limits();
	test_arena();
	test_command();
	test_forward_path();
	test_nsswitch();
	test_reverse_path();
	test_params();
	test_xforward();
	test_size();
	test_quota();
	test_locks();
	test_trace();
	test_split();
	test_names();
	test_name_fits();
	test_name_folder();
	test_name_domain();
	test_small();
	test_punycode();
	test_utf8_domain();
	test_foreign();
	test_bytes();
	test_source();
	test_template();
	test_template_directory();
	test_expand();
	test_passwd_key();
	test_passwd_lines();
	test_passwd_line();
	test_maildirsize();
	test_data();
	test_filter();
	test_header();
	test_ids();
	test_volumes();
	test_errno();
	test_text();
	test_cut();
	test_escape();
	test_plain();
	test_log();
	test_date();
	test_from_date();
	printf("%zu passed, %zu failed\n", passed, failed);
	return failed > 0;
}
