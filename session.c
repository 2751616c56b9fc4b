/*
 * The dialogue: a line in, a reply out, and when to flush.  RFC 2033, and
 * what it takes from RFC 5321.  The only writer of standard output.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"
#include "wide.h"

#define ERRORS_MAX	50	/* since the start or the last message */
#define LHLO_MAX	240	/* bytes of the whole reply: Exim's buffer */
#define LINGER		5	/* seconds for replies once told to end */
#define WRITE_MAX	4096	/* does not block where poll(2) says so */

enum phase { PHASE_START, PHASE_HELLO, PHASE_MAIL, PHASE_CHUNKS };

struct session {
	const struct config	*cfg;
	struct credentials	 cred;
	struct deliverer	 deliverer;
	struct envelope		 env;
	struct message		 message;
	struct failure		 refusal;	/* of the message, if reply */
	enum phase		 phase;
	size_t			 refused;	/* recipients, so far */
	unsigned int		 errors;
	const char		*over;		/* why it is, or NULL */
	bool			 decided;	/* how lines end: */
	bool			 lf;
	bool			 no_socket;	/* standard output is none */
	size_t			 messages;
	size_t			 results[6];	/* by 2xx, 4xx, 5xx */
	size_t			 inpos;
	size_t			 inlen;
	size_t			 outlen;
	/* From here on it is not cleared. */
	char			 in[65536];
	char			 out[8192];
};

static const struct reply ok = { 250, "2.0.0", "OK" };
static const struct reply closing = { 221, "2.0.0", "Bye" };
static const struct reply help = { 214, "2.0.0",
    "LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY XFORWARD QUIT" };
static const struct reply start_data = { 354, NULL,
    "End with a dot on a line of its own" };
static const struct reply cannot_verify = { 252, "2.5.0",
    "Cannot verify, but will try to deliver" };
static const struct reply no_expand = { 502, "5.5.1", "No lists here" };
static const struct reply unknown_verb = { 500, "5.5.1", "Unknown command" };
static const struct reply say_lhlo = { 500, "5.5.1", "This is LMTP: LHLO" };
static const struct reply bad_line = { 500, "5.5.2",
    "Control character in a command" };
static const struct reply long_line = { 500, "5.5.2", "Line too long" };
static const struct reply wrong_order = { 503, "5.5.1",
    "Wrong order of commands" };
static const struct reply no_rcpt = { 503, "5.5.1", "No valid recipients" };
static const struct reply bad_args = { 501, "5.5.4", "Wrong argument" };
static const struct reply bad_sender = { 501, "5.1.7",
    "Malformed reverse-path" };
static const struct reply bad_param = { 501, "5.5.4", "Wrong parameter" };
static const struct reply unknown_param = { 555, "5.5.4",
    "Unknown parameter" };
static const struct reply lost_chunk = { 503, "5.5.1",
    "No transaction for this chunk" };
static const struct reply bad_chunk = { 501, "5.5.4", "Wrong chunk size" };
static const struct reply too_many_rcpts = { 452, "4.5.3",
    "Too many recipients" };
static const struct reply too_large = { 552, "5.3.4", "Message too large" };
static const struct reply too_many_errors = { 421, "4.7.0",
    "Too many errors" };
static const struct reply timed_out = { 421, "4.4.2", "Timeout" };
static const struct reply told_to_end = { 421, "4.3.2", "Shutting down" };

/*
 * Output.
 */

/*
 * Waits until it can be written, so that a client that reads no more cannot
 * hold us.  When told to end there is a little time yet for what is known.
 */
static int
output_ready(struct session *s)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct timespec timeout;
	sigset_t none;
	int n;

	sigemptyset(&none);
	do {
		timeout = (struct timespec){ .tv_sec = s->cfg->timeout };
		if (s->deliverer.ending && timeout.tv_sec > LINGER)
			timeout.tv_sec = LINGER;
		n = ppoll(&pfd, 1, &timeout, &none);
		if (n == -1 && errno == EINTR)
			s->deliverer.ending = true;
	} while (n == -1 && errno == EINTR);
	if (n == 1 && (pfd.revents & POLLOUT) != 0)
		return 0;
	if (n != -1)
		errno = n == 0 ? ETIMEDOUT : EPIPE;
	return -1;
}

