/*
 * A whole session; client, users and deliveries are made up here.  However
 * the bytes arrive, what is said and what is delivered is the same, each line
 * of it is well formed, and each result of a delivery is said once, in order,
 * and before the next group is begun.  A client that knows nothing of
 * session.c counts the replies that are its due, no sooner and no later.  Of
 * a message no more is held in memory than MESSAGE_MEMORY, which fuzz/run
 * makes small, and no file stays open.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../lmtpd.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define INPUT_MAX	65536

static const uint8_t *in;
static size_t inlen, step, outlen, flushed, accepted, gone;
static unsigned int results;	/* of all deliveries */
static char out[1 << 20];
static char mail[INPUT_MAX];	/* all that was delivered */
static size_t maillen;
static size_t asked;		/* bytes read when more were asked for */
static size_t said[INPUT_MAX + 1];	/* outlen, when so many were */
static size_t heard;		/* of out, by the client */
static int lent = -1;		/* to a message */
static size_t stop;		/* bytes, after which no more come, */
static enum client_input stopped;	/* for this reason */
static unsigned int last;	/* result, after which the client is gone */

static void
need(bool good)
{
	if (!good)
		abort();
}

/*
 * The client: all of its input is in memory, and it may be read as far as
 * c->inlen says.
 */
int
client_init(struct client *c, const struct config *cfg)
{
	memset(c, 0, sizeof(*c));
	c->cfg = cfg;
	need((c->in = malloc(inlen + 1)) != NULL);
	if (inlen > 0)
		memcpy(c->in, in, inlen);
	return 0;
}

void
client_free(struct client *c)
{
	free(c->in);
}

void
client_peer(const struct client *c, char *peer, size_t size)
{
	(void)c;
	strlcpy(peer, "[192.0.2.1]", size);
}

const char *
client_over(const struct client *c)
{
	if (c->gone)
		return "client gone";
	return c->ending ? "told to end" : NULL;
}

const char *
client_pause(void *arg, int fd, long us)
{
	struct client *c = arg;

	need(fd == -1 && us >= 0 && us < 1000000);
	if (results >= last)
		c->ending = true;
	return client_over(c);
}

void
client_flush(struct client *c)
{
	(void)c;
	flushed = outlen;
}

static void
put(const char *s)
{
	size_t len = strlen(s);

	need(len <= sizeof(out) - outlen);
	memcpy(out + outlen, s, len);
	outlen += len;
}

void
client_say(struct client *c, const char *code, const char *esc, ...)
{
	size_t from = outlen;
	const char *part;
	va_list ap;

	(void)c;
	put(code);
	if (esc != NULL) {
		put(esc);
		put(" ");
	}
	va_start(ap, esc);
	while ((part = va_arg(ap, const char *)) != NULL)
		put(part);
	va_end(ap);
	/* The text is cut; what must come whole may not get so far. */
	if (outlen - from > REPLY_MAX - 2)
		outlen = from + REPLY_MAX - 2;
	put("\r\n");
}

void
client_reply(struct client *c, const struct reply *r, const char *id)
{
	char code[8];

	snprintf(code, sizeof(code), "%03d ", r->code);
	client_say(c, code, r->esc, r->text, id == NULL ? "" : ", id=",
	    id == NULL ? "" : id, NULL);
}

enum client_input
client_fill(struct client *c)
{
	size_t left = inlen - c->inlen, len = left < step ? left : step;

	client_flush(c);
	/* What was used is not there any more. */
	memset(c->in + gone, 'U', c->inpos - gone);
	gone = c->inpos;
	/* Once no more came, none is asked for. */
	need(asked < nitems(said));
	said[asked] = outlen;
	if (c->inlen >= stop) {
		asked = nitems(said);
		c->ending = stopped == CLIENT_ENDING;
		c->gone = stopped == CLIENT_GONE;
		return stopped;
	}
	asked += len > 0 ? len : nitems(said);
	c->inlen += len;
	return len > 0 ? CLIENT_MORE : CLIENT_EOF;
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
	need(n <= c->inlen - c->inpos);
	c->inpos += n;
}

