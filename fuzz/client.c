/*
 * Lines as client.c cuts them out of what it reads: the same however the
 * bytes arrive, and as one who has all of the input at once would cut them.
 * Standard input is a socket that keeps what was sent apart.
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lmtpd.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define PACKETS		128	/* that surely fit into the socket */
#define BEFORE_LF	0	/* where a piece ends, instead of a size */

static void
need(bool good)
{
	if (!good)
		abort();
}

/* Bytes of the next piece. */
static size_t
piece_size(const uint8_t *data, size_t len, size_t piece)
{
	const uint8_t *lf;

	if (piece != BEFORE_LF)
		return len < piece ? len : piece;
	lf = len > 1 ? memchr(data + 1, '\n', len - 1) : NULL;
	return lf == NULL ? len : (size_t)(lf - data);
}

/* Makes it what is read from now on, in pieces as far as there is room. */
static void
send_input(const uint8_t *data, size_t len, size_t piece)
{
	size_t i, n, packets = 0;
	int fds[2];

	if (piece != BEFORE_LF && piece < len / PACKETS + 1)
		piece = len / PACKETS + 1;
	need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
	for (i = 0; i < len; i += n) {
		n = ++packets > PACKETS ? len - i :
		    piece_size(data + i, len - i, piece);
		need(send(fds[0], data + i, n, MSG_DONTWAIT) == (ssize_t)n);
	}
	need(dup2(fds[1], STDIN_FILENO) == STDIN_FILENO);
	close(fds[0]);
	close(fds[1]);
}

/* The next line of the input from *at on, its end found by other means. */
static bool
next_line(const char *data, size_t len, size_t *at, bool lf, size_t *n)
{
	const char *end;

	*n = len - *at;
	end = lf ? memchr(data + *at, '\n', *n) :
	    memmem(data + *at, *n, "\r\n", 2);
	if (end == NULL)
		return false;
	*n = (size_t)(end - data) - *at;
	*at += *n + (lf ? 1 : 2);
	if (lf && *n > 0 && end[-1] == '\r')
		(*n)--;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const size_t pieces[] = { SIZE_MAX, BEFORE_LF, 1, 7, 100 };
	const struct config cfg = { .program = "f", .timeout = 1 };
	const char *s = (const char *)data, *first = memchr(s, '\n', len);
	bool lf = first != NULL && (first == s || first[-1] != '\r');
	struct client c;
	size_t i, at, from, n, got;
	char *line;

	for (i = 0; i < nitems(pieces); i++) {
		send_input(data, len, pieces[i]);
		need(client_init(&c, &cfg) == 0);
		for (at = from = 0; next_line(s, len, &at, lf, &n);
		    from = at) {
			need(client_line(&c, &line, &got) == CLIENT_MORE);
			if (n > COMMAND_MAX)
				need(got > COMMAND_MAX);
			else
				need(got == n && line[n] == '\0' &&
				    memcmp(line, s + from, n) == 0);
		}
		need(client_line(&c, &line, &got) == CLIENT_EOF);
		client_free(&c);
	}
	return 0;
}