/* Writes some of it without blocking for longer than the timeout. */
static ssize_t
output_some(struct session *s, const char *buf, size_t len)
{
	ssize_t n;

	if (!s->no_socket) {
		n = send(STDOUT_FILENO, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n != -1)
			return n;
		if (errno == ENOTSOCK)
			s->no_socket = true;
		else if (errno != EAGAIN && errno != EWOULDBLOCK)
			return -1;
	}
	if (output_ready(s) == -1)
		return -1;
	return write(STDOUT_FILENO, buf, len < WRITE_MAX ? len : WRITE_MAX);
}

static void
output_flush(struct session *s)
{
	size_t done = 0;
	ssize_t n;

	while (done < s->outlen && !s->deliverer.gone) {
		n = output_some(s, s->out + done, s->outlen - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			s->deliverer.gone = true;
		else
			done += (size_t)n;
	}
	if (s->deliverer.gone)
		s->over = "client gone";
	s->outlen = 0;
}

/*
 * One line: text without control characters, up to a NULL.  It is cut, the
 * code never is.
 */
static void __attribute__((__sentinel__))
say(struct session *s, const char *code, const char *esc, ...)
{
	struct text line;
	const char *part;
	va_list ap;

	if (s->outlen + REPLY_MAX > sizeof(s->out))
		output_flush(s);
	text_init(&line, s->out + s->outlen, REPLY_MAX - 1);
	text_add(&line, code, esc == NULL ? "" : esc,
	    esc == NULL ? "" : " ", NULL);
	va_start(ap, esc);
	while ((part = va_arg(ap, const char *)) != NULL)
		text_bytes(&line, part, strlen(part));
	va_end(ap);
	if (s->cfg->verbose)
		log_info(s->cfg, "S: %s", line.buf);
	memcpy(line.buf + line.len, "\r\n", 2);
	s->outlen += line.len + 2;
}

/* The reply, and the id of a delivery or NULL. */
static void
say_result(struct session *s, const struct reply *r, const char *id)
{
	char digits[8];
	struct text code;

	text_init(&code, digits, sizeof(digits));
	text_number(&code, (uint64_t)r->code, 10, 3);
	text_add(&code, " ", NULL);
	if (id == NULL)
		say(s, digits, r->esc, r->text, NULL);
	else
		say(s, digits, r->esc, r->text, ", id=", id, NULL);
}

static void
say_reply(struct session *s, const struct reply *r)
{
	say_result(s, r, NULL);
}

static void
end(struct session *s, const struct reply *r, const char *why)
{
	if (r != NULL)
		say_reply(s, r);
	s->over = why;
}

/*
 * Input.
 */

/* Gets more, all that was said first said out loud.  False if it is over. */
static bool
input_fill(struct session *s)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec timeout = { .tv_sec = s->cfg->timeout };
	sigset_t none;
	ssize_t n;

	output_flush(s);
	if (s->over != NULL)
		return false;
	s->inlen -= s->inpos;
	memmove(s->in, s->in + s->inpos, s->inlen);
	s->inpos = 0;
	sigemptyset(&none);
	n = ppoll(&pfd, 1, &timeout, &none);
	if (n == 1)
		n = read(STDIN_FILENO, s->in + s->inlen,
		    sizeof(s->in) - s->inlen);
	else if (n == 0)
		end(s, &timed_out, "timeout");
	else if (errno == EINTR)
		s->deliverer.ending = true;
	if (s->over == NULL && n > 0) {
		s->inlen += (size_t)n;
		/* A flood never lets ppoll wait for a signal. */
		if (s->inlen == sizeof(s->in))
			(void)deliver_pause(&s->deliverer, 0);
	}
	if (s->deliverer.ending)
		end(s, &told_to_end, "told to end");
	else if (s->over == NULL && n <= 0)
		end(s, NULL, n == 0 ? "end of input" : "client gone");
	return s->over == NULL;
}

