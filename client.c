/*
 * The client: both its descriptors, the one place where it is waited for,
 * lines in, replies out.  Nobody else reads standard input or writes standard
 * output, and nobody else knows that the client has gone or that we were told
 * to end.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"
#include "wide.h"

#define INPUT_BYTES	(256 * 1024)
#define OUTPUT_BYTES	8192
#define LINGER		5	/* seconds for replies once told to end */
#define WRITE_MAX	4096	/* does not block where poll(2) says so */
#define FLOOD		64	/* reads, after which signals are let in */

int
client_init(struct client *c, const struct config *cfg)
{
	memset(c, 0, sizeof(*c));
	c->cfg = cfg;
	/* A small session touches only the first pages of a large buffer. */
	c->in = malloc(INPUT_BYTES);
	c->out = malloc(OUTPUT_BYTES);
	if (c->in != NULL && cfg->scripts != NULL)
		os_spare(c->in, INPUT_BYTES);
	return c->in == NULL || c->out == NULL ? -1 : 0;
}

void
client_free(struct client *c)
{
	free(c->in);
	free(c->out);
}

/*
 * An address as RFC 5321 4.1.3 writes it.  At a socket for both kinds one of
 * IPv4 looks like one of IPv6.
 */
static void
add_peer(struct text *t, const char *host)
{
	if (strncasecmp(host, "::ffff:", 7) == 0 && strchr(host, '.') != NULL)
		host += 7;
	text_add(t, strchr(host, ':') == NULL ? "[" : "[IPv6:", host, "]",
	    NULL);
}

void
client_peer(const struct client *c, char *peer, size_t size)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&ss;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&ss;
	socklen_t len = sizeof(ss);
	char host[INET6_ADDRSTRLEN];
	struct text t;

	text_init(&t, peer, size);
	if (c->cfg->peer != NULL)
		add_peer(&t, c->cfg->peer);
	/* Other families are none of inet_ntop(3)'s. */
	else if (getpeername(STDIN_FILENO, (struct sockaddr *)&ss,
	    &len) == 0 && inet_ntop(ss.ss_family,
	    ss.ss_family == AF_INET ? (const void *)&in->sin_addr :
	    (const void *)&in6->sin6_addr, host, sizeof(host)) != NULL)
		add_peer(&t, host);
}

const char *
client_over(const struct client *c)
{
	if (c->gone)
		return "client gone";
	return c->ending ? "told to end" : NULL;
}

/*
 * Cuts a wait for the client to take replies: once we were told to end, all
 * of them together have LINGER seconds.
 */
static void
client_hurry(struct client *c, struct timespec *timeout)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (c->deadline == 0)
		c->deadline = now.tv_sec + LINGER;
	now.tv_sec = c->deadline > now.tv_sec ? c->deadline - now.tv_sec : 0;
	if (timeout->tv_sec > now.tv_sec)
		timeout->tv_sec = now.tv_sec;
}

/*
 * Waits for an event at descriptors, the client's first; c is NULL where
 * there is no client.  Told to end, we wait for nothing but that the client
 * takes its replies, and for that only a little while.  The signals that tell
 * us are let in here alone.  Returns how many descriptors are ready, 0 when
 * the time is over, or -1.
 */
static int
client_wait(struct client *c, struct pollfd *pfd, nfds_t nfds,
    const struct timespec *timeout)
{
	struct timespec left = *timeout;
	sigset_t none;
	int n;

	if (c != NULL && c->ending) {
		if (pfd->events != POLLOUT)
			return -1;
		client_hurry(c, &left);
	}
	sigemptyset(&none);
	n = ppoll(pfd, nfds, &left, &none);
	if (n == -1 && errno == EINTR && c != NULL)
		c->ending = true;
	return n;
}

const char *
client_pause(void *arg, int fd, long us)
{
	struct client *c = arg;
	struct pollfd pfd[] = { { .fd = STDOUT_FILENO }, { .fd = fd } };
	struct timespec timeout = { .tv_nsec = us * 1000 };

	if (!c->gone) {
		(void)client_wait(c, pfd, nitems(pfd), &timeout);
		/* No events were asked for: it says only that it has gone. */
		c->gone = pfd[0].revents != 0;
	}
	return client_over(c);
}

const char *
client_none(void *unused, int fd, long us)
{
	struct pollfd pfd = { .fd = fd };
	struct timespec timeout = { .tv_nsec = us * 1000 };

	(void)unused;
	(void)client_wait(NULL, &pfd, 1, &timeout);
	return NULL;
}

/*
 * Output.
 */

/*
 * Waits until there is room for output, and no longer than the timeout: a
 * client that reads no more must not hold us.  False if there is none.
 */
static bool
output_wait(struct client *c)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct timespec timeout = { .tv_sec = c->cfg->timeout };
	int n;

	do
		n = client_wait(c, &pfd, 1, &timeout);
	while (n == -1 && errno == EINTR);
	return n == 1;
}

/*
 * Writes some of it without blocking for longer than the timeout.  How much,
 * or 0 if it was waited for in vain, or -1 and errno.
 */
static ssize_t
output_some(struct client *c, const char *buf, size_t len)
{
	ssize_t n;

	if (!c->no_socket) {
		n = send(STDOUT_FILENO, buf, len, MSG_DONTWAIT);
		if (n != -1)
			return n;
		c->no_socket = errno == ENOTSOCK;
	}
	/* Of one that has gone poll(2) says so, and write(2) again. */
	if (!output_wait(c))
		return 0;
	return write(STDOUT_FILENO, buf, len < WRITE_MAX ? len : WRITE_MAX);
}

