/*
 * A whole session; users and deliveries are made up here.  However the
 * bytes arrive, what is said is the same, each line of it is well formed,
 * and there is one result for each accepted recipient, in order.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lmtpd.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
ssize_t	 fuzz_read(int, void *, size_t);
ssize_t	 fuzz_write(int, const void *, size_t);
int	 fuzz_poll(struct pollfd *, nfds_t, int);
int	 fuzz_ppoll(struct pollfd *, nfds_t, const struct timespec *,
	    const sigset_t *);

static const uint8_t *in;
static size_t inlen, step, outlen, accepted;
static unsigned int results;	/* of all deliveries */
static char out[1 << 20];

static void
need(bool good)
{
	if (!good)
		abort();
}

ssize_t
fuzz_read(int fd, void *buf, size_t len)
{
	need(fd == STDIN_FILENO && len > 0);
	if (len > step)
		len = step;
	if (len > inlen)
		len = inlen;
	if (len > 0)
		memcpy(buf, in, len);
	in += len;
	inlen -= len;
	return (ssize_t)len;
}

ssize_t
fuzz_write(int fd, const void *buf, size_t len)
{
	need(fd == STDOUT_FILENO && len <= sizeof(out) - outlen);
	memcpy(out + outlen, buf, len);
	outlen += len;
	return (ssize_t)len;
}

int
fuzz_poll(struct pollfd *pfd, nfds_t n, int timeout)
{
	(void)n;
	(void)timeout;
	pfd->revents = pfd->events;
	return 1;
}

int
fuzz_ppoll(struct pollfd *pfd, nfds_t n, const struct timespec *timeout,
    const sigset_t *mask)
{
	(void)timeout;
	(void)mask;
	return fuzz_poll(pfd, n, 0);
}

int
user_find(const struct config *cfg, const struct address *a,
    struct mailbox *mb, struct failure *f)
{
	(void)cfg;
	memset(mb, 0, sizeof(*mb));
	if (a->local[0] == 'x')
		return failure_set(f, &reply_no_user, "x");
	need((mb->path = strdup(a->local)) != NULL);
	accepted++;
	return 0;
}

void
mailbox_free(struct mailbox *mb)
{
	if (mb->path != NULL)
		accepted--;
	free(mb->path);
	memset(mb, 0, sizeof(*mb));
}

int
deliver_init(struct deliverer *dv, const struct config *cfg,
    struct credentials *cred)
{
	memset(dv, 0, sizeof(*dv));
	dv->cfg = cfg;
	dv->cred = cred;
	return 0;
}

int
deliver_pause(struct deliverer *dv, long us)
{
	(void)dv;
	(void)us;
	return 0;
}

int
deliver_quota(struct deliverer *dv, const struct mailbox *mb, uint64_t bytes,
    struct failure *f)
{
	(void)dv;
	(void)bytes;
	return mb->path[0] == 'f' ? failure_set(f, &reply_full, "f") : 0;
}

size_t
deliver_group(struct deliverer *dv, struct envelope *env,
    const struct message *m, size_t first)
{
	size_t i, n = env->nrcpt - first < 3 ? env->nrcpt - first : 3;

	(void)dv;
	(void)m;
	need(n > 0 && env->nrcpt == accepted);
	for (i = first; i < first + n; i++) {
		snprintf(env->rcpts[i].id, sizeof(env->rcpts[i].id), "%u",
		    ++results);
		env->rcpts[i].reply = &reply_delivered;
	}
	return n;
}

void
deliver_log(const struct config *cfg, const struct envelope *env,
    const struct rcpt *r, const struct delivery *d, const char *reason)
{
	(void)cfg;
	(void)env;
	(void)d;
	need(r->reply->code >= 400 && reason != NULL);
}

void
identity_resume(struct credentials *c)
{
	(void)c;
}

/* Every line, and the results of deliveries: each once, in order. */
static void
read_replies(void)
{
	const char *s = out, *end = out + outlen, *lf, *id;
	unsigned int seen = 0;
	size_t len;

	for (; s < end; s = lf + 1) {
		lf = memchr(s, '\n', (size_t)(end - s));
		need(lf != NULL && lf - s >= 5 && lf[-1] == '\r');
		len = (size_t)(lf - s) + 1;
		need(len <= REPLY_MAX && memchr(s, '\r', len - 2) == NULL);
		need(s[0] >= '2' && s[0] <= '5' &&
		    (s[3] == ' ' || s[3] == '-'));
		if (s[0] == '4' || s[0] == '5')
			need(s[4] == s[0] && s[5] == '.');
		id = memmem(s, len, ", id=", 5);
		if (id != NULL)
			need(strtoul(id + 5, NULL, 10) == ++seen);
	}
	need(seen == results);
}

static void
talk(const struct config *cfg, const uint8_t *data, size_t len, size_t piece)
{
	in = data;
	inlen = len;
	step = piece;
	outlen = 0;
	results = 0;
	need(session_run(cfg) == 0 && accepted == 0);
	read_replies();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char whole[sizeof(out)], host[HOST_BYTES + 1];
	struct config cfg = { .host = "h", .delimiters = "+",
	    .spool = "/nonexistent", .maxrcpt = 1000, .timeout = 1 };
	size_t i, n;

	memset(host, 'h', HOST_BYTES);
	for (i = 0; i < 2; i++) {
		talk(&cfg, data, len, SIZE_MAX);
		n = outlen;
		memcpy(whole, out, n);
		talk(&cfg, data, len, 7);
		need(outlen == n && memcmp(whole, out, n) == 0);
		talk(&cfg, data, len, 1);
		need(outlen == n && memcmp(whole, out, n) == 0);
		/* Once more with all limits narrow. */
		cfg.host = host;
		cfg.maxrcpt = 2;
		cfg.maxsize = 64;
	}
	return 0;
}