/*
 * The end of the line that begins at inpos, or NULL: the first line's is
 * that of the whole session.  *len is what comes before it.
 */
static const char *
line_end(struct session *s, size_t *len)
{
	const char *line = s->in + s->inpos, *p = line;
	const char *stop = s->in + s->inlen;

	while ((p = memchr(p, '\n', (size_t)(stop - p))) != NULL) {
		bool cr = p > line && p[-1] == '\r';

		if (!s->decided) {
			s->lf = !cr;
			s->decided = true;
		}
		if (cr || s->lf) {
			*len = (size_t)(p - line) - (cr ? 1 : 0);
			return p;
		}
		p++;
	}
	return NULL;
}

/*
 * The next command, NUL at its end; NULL if the session is over.  Of a line
 * that is too long the rest is read away, and *len is above COMMAND_MAX.
 */
static char *
next_line(struct session *s, size_t *len)
{
	bool too_long = false;
	const char *lf;
	char *line;

	while ((lf = line_end(s, len)) == NULL) {
		if (s->inlen - s->inpos > COMMAND_MAX + 1) {
			too_long = true;
			/* The last byte may be the CR of the line's end. */
			s->inpos = s->inlen - 1;
		}
		if (!input_fill(s))
			return NULL;
	}
	line = s->in + s->inpos;
	s->inpos = (size_t)(lf - s->in) + 1;
	if (too_long)
		*len = COMMAND_MAX + 1;
	else
		line[*len] = '\0';
	return line;
}

/*
 * The transaction.
 */
static void
transaction_reset(struct session *s)
{
	struct envelope *env = &s->env;
	size_t i;

	for (i = 0; i < env->nrcpt; i++) {
		mailbox_free(&env->rcpts[i].mailbox);
		free(env->rcpts[i].address);
	}
	env->nrcpt = 0;
	env->sender[0] = env->msgid[0] = '\0';
	message_reset(&s->message);
	s->refusal.reply = NULL;
	s->refused = 0;
	/* XFORWARD names the next transaction, whatever comes before it. */
	if (s->phase > PHASE_HELLO) {
		s->phase = PHASE_HELLO;
		env->qid[0] = '\0';
	}
}

static void
count_result(struct session *s, const struct reply *r)
{
	s->results[r->code / 100]++;
}

/* Every recipient from first on has the result f. */
static void
refuse_all(struct session *s, size_t first, const struct failure *f)
{
	size_t i;

	for (i = first; i < s->env.nrcpt; i++) {
		s->env.rcpts[i].reply = f->reply;
		deliver_log(s->cfg, &s->env, &s->env.rcpts[i], NULL,
		    f->reason);
		count_result(s, f->reply);
	}
}

static void
deliver_all(struct session *s)
{
	struct deliverer *dv = &s->deliverer;
	struct envelope *env = &s->env;
	struct failure f;
	size_t i, n, last;

	output_flush(s);
	for (i = 0; i < env->nrcpt && !dv->gone && !dv->ending; ) {
		n = deliver_group(dv, env, &s->message, i);
		for (last = i + n; i < last; i++) {
			const struct rcpt *r = &env->rcpts[i];

			say_result(s, r->reply, r->reply ==
			    &reply_delivered ? r->id : NULL);
			count_result(s, r->reply);
		}
		output_flush(s);
	}
	if (i < env->nrcpt) {
		failure_set(&f, &reply_trouble, dv->gone ?
		    "the client has gone" : "told to end");
		refuse_all(s, i, &f);
		for (; i < env->nrcpt; i++)
			say_reply(s, f.reply);
	}
	if (dv->gone)
		s->over = "client gone";
	else if (dv->ending)
		end(s, &told_to_end, "told to end");
}

