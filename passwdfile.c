/*
 * A passwd-file, read once for all the names that its user may have in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

/*
 * Keeps the line that was matched, if one was, in buf, which is what stands in
 * the file from at on.  1, 0 or -1 and errno.
 */
static int
scan_keep(struct passwd_scan *s, const char *buf, off_t at,
    const char *wrong)
{
	char *copy;

	if (s->match.line == NULL)
		return 0;
	s->at = at + (s->match.line - buf);
	copy = strndup(s->match.line, s->match.len);
	/* It lies in a block that the next one overwrites. */
	s->match.line = NULL;
	if (copy == NULL)
		return -1;
	free(s->line);
	s->line = copy;
	s->wrong = wrong;
	return 1;
}

/* A line that has no LF within the block, or in the file. */
static int
scan_part(struct passwd_scan *s, const char *line, size_t len, off_t at,
    const char *wrong)
{
	size_t rank = parse_passwd_key(line, len, &s->keys, s->match.best);

	s->match.line = rank < s->match.best ? line : NULL;
	s->match.len = len;
	s->match.best = rank;
	return scan_keep(s, line, at, wrong) == -1 ? -1 : 0;
}

/* The whole lines of a block.  How many bytes these are, or -1 and errno. */
static ssize_t
scan_lines(struct passwd_scan *s, const char *buf, size_t len, off_t at)
{
	size_t i = 0;
	int r;

	do {
		i += parse_passwd_lines(buf + i, len - i, &s->keys,
		    &s->match);
		if ((r = scan_keep(s, buf, at, NULL)) == -1)
			return -1;
	} while (r == 1 && s->match.best > 0);
	return (ssize_t)i;
}

/* Bytes of the byte order mark with which some editors begin a file. */
static size_t
byte_order_mark(const char *buf, size_t len)
{
	return len >= 3 && memcmp(buf, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

int
passwd_scan(struct passwd_scan *s)
{
	char buf[65536];
	size_t have = 0, i;
	off_t at = 0;
	bool first = true, rest = false;
	const char *lf;
	ssize_t n, used;

	do {
		n = read(s->fd, buf + have, sizeof(buf) - have);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		s->has_nul = s->has_nul ||
		    memchr(buf + have, '\0', (size_t)n) != NULL;
		have += (size_t)n;
		i = first ? byte_order_mark(buf, have) : 0;
		if (first)
			s->is_empty = have == i;
		first = false;
		lf = rest ? memchr(buf, '\n', have) : NULL;
		if (rest)
			i = lf == NULL ? have : (size_t)(lf - buf) + 1;
		rest = rest && lf == NULL;
		used = scan_lines(s, buf + i, have - i, at + (off_t)i);
		if (used == -1)
			return -1;
		i += (size_t)used;
		have -= i;
		at += (off_t)i;
		memmove(buf, buf + i, have);
		if (have == sizeof(buf)) {
			if (scan_part(s, buf, have, at,
			    "it is too long") == -1)
				return -1;
			rest = true;
			at += (off_t)have;
			have = 0;
		}
	} while (n != 0 && s->match.best > 0);
	if (have == 0 || s->match.best == 0)
		return 0;
	s->torn = parse_passwd_torn(buf, have, &s->keys);
	if (s->line == NULL)
		s->at = at;
	return scan_part(s, buf, have, at, PASSWD_NO_NEWLINE);
}

/* Lines are counted only where one is wrong: most of a file is passed over. */
size_t
passwd_number(const struct passwd_scan *s)
{
	char buf[4096];
	size_t number = 1;
	off_t at = 0;
	ssize_t i, n;

	while (at < s->at && (n = pread(s->fd, buf, sizeof(buf), at)) > 0)
		for (i = 0; i < n && at < s->at; i++, at++)
			if (buf[i] == '\n')
				number++;
	return number;
}