enum client_input
client_line(struct client *c, char **line, size_t *len)
{
	enum client_input more;
	size_t i = c->inpos;

	for (;; i++) {
		if (i == c->inlen && (more = client_fill(c)) != CLIENT_MORE)
			return more;
		if (c->in[i] != '\n')
			continue;
		*len = i - c->inpos;
		if (!c->decided) {
			c->decided = true;
			c->lf = *len == 0 || c->in[i - 1] != '\r';
		}
		if (*len > 0 && c->in[i - 1] == '\r')
			(*len)--;
		else if (!c->lf)
			continue;
		break;
	}
	*line = c->in + c->inpos;
	c->inpos = i + 1;
	(*line)[*len] = '\0';
	return CLIENT_MORE;
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
    struct credentials *cred, const struct watch *watch)
{
	memset(dv, 0, sizeof(*dv));
	dv->cfg = cfg;
	dv->cred = cred;
	dv->watch = *watch;
	return 0;
}

void
deliver_free(struct deliverer *dv)
{
	(void)dv;
}

int
deliver_room(struct deliverer *dv, const struct envelope *env, struct rcpt *r,
    uint64_t bytes, struct failure *f)
{
	(void)dv;
	need(bytes > 0);
	need(r == env->rcpts + env->nrcpt);
	return !r->ignorequota && r->mailbox.path[0] == 'f' ?
	    failure_set(f, &reply_full, "f") : 0;
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

/* Some recipients take the rest of the message at once. */
void
deliver_early(struct deliverer *dv, struct envelope *env, struct message *m)
{
	need(lent == -1 && env->nrcpt > 0 && m->len == MESSAGE_MEMORY);
	if (env->rcpts[0].mailbox.path[0] != 'e')
		return;
	need((lent = os_tmpfile("/dev/shm")) != -1);
	message_lend(m, lent, "e");
	dv->begun = true;
}

void
deliver_abandon(struct deliverer *dv)
{
	if (lent != -1)
		close(lent);
	lent = -1;
	dv->begun = false;
}

size_t
deliver_group(struct deliverer *dv, struct envelope *env,
    struct message *m, size_t first)
{
	size_t i, n = env->nrcpt - first < 3 ? env->nrcpt - first : 3;

	need(n > 0 && env->nrcpt == accepted && flushed == outlen);
	dv->n = n;
	if (first == 0)
		read_message(m);
	deliver_abandon(dv);
	for (i = first; i < first + n; i++) {
		struct rcpt *r = &env->rcpts[i];

		if (dv->watch.pause(dv->watch.arg, -1, 0) != NULL) {
			r->reply = &reply_trouble;
			continue;
		}
		snprintf(r->id, sizeof(r->id), "%u", ++results);
		r->reply = &reply_delivered;
	}
	return n;
}

/* They have been answered, and the client has it. */
void
deliver_log(struct deliverer *dv, const struct envelope *env)
{
	need(dv->n > 0 && dv->n <= env->nrcpt && flushed == outlen);
	dv->n = 0;
}

void
trace_log(const struct config *cfg, const struct envelope *env,
    const struct rcpt *r, const struct delivery *d, size_t n,
    const char *reason)
{
	(void)cfg;
	(void)env;
	need(d == NULL && n == 0 && r->reply->code >= 400 && reason != NULL);
}

void
identity_resume(struct credentials *c)
{
	(void)c;
}

/*
 * Every line, and the results of deliveries: each once, in order.  Behind a
 * farewell there is nothing.
 */
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
		if (memcmp(s, "421", 3) == 0 || memcmp(s, "221", 3) == 0)
			need(lf + 1 == end);
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
		if (text_control(s + i, len - i) > 0)
			break;
	}
	line[i < len || s[0] == ' ' ? 0 : i] = '\0';
	words[0] = strtok(line, " ");
	for (i = 1; i < 4; i++)
		words[i] = words[i - 1] == NULL ? NULL : strtok(NULL, " ");
	if (words[0] == NULL)
		words[0] = line;
}