/* The whole message is here: exactly one reply for each recipient. */
static void
finish_message(struct session *s)
{
	struct message *m = &s->message;
	struct envelope *env = &s->env;
	size_t i;

	s->messages++;
	s->errors = 0;
	header_message_id(m->mem, m->len, env->msgid, sizeof(env->msgid));
	if (env->qid[0] == '\0')
		header_received_id(m->mem, m->len, env->qid,
		    sizeof(env->qid));
	if (s->refusal.reply != NULL) {
		refuse_all(s, 0, &s->refusal);
		for (i = 0; i < env->nrcpt; i++)
			say_reply(s, s->refusal.reply);
	} else
		deliver_all(s);
	transaction_reset(s);
}

/* Adds decoded bytes, unless the message is refused already. */
static void
add_bytes(struct session *s, const char *buf, size_t len)
{
	struct message *m = &s->message;
	struct failure *f = &s->refusal;

	if (f->reply != NULL)
		return;
	if (s->cfg->maxsize > 0 &&
	    m->size + len + m->data.crlfs > s->cfg->maxsize) {
		failure_set(f, &too_large, "more than %llu bytes",
		    (unsigned long long)s->cfg->maxsize);
		return;
	}
	/* The spool is ours, not that of the recipient we may still be. */
	if (m->len + len > MESSAGE_MEMORY && m->fd == -1)
		identity_resume(&s->cred);
	if (message_append(m, s->cfg->spool, buf, len, f) == -1 &&
	    f->err == EDQUOT)
		f->reply = &reply_no_space;
}

/* Decodes up to len bytes of what has been read.  Returns how many. */
static size_t
feed(struct session *s, size_t len)
{
	char out[sizeof(s->in) + 1];
	size_t used, n;

	if (len > s->inlen - s->inpos)
		len = s->inlen - s->inpos;
	used = data_feed(&s->message.data, s->in + s->inpos, len, out, &n);
	s->inpos += used;
	add_bytes(s, out, n);
	return used;
}

/*
 * Commands.  Each returns its reply, or NULL if it has answered itself.
 */
static const struct reply *
cmd_lhlo(struct session *s, char *args)
{
	char limits[48], size[32];
	/* The last ones, of which CHUNKING is wanted most, if they fit. */
	const char *const offers[] = {
		s->cfg->host, "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME",
		"SMTPUTF8", "IGNOREQUOTA", "CHUNKING", "XFORWARD IDENT", limits
	};
	struct text t;
	size_t i, len;

	transaction_reset(s);
	s->phase = PHASE_HELLO;
	strlcpy(s->env.lhlo, args, sizeof(s->env.lhlo));
	text_init(&t, limits, sizeof(limits));
	text_add(&t, "LIMITS RCPTMAX=", NULL);
	text_number(&t, s->cfg->maxrcpt, 10, 0);
	text_init(&t, size, sizeof(size));
	text_add(&t, "SIZE ", NULL);
	text_number(&t, s->cfg->maxsize, 10, 0);
	len = strlen("250 \r\n") + strlen(size);
	for (i = 0; i < nitems(offers); i++) {
		len += strlen("250-\r\n") + strlen(offers[i]);
		if (len > LHLO_MAX)
			break;
		say(s, "250-", NULL, offers[i], NULL);
	}
	say(s, "250 ", NULL, size, NULL);
	return NULL;
}

static void
find_peer(struct envelope *env)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	socklen_t len = sizeof(ss);
	char host[INET6_ADDRSTRLEN];

	env->knows_peer = true;
	if (getpeername(STDIN_FILENO, (struct sockaddr *)&ss, &len) == -1)
		return;
	if (ss.ss_family == AF_INET && inet_ntop(AF_INET, &in->sin_addr,
	    host, sizeof(host)) != NULL)
		snprintf(env->peer, sizeof(env->peer), "[%s]", host);
	else if (ss.ss_family == AF_INET6 && inet_ntop(AF_INET6,
	    &in6->sin6_addr, host, sizeof(host)) != NULL)
		snprintf(env->peer, sizeof(env->peer), "[IPv6:%s]", host);
}