/* What was said, for -v, once the client has it. */
static void
output_log(struct client *c)
{
	char *line = c->out, *end;

	for (; line < c->out + c->outlen; line = end + 2) {
		end = memchr(line, '\r', (size_t)(c->out + c->outlen - line));
		*end = '\0';
		log_info(c->cfg, "S: %s", line);
	}
}

void
client_flush(struct client *c)
{
	size_t done = 0;
	ssize_t n;

	while (done < c->outlen && !c->gone) {
		n = output_some(c, c->out + done, c->outlen - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			c->gone = true;
	}
	if (c->cfg->verbose)
		output_log(c);
	c->outlen = 0;
}

void
client_say(struct client *c, const char *code, const char *esc, ...)
{
	struct text line;
	const char *part;
	va_list ap;

	if (c->outlen + REPLY_MAX > OUTPUT_BYTES)
		client_flush(c);
	text_init(&line, c->out + c->outlen, REPLY_MAX - 1);
	text_bytes(&line, code, strlen(code));
	if (esc != NULL) {
		text_bytes(&line, esc, strlen(esc));
		text_char(&line, ' ');
	}
	va_start(ap, esc);
	while ((part = va_arg(ap, const char *)) != NULL)
		text_bytes(&line, part, strlen(part));
	va_end(ap);
	memcpy(line.buf + line.len, "\r\n", 2);
	c->outlen += line.len + 2;
}

void
client_reply(struct client *c, const struct reply *r, const char *id)
{
	const char *text = r->text, *lf;
	char code[8], line[REPLY_MAX];
	struct text t;

	text_init(&t, code, sizeof(code));
	text_digits(&t, (uint64_t)r->code, 10, 3);
	text_char(&t, '-');
	/* Most have one line, which is the last at once. */
	for (; (lf = strchr(text, '\n')) != NULL; text = lf + 1) {
		text_init(&t, line, sizeof(line));
		text_bytes(&t, text, (size_t)(lf - text));
		client_say(c, code, r->esc, line, NULL);
	}
	code[3] = ' ';
	client_say(c, code, r->esc, text, id == NULL ? NULL : ", id=", id,
	    NULL);
}

/*
 * Input.
 */
enum client_input
client_fill(struct client *c)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec timeout = { .tv_sec = c->cfg->timeout };
	ssize_t n;

	client_flush(c);
	/* While there is more and more to read ppoll(2) lets no signal in. */
	if (++c->fills % FLOOD == 0)
		(void)client_pause(c, -1, 0);
	if (c->gone)
		return CLIENT_GONE;
	c->inlen -= c->inpos;
	memmove(c->in, c->in + c->inpos, c->inlen);
	c->inpos = 0;
	n = client_wait(c, &pfd, 1, &timeout);
	if (n == 0)
		return CLIENT_TIMEOUT;
	if (n == 1)
		n = read(STDIN_FILENO, c->in + c->inlen,
		    INPUT_BYTES - c->inlen);
	if (n > 0) {
		c->inlen += (size_t)n;
		return CLIENT_MORE;
	}
	if (n == 0)
		return CLIENT_EOF;
	if (c->ending)
		return CLIENT_ENDING;
	c->gone = true;
	return CLIENT_GONE;
}

size_t
client_input(const struct client *c, const char **p)
{
	*p = c->in + c->inpos;
	return c->inlen - c->inpos;
}

void
client_used(struct client *c, size_t n)
{
	c->inpos += n;
}

/*
 * The end of the line that begins at inpos, or NULL: the first line's is
 * that of the whole session.  *len is what comes before it.
 */
static const char *
line_end(struct client *c, size_t *len)
{
	const char *line = c->in + c->inpos, *p = line;
	const char *stop = c->in + c->inlen;

	while ((p = memchr(p, '\n', (size_t)(stop - p))) != NULL) {
		bool cr = p > line && p[-1] == '\r';

		if (!c->decided) {
			c->lf = !cr;
			c->decided = true;
		}
		if (cr || c->lf) {
			*len = (size_t)(p - line) - (cr ? 1 : 0);
			return p;
		}
		p++;
	}
	return NULL;
}

enum client_input
client_line(struct client *c, char **line, size_t *len)
{
	bool too_long = false;
	enum client_input more;
	const char *lf;

	while ((lf = line_end(c, len)) == NULL) {
		if (c->inlen - c->inpos > COMMAND_MAX + 1) {
			too_long = true;
			/* The last byte may be the CR of the line's end. */
			c->inpos = c->inlen - 1;
		}
		if ((more = client_fill(c)) != CLIENT_MORE)
			return more;
	}
	*line = c->in + c->inpos;
	c->inpos = (size_t)(lf - c->in) + 1;
	if (too_long)
		*len = COMMAND_MAX + 1;
	else
		(*line)[*len] = '\0';
	return CLIENT_MORE;
}

void
client_refuse(const struct config *cfg, const char *why)
{
	char clean[REPLY_MAX];
	struct client c;
	struct text t;

	text_init(&t, clean, sizeof(clean));
	text_escape(&t, why, strlen(why), TEXT_LINE);
	if (client_init(&c, cfg) == 0) {
		client_say(&c, "421 ", "4.3.5", clean, NULL);
		client_flush(&c);
	}
	client_free(&c);
}
