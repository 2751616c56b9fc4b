/*
 * An LMTP client that measures.  It starts the server as a child for each
 * connection, or connects to a Unix socket; it pipelines only where LHLO
 * offers that, waits for every reply, and prints one line of figures:
 *
 *	n=	deliveries (recipients answered with 250)
 *	bad=	replies that were not what they should be
 *	s=	seconds from the first connection to the last end
 *	rate=	deliveries a second
 *	p50= p99=	ms a message: of a whole connection, start and end of
 *		the process included, where it carries one message, else
 *		from MAIL to the last reply
 *	first=	ms from the dot to the first reply, the worst
 *	cpu=	ms that all servers took, and the children that they waited for
 *	rss=	KiB, the largest server (never less than this program's own,
 *		which the kernel counts in between fork and exec)
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE	72			/* a body line with its CRLF */
#define BLOCK	(LINE * 910)		/* a little below 64 KiB */

extern char **environ;

struct result {				/* of one client, in shared memory */
	long	 n, bad, messages, rss;
	double	 first, cpu;
	double	 ms[];
};

struct conn {
	int	 fd;
	pid_t	 pid;
	bool	 pipelining, chunking;
	size_t	 nin, pos, nout;
	char	 in[16384], out[BLOCK];
};

static long	 connections = 1, messages = 1, clients = 1, rcpts = 1;
static long	 mailboxes = 100, size = 4096;
static bool	 bdat;
static const char *address = "b%ld", *path;
static char	**server;
static char	 body[BLOCK];
static const char head[] = "From: Bench <bench@bench.example>\r\n"
    "To: Reader <reader@bench.example>\r\n"
    "Date: Wed, 25 Nov 2026 05:00:00 +0000\r\n"
    "Message-ID: <20261125050000.1@bench.example>\r\n"
    "Subject: nothing but lines of seventy\r\n\r\n";

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static double
ms_of(const struct timeval *tv)
{
	return tv->tv_sec * 1e3 + tv->tv_usec / 1e3;
}

static void
send_all(struct conn *c, const char *p, size_t len)
{
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n)
		if ((n = write(c->fd, p, len)) == -1)
			err(1, "write");
}

static void
flush(struct conn *c)
{
	send_all(c, c->out, c->nout);
	c->nout = 0;
}

static void
put(struct conn *c, const char *p, size_t len)
{
	if (c->nout + len > sizeof c->out)
		flush(c);
	if (len >= sizeof c->out) {
		send_all(c, p, len);
		return;
	}
	memcpy(c->out + c->nout, p, len);
	c->nout += len;
}

static char *
line(struct conn *c)
{
	char *nl, *start;
	ssize_t n;

	while ((nl = memchr(c->in + c->pos, '\n', c->nin - c->pos)) == NULL) {
		memmove(c->in, c->in + c->pos, c->nin - c->pos);
		c->nin -= c->pos;
		c->pos = 0;
		if (c->nin == sizeof c->in)
			errx(1, "reply too long");
		n = read(c->fd, c->in + c->nin, sizeof c->in - c->nin);
		if (n == -1)
			err(1, "read");
		if (n == 0)
			errx(1, "the server went away");
		c->nin += (size_t)n;
	}
	*nl = '\0';
	start = c->in + c->pos;
	c->pos = (size_t)(nl + 1 - c->in);
	return start;
}

/* Read one reply; whether it has this code. */
static bool
expect(struct conn *c, struct result *r, const char *code)
{
	char *l;

	flush(c);
	do {
		l = line(c);
		if (strlen(l) > 4) {
			c->pipelining |= strncmp(l + 4, "PIPELINING", 10) == 0;
			c->chunking |= strncmp(l + 4, "CHUNKING", 8) == 0;
		}
	} while (l[3] == '-');
	if (strncmp(l, code, 3) == 0)
		return true;
	if (r->bad++ == 0)
		warnx("unexpected reply, not %s: %s", code, l);
	return false;
}

static void
start(struct conn *c, struct result *r)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_sec = 60 };
	posix_spawn_file_actions_t fa;
	int sv[2];

	c->nin = c->pos = c->nout = 0;
	c->pipelining = c->chunking = false;
	c->pid = 0;
	if (path != NULL) {
		c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		strncpy(sun.sun_path, path, sizeof sun.sun_path - 1);
		if (connect(c->fd, (struct sockaddr *)&sun, sizeof sun) == -1)
			err(1, "%s", path);
	} else {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
			err(1, "socketpair");
		posix_spawn_file_actions_init(&fa);
		posix_spawn_file_actions_adddup2(&fa, sv[1], 0);
		posix_spawn_file_actions_adddup2(&fa, sv[1], 1);
		if (posix_spawn(&c->pid, server[0], &fa, NULL, server,
		    environ) != 0)
			err(1, "%s", server[0]);
		posix_spawn_file_actions_destroy(&fa);
		close(sv[1]);
		c->fd = sv[0];
	}
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	expect(c, r, "220");
	put(c, "LHLO bench.example\r\n", 20);
	expect(c, r, "250");
}

static void
finish(struct conn *c, struct result *r)
{
	struct rusage ru;
	int status;

	expect(c, r, "221");
	close(c->fd);
	if (c->pid == 0)
		return;
	if (wait4(c->pid, &status, 0, &ru) == -1)
		err(1, "wait4");
	if (status != 0)
		r->bad++;
	r->cpu += ms_of(&ru.ru_utime) + ms_of(&ru.ru_stime);
	if (ru.ru_maxrss > r->rss)
		r->rss = ru.ru_maxrss;
}