static const struct reply *
param_reply(enum param_error error)
{
	switch (error) {
	case PARAM_UNKNOWN:
		return &unknown_param;
	case PARAM_VALUE:
		return &bad_param;
	case PARAM_OK:
		break;
	}
	return NULL;
}

static const struct reply *
cmd_mail(struct session *s, char *args)
{
	const char *path = args + 5;
	struct envelope *env = &s->env;
	struct params p;
	enum param_error error;

	if (strncasecmp(args, "FROM:", 5) != 0)
		return &bad_args;
	if (parse_reverse_path(&path, env->sender) == -1)
		return &bad_sender;
	if ((error = parse_params(path, false, &p)) != PARAM_OK)
		return param_reply(error);
	if (p.has_size && (p.size == UINT64_MAX ||
	    (s->cfg->maxsize > 0 && p.size > s->cfg->maxsize)))
		return &too_large;
	if (!env->knows_peer && (s->cfg->trace & TRACE_RECEIVED) != 0)
		find_peer(env);
	env->size = p.size;
	env->smtputf8 = p.smtputf8;
	clock_gettime(CLOCK_MONOTONIC, &env->begun);
	s->phase = PHASE_MAIL;
	return &ok;
}

/* A place for one more recipient, or NULL. */
static struct rcpt *
rcpt_add(struct envelope *env, const char *address)
{
	size_t room = env->room > 0 ? 2 * env->room : 8;
	struct rcpt *r;

	if (env->nrcpt == env->room) {
		r = reallocarray(env->rcpts, room, sizeof(*r));
		if (r == NULL)
			return NULL;
		env->rcpts = r;
		env->room = room;
	}
	r = &env->rcpts[env->nrcpt];
	memset(r, 0, sizeof(*r));
	if ((r->address = strdup(address)) == NULL)
		return NULL;
	return r;
}

/* Refused at once: the log is told why, the recipient forgotten. */
static const struct reply *
rcpt_refuse(struct session *s, struct rcpt *r, const struct failure *f)
{
	r->reply = failure_reply(f, s->cfg);
	deliver_log(s->cfg, &s->env, r, NULL, f->reason);
	count_result(s, r->reply);
	s->refused++;
	mailbox_free(&r->mailbox);
	free(r->address);
	return r->reply;
}

static const struct reply *
cmd_rcpt(struct session *s, char *args)
{
	const char *path = args + 3;
	struct envelope *env = &s->env;
	struct address a;
	struct params p;
	struct failure f;
	enum param_error error;
	struct rcpt *r;

	if (strncasecmp(args, "TO:", 3) != 0)
		return &bad_args;
	if (parse_forward_path(&path, &a) == -1) {
		s->refused++;
		return &reply_malformed;
	}
	if ((error = parse_params(path, true, &p)) != PARAM_OK)
		return param_reply(error);
	if (env->nrcpt >= s->cfg->maxrcpt)
		return &too_many_rcpts;
	if ((r = rcpt_add(env, a.raw)) == NULL) {
		failure_log(s->cfg, "malloc", "recipient");
		s->refused++;
		return &reply_trouble;
	}
	r->ignorequota = p.ignorequota;
	identity_resume(&s->cred);
	if (user_find(s->cfg, &a, &r->mailbox, &f) == -1)
		return rcpt_refuse(s, r, &f);
	/* There is no message of no bytes. */
	if (!r->ignorequota && deliver_quota(&s->deliverer, &r->mailbox,
	    env->size > 0 ? env->size : 1, &f) == -1)
		return rcpt_refuse(s, r, &f);
	env->nrcpt++;
	return &ok;
}

static const struct reply *
cmd_data(struct session *s, char *args)
{
	(void)args;
	if (s->env.nrcpt == 0)
		return s->refused > 0 ? &no_rcpt : &wrong_order;
	say_reply(s, &start_data);
	s->message.data.lf = s->lf;
	while (!s->message.data.done) {
		if (s->inpos == s->inlen && !input_fill(s))
			return NULL;
		feed(s, sizeof(s->in));
	}
	finish_message(s);
	return NULL;
}

