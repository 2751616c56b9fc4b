/*
 * The bytes of a message: any split gives the same; what was stuffed comes
 * back; in an mbox no line is left that a reader would take for a From_ line.
 */
#include <stdlib.h>
#include <string.h>

#include "../lmtpd.h"

#define PIECES	3	/* whole, seven at a time, one at a time */

static const size_t pieces[PIECES] = { SIZE_MAX, 7, 1 };

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
need(bool good)
{
	if (!good)
		abort();
}

static char *
room(size_t len)
{
	char *p = malloc(len);

	need(p != NULL);
	return p;
}

static size_t
decode(struct data_parser *p, const char *in, size_t len, size_t step,
    char *out, size_t *used)
{
	size_t n, o = 0, got;

	for (*used = 0; *used < len && !p->done; *used += got) {
		n = step < len - *used ? step : len - *used;
		got = data_feed(p, in + *used, n, out + o, &n);
		need(got > 0);
		o += n;
	}
	return p->chunks ? o + data_end(p, out + o) : o;
}

static void
any_split(const char *in, size_t len, bool lf, bool chunks)
{
	struct data_parser first = { .lf = lf, .chunks = chunks }, p;
	char *whole = room(len + 2), *out = room(len + 2);
	size_t i, n, m, used, all;

	n = decode(&first, in, len, pieces[0], whole, &all);
	need(n <= len);
	for (i = 1; i < PIECES; i++) {
		memset(&p, 0, sizeof(p));
		p.lf = lf;
		p.chunks = chunks;
		m = decode(&p, in, len, pieces[i], out, &used);
		need(m == n && memcmp(whole, out, n) == 0 && used == all &&
		    p.done == first.done && p.bare_lfs == first.bare_lfs &&
		    p.crlfs == first.crlfs);
	}
	free(whole);
	free(out);
}

/* A message of lines, as a client sends it, is what it was. */
static void
stuff(const char *in, size_t len)
{
	char *wire = room(3 * len + 8), *out = room(3 * len + 8);
	struct data_parser p = { .lf = false };
	size_t i, n = 0, used;
	bool bol = true;

	for (i = 0; i < len; bol = in[i++] == '\n') {
		if (bol && in[i] == '.')
			wire[n++] = '.';
		if (in[i] == '\n')
			wire[n++] = '\r';
		wire[n++] = in[i];
	}
	memcpy(wire + n, "\r\n.\r\n", 5);
	/* An empty last line needs no end of its own. */
	if (bol)
		memmove(wire + n, wire + n + 2, 3);
	n += bol ? 3 : 5;
	i = decode(&p, wire, n, pieces[0], out, &used);
	need(p.done && used == n && i == len + (bol ? 0 : 1) &&
	    memcmp(out, in, len) == 0);
	free(wire);
	free(out);
}

static size_t
filter(struct filter *f, const char *in, size_t len, size_t step, char *out)
{
	size_t at = 0, end = 0, o = 0, n, plen;
	const char *piece;

	while (end < len) {
		end = step < len - end ? end + step : len;
		while (at < end) {
			n = filter_next(f, in + at, end - at, end == len,
			    &piece, &plen);
			if (n == 0 && plen == 0)
				break;
			memcpy(out + o, piece, plen);
			o += plen;
			at += n;
		}
		need(end - at <= FILTER_FIRST);
	}
	need(at == len);
	return o;
}

static void
no_from_line(const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		need(end - s < 5 || memcmp(s, "From ", 5) != 0);
		s = memchr(s, '\n', (size_t)(end - s));
		s = s == NULL ? end : s + 1;
	}
}

static void
filtered(const char *in, size_t len, bool mbox, bool return_path)
{
	struct filter f = { .mbox = mbox, .return_path = return_path }, g;
	char *whole = room(2 * len + 2), *out = room(2 * len + 2);
	size_t i, n, m;

	n = filter(&f, in, len, pieces[0], whole);
	need(f.dropped <= len && n == len - f.dropped + f.quoted);
	need(f.blanks <= 1 && (mbox || f.quoted == f.blanks));
	if (!mbox && !return_path)
		need(n >= f.blanks && memcmp(whole + f.blanks, in + f.dropped,
		    n - f.blanks) == 0);
	if (mbox)
		no_from_line(whole, n);
	for (i = 1; i < PIECES; i++) {
		memset(&g, 0, sizeof(g));
		g.mbox = mbox;
		g.return_path = return_path;
		m = filter(&g, in, len, pieces[i], out);
		need(m == n && memcmp(whole, out, n) == 0 &&
		    g.dropped == f.dropped && g.dropped_lfs == f.dropped_lfs &&
		    g.blanks == f.blanks);
	}
	free(whole);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *in = room(len + 1), id[16];
	unsigned int i;

	if (len > 0)
		memcpy(in, data, len);
	for (i = 0; i < 3; i++)
		any_split(in, len, i == 1, i == 2);
	stuff(in, len);
	for (i = 0; i < 4; i++)
		filtered(in, len, (i & 1) != 0, (i & 2) != 0);
	header_message_id(in, len, id, sizeof(id));
	header_received_id(in, len, id, sizeof(id));
	free(in);
	return 0;
}