/* What is left after the head, a whole number of lines. */
static long
body_size(void)
{
	long left = size - (long)strlen(head);

	return left > 0 ? (left + LINE - 1) / LINE * LINE : 0;
}

static void
put_message(struct conn *c)
{
	long n, left;

	put(c, head, strlen(head));
	for (left = body_size(); left > 0; left -= n) {
		n = left > BLOCK ? BLOCK : left;
		put(c, body, (size_t)n);
	}
}

static void
transaction(struct conn *c, struct result *r, long first, bool last)
{
	char buf[256];
	long i, n, ok = 0;
	double t;
	bool use_bdat = bdat && c->chunking;

	put(c, "MAIL FROM:<bench@bench.example>\r\n", 33);
	if (!c->pipelining)
		expect(c, r, "250");
	for (i = 0; i < rcpts; i++) {
		memcpy(buf, "RCPT TO:<", 9);
		n = 9 + snprintf(buf + 9, 200, address,
		    (first + i) % mailboxes);
		memcpy(buf + n, ">\r\n", 3);
		put(c, buf, (size_t)n + 3);
		if (!c->pipelining)
			ok += expect(c, r, "250");
	}
	if (!use_bdat)
		put(c, "DATA\r\n", 6);
	if (c->pipelining && !use_bdat) {
		expect(c, r, "250");
		for (i = 0; i < rcpts; i++)
			ok += expect(c, r, "250");
	}
	if (!use_bdat) {
		if (!expect(c, r, "354"))
			errx(1, "no 354");
		put_message(c);
		put(c, ".\r\n", 3);
	} else {
		n = snprintf(buf, sizeof buf, "BDAT %ld LAST\r\n",
		    (long)strlen(head) + body_size());
		put(c, buf, (size_t)n);
		put_message(c);
	}
	if (last && c->pipelining)
		put(c, "QUIT\r\n", 6);
	flush(c);
	t = now();
	if (use_bdat && c->pipelining) {
		expect(c, r, "250");
		for (i = 0; i < rcpts; i++)
			ok += expect(c, r, "250");
	}
	for (i = 0; i < ok; i++) {
		r->n += expect(c, r, "250");
		if (i == 0 && now() - t > r->first)
			r->first = now() - t;
	}
	if (last && !c->pipelining)
		put(c, "QUIT\r\n", 6);
}

static void
client(long k, struct result *r)
{
	static struct conn c;
	double t;
	long i, j, user = k * (mailboxes / clients);

	for (i = 0; i < connections; i++) {
		t = now();
		start(&c, r);
		for (j = 0; j < messages; j++) {
			if (messages > 1)
				t = now();
			transaction(&c, r, user, j == messages - 1);
			user += rcpts;
			if (messages > 1)
				r->ms[r->messages++] = now() - t;
		}
		finish(&c, r);
		if (messages == 1)
			r->ms[r->messages++] = now() - t;
	}
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
report(const char *shared, size_t each, double elapsed)
{
	long k, m = 0, n = 0, bad = 0, rss = 0;
	double first = 0, cpu = 0, *ms;
	const struct result *r;

	ms = calloc((size_t)(clients * connections * messages), sizeof *ms);
	for (k = 0; k < clients; k++) {
		r = (const void *)(shared + (size_t)k * each);
		memcpy(ms + m, r->ms, (size_t)r->messages * sizeof *ms);
		m += r->messages;
		n += r->n;
		bad += r->bad;
		cpu += r->cpu;
		rss = r->rss > rss ? r->rss : rss;
		first = r->first > first ? r->first : first;
	}
	qsort(ms, (size_t)m, sizeof *ms, by_value);
	printf("n=%ld bad=%ld s=%.4f rate=%.0f p50=%.3f p99=%.3f first=%.2f "
	    "cpu=%.3f rss=%ld\n", n, bad, elapsed / 1e3, n / (elapsed / 1e3),
	    ms[m / 2], ms[m * 99 / 100], first, cpu, rss);
	free(ms);
}

static void
options(int argc, char **argv)
{
	int ch;

	while ((ch = getopt(argc, argv, "+Ba:b:c:k:m:n:r:s:")) != -1)
		switch (ch) {
		case 'B': bdat = true; break;
		case 'a': address = optarg; break;
		case 'b': size = atol(optarg); break;
		case 'c': connections = atol(optarg); break;
		case 'k': clients = atol(optarg); break;
		case 'm': mailboxes = atol(optarg); break;
		case 'n': messages = atol(optarg); break;
		case 'r': rcpts = atol(optarg); break;
		case 's': path = optarg; break;
		default:
			errx(2, "usage: driver [-B] [-a address%%ld] "
			    "[-b bytes] [-c connections] [-k clients] "
			    "[-m mailboxes] [-n messages] [-r recipients] "
			    "-s socket | server arg ...");
		}
	server = argv + optind;
	if ((path == NULL) == (optind == argc))
		errx(2, "either -s or a server");
}

int
main(int argc, char **argv)
{
	size_t each, i;
	char *shared;
	double t;
	long k;
	int status, failed = 0;

	options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < BLOCK; i++)
		body[i] = (char)('a' + i * 7 % 25);
	for (i = LINE; i <= BLOCK; i += LINE)
		memcpy(body + i - 2, "\r\n", 2);
	each = sizeof(struct result) +
	    (size_t)(connections * messages) * sizeof(double);
	shared = mmap(NULL, each * (size_t)clients, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	t = now();
	for (k = 0; k < clients; k++)
		if (fork() == 0) {
			client(k, (void *)(shared + (size_t)k * each));
			_exit(0);
		}
	while (wait(&status) != -1)
		failed |= status;
	report(shared, each, now() - t);
	return failed != 0;
}