/* Reads a chunk's octets; they go nowhere if it is refused. */
static bool
read_chunk(struct session *s, uint64_t left, bool refused)
{
	while (left > 0) {
		size_t n = s->inlen - s->inpos;

		if (n == 0) {
			if (!input_fill(s))
				return false;
			continue;
		}
		if (n > left)
			n = (size_t)left;
		if (refused)
			s->inpos += n;
		else
			n = feed(s, n);
		left -= n;
	}
	return true;
}

static const struct reply *
cmd_bdat(struct session *s, char *args)
{
	char *word = args + strcspn(args, " ");
	const struct reply *refusal;
	uint64_t size;
	bool last;
	char held;

	while (*word == ' ')
		*word++ = '\0';
	/* Reading the chunk overwrites the command. */
	last = strcasecmp(word, "LAST") == 0;
	if (!last && word[0] != '\0')
		failure_set(&s->refusal, &bad_args, "BDAT %s", word);
	if (parse_size(args, false, &size) == -1) {
		/* What follows cannot be told from commands. */
		end(s, &bad_chunk, "wrong chunk size");
		return NULL;
	}
	if (s->env.nrcpt > 0) {
		s->phase = PHASE_CHUNKS;
		s->message.data.chunks = true;
	}
	if (!read_chunk(s, size, s->env.nrcpt == 0))
		return NULL;
	if (s->env.nrcpt == 0 && s->refusal.reply == NULL)
		return s->refused > 0 ? &no_rcpt : &lost_chunk;
	if (last) {
		add_bytes(s, &held, data_end(&s->message.data, &held));
		finish_message(s);
		return NULL;
	}
	if ((refusal = s->refusal.reply) == NULL)
		return &ok;
	/* It is not whole: what comes of it yet has no transaction. */
	refuse_all(s, 0, &s->refusal);
	transaction_reset(s);
	return refusal;
}

static const struct reply *
cmd_rset(struct session *s, char *args)
{
	(void)args;
	transaction_reset(s);
	return &ok;
}

static const struct reply *
cmd_xforward(struct session *s, char *args)
{
	return parse_xforward(args, s->env.qid, sizeof(s->env.qid)) == -1 ?
	    &bad_args : &ok;
}

static const struct reply *
cmd_quit(struct session *s, char *args)
{
	(void)args;
	end(s, &closing, "quit");
	return NULL;
}

/* What must have come before a command, and what must not. */
enum need {
	NEED_NOTHING,
	NEED_LHLO,		/* and no transaction */
	NEED_NO_MAIL,
	NEED_MAIL		/* and no chunk */
};

enum args { ARGS_NONE, ARGS_SOME, ARGS_ANY };

static const struct command {
	const char	*verb;
	enum need	 need;
	enum args	 args;
	const struct reply *(*run)(struct session *, char *);
	const struct reply *reply;	/* where nothing is run */
} commands[] = {
	{ "LHLO",	NEED_NOTHING,	ARGS_SOME,	cmd_lhlo, NULL },
	{ "MAIL",	NEED_LHLO,	ARGS_SOME,	cmd_mail, NULL },
	{ "RCPT",	NEED_MAIL,	ARGS_SOME,	cmd_rcpt, NULL },
	{ "DATA",	NEED_MAIL,	ARGS_NONE,	cmd_data, NULL },
	{ "BDAT",	NEED_NOTHING,	ARGS_ANY,	cmd_bdat, NULL },
	{ "RSET",	NEED_NOTHING,	ARGS_NONE,	cmd_rset, NULL },
	{ "QUIT",	NEED_NOTHING,	ARGS_NONE,	cmd_quit, NULL },
	{ "XFORWARD",	NEED_NO_MAIL,	ARGS_SOME,	cmd_xforward, NULL },
	{ "NOOP",	NEED_NOTHING,	ARGS_ANY,	NULL, &ok },
	{ "VRFY",	NEED_NOTHING,	ARGS_ANY,	NULL, &cannot_verify },
	{ "EXPN",	NEED_NOTHING,	ARGS_ANY,	NULL, &no_expand },
	{ "HELP",	NEED_NOTHING,	ARGS_ANY,	NULL, &help },
	{ "HELO",	NEED_NOTHING,	ARGS_ANY,	NULL, &say_lhlo },
	{ "EHLO",	NEED_NOTHING,	ARGS_ANY,	NULL, &say_lhlo },
};

