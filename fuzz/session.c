/*
 * A whole session; users and deliveries are made up here.  However the
 * bytes arrive, what is said and what is delivered is the same, each line of
 * it is well formed, and each result of a delivery is said once, in order.
 * A client that knows nothing of session.c counts the replies that are its
 * due, no sooner and no later.  Of a message no more is held in memory than
 * MESSAGE_MEMORY, which fuzz/run makes small, and no file stays open.
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

#define INPUT_MAX	65536

static const uint8_t *in;
static size_t inlen, step, outlen, accepted;
static unsigned int results;	/* of all deliveries */
static char out[1 << 20];
static char mail[INPUT_MAX];	/* all that was delivered */
static size_t maillen;
static size_t asked;		/* bytes read when more were asked for */
static size_t said[INPUT_MAX + 1];	/* outlen, when so many were */
static size_t heard;		/* of out, by the client */

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
	/* The end of input is asked for once, and is said no more after. */
	need(asked < nitems(said));
	said[asked] = outlen;
	asked += len > 0 ? len : nitems(said);
	in += len;
	inlen -= len;
	return (ssize_t)len;
}

ssize_t
fuzz_write(int fd, const void *buf, size_t len)
{
	/* A message that waits; write itself is out of reach here. */
	if (fd != STDOUT_FILENO)
		return pwrite(fd, buf, len, lseek(fd, 0, SEEK_END));
	need(len <= sizeof(out) - outlen);
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

/* Its first bytes are in memory, 16 KiB of it at least, and all are there. */
static void
read_message(const struct message *m)
{
	size_t left = (size_t)m->size - m->len;

	need(m->len <= MESSAGE_MEMORY && m->room <= 16384 + MESSAGE_MEMORY);
	need((m->fd == -1) == (left == 0));
	need(left == 0 || m->len == MESSAGE_MEMORY);
	need(m->size < sizeof(mail) - maillen);
	if (m->len > 0)
		memcpy(mail + maillen, m->mem, m->len);
	maillen += m->len;
	if (left > 0)
		need(pread(m->fd, mail + maillen, left + 1, 0) ==
		    (ssize_t)left);
	maillen += left;
}

size_t
deliver_group(struct deliverer *dv, struct envelope *env,
    const struct message *m, size_t first)
{
	size_t i, n = env->nrcpt - first < 3 ? env->nrcpt - first : 3;

	(void)dv;
	need(n > 0 && env->nrcpt == accepted);
	if (first == 0)
		read_message(m);
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

/*
 * The client hears n replies to the input before offset at: none of them
 * while a byte was missing, all before more is asked for.  They have the
 * same code, as deliveries here go well or not at all.  Returns it.
 */
static int
hear(size_t at, size_t n)
{
	const char *lf;
	int code = 0, next;

	need(at == 0 || said[at - 1] == heard);
	while (n > 0) {
		lf = memchr(out + heard, '\n', outlen - heard);
		need(lf != NULL);
		next = (int)strtol(out + heard, NULL, 10);
		need(code == 0 || next == code);
		code = next;
		if (out[heard + 3] == ' ')
			n--;
		heard = (size_t)(lf - out) + 1;
	}
	need(said[at] == heard);
	return code;
}

/* Cuts a command into words; none if it cannot be one. */
static void
split(const char *s, size_t len, char line[COMMAND_MAX + 1], char *words[4])
{
	size_t i;

	for (i = 0; i < len && i < COMMAND_MAX; i++) {
		line[i] = s[i];
		if ((unsigned char)s[i] < ' ' || s[i] == '\177')
			break;
	}
	line[i < len || s[0] == ' ' ? 0 : i] = '\0';
	words[0] = strtok(line, " ");
	for (i = 1; i < 4; i++)
		words[i] = words[i - 1] == NULL ? NULL : strtok(NULL, " ");
	if (words[0] == NULL)
		words[0] = line;
}

/* It knows from the codes alone how many recipients it has. */
static void
be_client(const char *start, size_t len)
{
	const char *s = start, *stop = s + len, *end = memchr(s, '\n', len);
	bool lf = end != NULL && (end == s || end[-1] != '\r');
	const char *eol = lf ? "\n" : "\r\n", *dot = lf ? "\n.\n" : "\r\n.\r\n";
	char line[COMMAND_MAX + 1], *words[4];
	size_t rcpts = 0, n, errors = 0;
	uint64_t size;
	bool chunk, alone;
	int code;

	heard = 0;
	need(hear(0, 1) == 220);
	while ((end = memmem(s, (size_t)(stop - s), eol, strlen(eol))) !=
	    NULL) {
		n = (size_t)(end - s);
		split(s, lf && n > 0 && end[-1] == '\r' ? n - 1 : n, line,
		    words);
		s = end + strlen(eol);
		alone = words[1] == NULL;
		if ((chunk = strcasecmp(words[0], "BDAT") == 0)) {
			size = alone || words[1][strspn(words[1],
			    "0123456789")] != '\0' ? UINT64_MAX :
			    strtoull(words[1], NULL, 10);
			if (size > INT64_MAX) {
				need(hear((size_t)(s - start), 1) == 501);
				break;
			}
			if (size > (size_t)(stop - s))
				break;
			s += size;
			if (rcpts > 0 && words[2] != NULL && words[3] == NULL &&
			    strcasecmp(words[2], "LAST") == 0) {
				code = hear((size_t)(s - start), rcpts);
				need(code != 421 && code / 100 != 3);
				rcpts = 0;
				continue;
			}
		}
		code = hear((size_t)(s - start), 1);
		if (code >= 500)
			errors++;
		need(code != 421 || errors >= 49);
		need((code == 221) ==
		    (alone && strcasecmp(words[0], "QUIT") == 0));
		if (code == 421 || code == 221)
			break;
		if (chunk) {
			need(code != 250 || rcpts > 0);
			if (code != 250)
				rcpts = 0;
		} else if (strcasecmp(words[0], "RSET") == 0) {
			need((code == 250) == alone);
			if (alone)
				rcpts = 0;
		} else if (strcasecmp(words[0], "LHLO") == 0 && code == 250)
			rcpts = 0;
		else if (strcasecmp(words[0], "RCPT") == 0 && code == 250)
			rcpts++;
		if (code != 354)
			continue;
		need(rcpts > 0 && strcasecmp(words[0], "DATA") == 0);
		/* The line's end is that of an empty line before the text. */
		s -= strlen(eol);
		end = memmem(s, (size_t)(stop - s), dot, strlen(dot));
		if (end == NULL)
			break;
		s = end + strlen(dot);
		code = hear((size_t)(s - start), rcpts);
		need(code != 421 && code / 100 != 3);
		rcpts = 0;
	}
	need(heard == outlen);
}

/* The next descriptor that will be used. */
static int
next_fd(void)
{
	int fd = dup(STDOUT_FILENO);

	if (fd != -1)
		close(fd);
	return fd;
}

static void
talk(const struct config *cfg, const uint8_t *data, size_t len, size_t piece)
{
	int fd = next_fd();

	in = data;
	inlen = len;
	step = piece;
	outlen = 0;
	maillen = 0;
	asked = 0;
	results = 0;
	need(session_run(cfg) == 0 && accepted == 0 && next_fd() == fd);
	read_replies();
	if (piece > 1)
		return;
	/* Where it asked for no more. */
	for (; asked <= len; asked++)
		said[asked] = outlen;
	be_client((const char *)data, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char whole[sizeof(out)], letters[sizeof(mail)];
	static char host[HOST_BYTES + 1];
	struct config cfg = { .host = "h", .delimiters = "+",
	    .spool = "/dev/shm", .maxrcpt = 1000, .timeout = 1 };
	const size_t pieces[] = { 7, 1 };
	size_t i, j, n, m;

	if (len > INPUT_MAX)
		return 0;
	memset(host, 'h', HOST_BYTES);
	for (i = 0; i < 2; i++) {
		talk(&cfg, data, len, SIZE_MAX);
		n = outlen;
		m = maillen;
		memcpy(whole, out, n);
		memcpy(letters, mail, m);
		for (j = 0; j < nitems(pieces); j++) {
			talk(&cfg, data, len, pieces[j]);
			need(outlen == n && memcmp(whole, out, n) == 0);
			need(maillen == m && memcmp(letters, mail, m) == 0);
		}
		/* Once more with all limits narrow. */
		cfg.host = host;
		cfg.maxrcpt = 2;
		cfg.maxsize = 64;
	}
	/* Which of two limits is met first, size or spool, pieces decide. */
	cfg.maxsize = 0;
	cfg.spool = "/nonexistent";
	talk(&cfg, data, len, 1);
	return 0;
}