/* A first line by which no LMTP client begins: it is the last one too. */
static bool
is_foreign(const char *s, size_t len)
{
	static const char *const verbs[] = {
		"GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH",
		"TRACE", "CONNECT", "PRI", "PROXY"
	};
	const char *space = memchr(s, ' ', len);
	size_t i, word = space == NULL ? len : (size_t)(space - s);

	if (len > COMMAND_MAX)
		return false;
	for (i = 0; i < word; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') ||
		    s[i] == '\177')
			return true;
	for (i = 0; i < nitems(verbs); i++)
		if (word == strlen(verbs[i]) &&
		    strncasecmp(s, verbs[i], word) == 0)
			return true;
	return len == 0 || memchr(s, ':', word) != NULL ||
	    memmem(s, len, " HTTP/", 6) != NULL;
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
	bool chunk, alone, first = true;
	int code;

	heard = 0;
	need(hear(0, 1) == 220);
	if (len > 0 && (s[0] == '\x16' || (s[0] & 0x80) != 0)) {
		need(hear(1, 1) == 500 && heard == outlen);
		return;
	}
	while ((end = memmem(s, (size_t)(stop - s), eol, strlen(eol))) !=
	    NULL) {
		n = (size_t)(end - s);
		if (lf && n > 0 && end[-1] == '\r')
			n--;
		if (first && is_foreign(s, n)) {
			s = end + strlen(eol);
			need(hear((size_t)(s - start), 1) == 500);
			break;
		}
		/* One that is too long was not looked at: the next one is. */
		first = first && n > COMMAND_MAX;
		split(s, n, line, words);
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
		need(code != 421 || errors >= 49 ||
		    strcasecmp(words[0], "HELO") == 0);
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
	outlen = flushed = gone = 0;
	maillen = 0;
	asked = 0;
	results = 0;
	need(session_run(cfg) == 0 && accepted == 0 && lent == -1);
	need(next_fd() == fd);
	need(flushed == outlen);
	read_replies();
	if (piece > 1 || stop < SIZE_MAX || last < UINT_MAX)
		return;
	/* Where it asked for no more. */
	for (; asked <= len; asked++)
		said[asked] = outlen;
	be_client((const char *)data, len);
}

/*
 * The input breaks off somewhere: what was said till then stands, and where
 * there is somebody to say it to, why, unless it was over before.
 */
static void
break_off(const struct config *cfg, const uint8_t *data, size_t len)
{
	static const char *const words[] = {
		[CLIENT_TIMEOUT] = "421 4.4.2 ",
		[CLIENT_ENDING] = "421 4.3.2 ",
		[CLIENT_GONE] = "",
		[CLIENT_EOF] = ""
	};
	static char whole[sizeof(out)];
	size_t n, due;

	stop = len > 0 ? (data[len - 1] * 257u + data[0]) % (len + 1) : 0;
	due = said[stop];
	n = outlen;
	memcpy(whole, out, n);
	for (stopped = CLIENT_TIMEOUT; stopped <= CLIENT_EOF; stopped++) {
		talk(cfg, data, len, 1);
		need(outlen >= due && memcmp(out, whole, due) == 0);
		if (asked <= len)	/* It was over before. */
			need(outlen == n);
		else if (words[stopped][0] == '\0')
			need(outlen == due);
		else
			need(outlen > due && memcmp(out + due, words[stopped],
			    strlen(words[stopped])) == 0 &&
			    memchr(out + due, '\n', outlen - due) ==
			    out + outlen - 1);
	}
	stop = SIZE_MAX;
	/* Told to end while it delivers. */
	last = 2;
	talk(cfg, data, len, 1);
	last = UINT_MAX;
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
	stop = SIZE_MAX;
	last = UINT_MAX;
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
		break_off(&cfg, data, len);
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