static bool
is_time_for(const struct session *s, enum need need)
{
	switch (need) {
	case NEED_NOTHING:
		break;
	case NEED_LHLO:
		return s->phase == PHASE_HELLO;
	case NEED_NO_MAIL:
		return s->phase < PHASE_MAIL;
	case NEED_MAIL:
		return s->phase == PHASE_MAIL;
	}
	return true;
}

static const struct reply *
command_run(struct session *s, char *line, size_t len)
{
	const struct command *c;
	char *args;

	if (len > COMMAND_MAX)
		return &long_line;
	if (s->cfg->verbose)
		log_info(s->cfg, "C: %s", line);
	if ((args = parse_command(line, len)) == NULL)
		return &bad_line;
	for (c = commands; c < commands + nitems(commands); c++)
		if (strcasecmp(c->verb, line) == 0)
			break;
	if (c == commands + nitems(commands))
		return &unknown_verb;
	if (!is_time_for(s, c->need))
		return &wrong_order;
	if (c->args != ARGS_ANY && (c->args == ARGS_SOME) != (args[0] != '\0'))
		return &bad_args;
	return c->run == NULL ? c->reply : c->run(s, args);
}

/* Refused recipients are none, nor is what was sent on with them. */
static bool
is_error(const struct reply *r)
{
	if (r == &reply_malformed || r == &no_rcpt || r == &lost_chunk)
		return false;
	return r->code == 500 || r->code == 501 || r->code == 502 ||
	    r->code == 503 || r->code == 555;
}

static void
answer(struct session *s, const struct reply *r)
{
	if (is_error(r) && ++s->errors >= ERRORS_MAX)
		end(s, &too_many_errors, "too many errors");
	else
		say_reply(s, r);
}

static void
session_log(const struct session *s)
{
	struct log_line l;

	log_begin(&l);
	log_add(&l, "session", s->over);
	log_number(&l, "messages", s->messages);
	log_number(&l, "delivered", s->results[2]);
	log_number(&l, "deferred", s->results[4]);
	log_number(&l, "refused", s->results[5]);
	log_number(&l, "errors", s->errors);
	log_send(s->cfg, &l);
}

static void
session_talk(struct session *s)
{
	const struct reply *r;
	char *line;
	size_t len;

	say(s, "220 ", NULL, s->cfg->host, " LMTP", NULL);
	while (s->over == NULL && (line = next_line(s, &len)) != NULL) {
		r = command_run(s, line, len);
		if (r != NULL)
			answer(s, r);
	}
	output_flush(s);
	session_log(s);
}

int
session_run(const struct config *cfg)
{
	struct session *s;
	int r;

	if ((s = malloc(sizeof(*s))) == NULL)
		return -1;
	memset(s, 0, offsetof(struct session, in));
	s->cfg = cfg;
	s->cred.cfg = cfg;
	message_init(&s->message);
	if ((r = deliver_init(&s->deliverer, cfg, &s->cred)) == 0)
		session_talk(s);
	transaction_reset(s);
	message_free(&s->message);
	free(s->deliverer.group);
	free(s->env.rcpts);
	free(s);
	return r;
}

void
session_refuse(const struct config *cfg, const char *why)
{
	char clean[REPLY_MAX];
	struct text t;
	struct session s;

	memset(&s, 0, offsetof(struct session, in));
	s.cfg = cfg;
	text_init(&t, clean, sizeof(clean));
	text_escape(&t, why, strlen(why), false);
	say(&s, "421 ", "4.3.5", clean, NULL);
	output_flush(&s);
}
