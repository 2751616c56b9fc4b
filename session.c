/*
 * The dialogue: a command in, a reply out.  RFC 2033, and what it takes from
 * RFC 5321.  No descriptor and no waiting: those are client.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "lmtpd.h"

#define ERRORS_MAX	50	/* since the start or the last message */
#define LHLO_MAX	240	/* bytes of the whole reply: Exim's buffer */
#define SURPLUS_LINES	100	/* in the log, of one transaction */
#define PIECE		65536	/* bytes that are decoded at a time */

enum phase { PHASE_START, PHASE_HELLO, PHASE_MAIL, PHASE_CHUNKS };

struct session {
	const struct config	*cfg;
	struct client		 client;
	struct credentials	 cred;
	struct deliverer	 deliverer;
	struct envelope		 env;
	struct message		 message;
	struct failure		 refusal;	/* of the message, if reply */
	enum phase		 phase;
	size_t			 refused;	/* recipients, so far */
	size_t			 surplus;	/* of those: more than -m */
	unsigned int		 errors;
	const char		*over;		/* why it is, or NULL */
	size_t			 heard;		/* lines of commands */
	size_t			 messages;
	size_t			 results[6];	/* how many 2xx, 4xx, 5xx */
};

static const struct reply help = { 214, "2.0.0",
    "LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY XFORWARD QUIT" };
static const struct reply start_data = { 354, NULL,
    "End with a dot on a line of its own" };
static const struct reply cannot_verify = { 252, "2.5.0",
    "Cannot verify, but will try to deliver" };
static const struct reply no_expand = { 502, "5.5.1", "No lists here" };
static const struct reply unknown_verb = { 500, "5.5.1", "Unknown command" };
static const struct reply no_stranger = { 500, "5.5.1", "This is LMTP" };
static const struct reply wrong_order = { 503, "5.5.1",
    "Wrong order of commands" };
static const struct reply no_rcpt = { 503, "5.5.1", "No valid recipients" };
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

static void
session_end(struct session *s, const struct reply *r, const char *why)
{
	if (r != NULL)
		client_reply(&s->client, r, NULL);
	s->over = why;
}

/* False if no more input came, and so it is over. */
static bool
heard_more(struct session *s, enum client_input input)
{
	switch (input) {
	case CLIENT_MORE:
		return true;
	case CLIENT_TIMEOUT:
		session_end(s, &reply_timed_out, "timeout");
		break;
	case CLIENT_ENDING:
		session_end(s, &reply_told_to_end, client_over(&s->client));
		break;
	case CLIENT_GONE:
		session_end(s, NULL, client_over(&s->client));
		break;
	case CLIENT_EOF:
		session_end(s, NULL, "end of input");
		break;
	}
	return false;
}

/*
 * The transaction.
 */
static void
rcpt_free(struct rcpt *r)
{
	mailbox_free(&r->mailbox);
	free(r->address);
	free(r->orcpt);
	free(r->sieve);
	free(r->refusal_text);
}

static void
transaction_reset(struct session *s)
{
	struct envelope *env = &s->env;
	size_t i;

	for (i = 0; i < env->nrcpt; i++)
		rcpt_free(&env->rcpts[i]);
	env->nrcpt = 0;
	env->msgid[0] = '\0';
	deliver_abandon(&s->deliverer);
	message_reset(&s->message);
	s->refusal.reply = NULL;
	s->refused = s->surplus = 0;
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

/* Counts and logs f as the result of every recipient from first on. */
static void
refuse_all(struct session *s, size_t first, const struct failure *f)
{
	size_t i;

	for (i = first; i < s->env.nrcpt; i++) {
		s->env.rcpts[i].reply = f->reply;
		trace_log(s->cfg, &s->env, &s->env.rcpts[i], NULL, 0,
		    f->reason);
		count_result(s, f->reply);
	}
}

static void
answer_all(struct session *s, size_t first, size_t last)
{
	size_t i;

	for (i = first; i < last; i++) {
		const struct rcpt *r = &s->env.rcpts[i];

		client_reply(&s->client, r->reply,
		    r->reply == &reply_delivered ? r->id : NULL);
		count_result(s, r->reply);
	}
	client_flush(&s->client);
}

static void
deliver_all(struct session *s)
{
	struct deliverer *dv = &s->deliverer;
	struct envelope *env = &s->env;
	struct failure f;
	const char *over;
	size_t i, n;

	client_flush(&s->client);
	for (i = 0; i < env->nrcpt &&
	    client_over(&s->client) == NULL; i += n) {
		n = deliver_group(dv, env, &s->message, i);
		answer_all(s, i, i + n);
		deliver_log(dv, env);
	}
	if ((over = client_over(&s->client)) == NULL)
		return;
	failure_set(&f, &reply_trouble, "%s", over);
	for (n = i; n < env->nrcpt; n++)
		client_reply(&s->client, f.reply, NULL);
	session_end(s, s->client.gone ? NULL : &reply_told_to_end, over);
	client_flush(&s->client);
	refuse_all(s, i, &f);
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
		for (i = 0; i < env->nrcpt; i++)
			client_reply(&s->client, s->refusal.reply, NULL);
		client_flush(&s->client);
		refuse_all(s, 0, &s->refusal);
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
	size_t n = 0;

	if (f->reply != NULL)
		return;
	if (s->cfg->maxsize > 0 &&
	    m->size + len + m->data.crlfs > s->cfg->maxsize) {
		failure_set(f, &too_large, "more than %llu bytes (-s)",
		    (unsigned long long)s->cfg->maxsize);
		return;
	}
	if (m->fd == -1 && len > message_room(m)) {
		n = message_room(m);
		if (message_append(m, s->cfg->spool, buf, n, f) == -1)
			return;
		deliver_early(&s->deliverer, &s->env, m);
	}
	/* -T is ours, and not full because of the recipient's quota. */
	if (message_append(m, s->cfg->spool, buf + n, len - n, f) == -1 &&
	    f->err == EDQUOT && !m->lent)
		f->reply = &reply_no_space;
}

/* Decodes up to len bytes of what has been read.  Returns how many. */
static size_t
feed(struct session *s, uint64_t len)
{
	char out[PIECE + 1];
	const char *in;
	size_t used, n, have = client_input(&s->client, &in);

	if (have > PIECE)
		have = PIECE;
	if (len > have)
		len = have;
	used = data_feed(&s->message.data, in, (size_t)len, out, &n);
	client_used(&s->client, used);
	add_bytes(s, out, n);
	return used;
}

/* Gets more if all that was read is used.  False: it is over. */
static bool
await_input(struct session *s)
{
	const char *in;

	return client_input(&s->client, &in) > 0 ||
	    heard_more(s, client_fill(&s->client));
}

/*
 * Commands.  Each returns its reply, or NULL if it has answered itself.
 */
static const struct reply *
cmd_lhlo(struct session *s, char *args)
{
	char limits[48], size[32];
	/* As many as fit: of the last three CHUNKING is wanted most. */
	const char *const offers[] = {
		s->cfg->host, "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME",
		"SMTPUTF8", "IGNOREQUOTA", "CHUNKING", "XFORWARD IDENT", limits
	};
	struct text t;
	size_t i, len;

	transaction_reset(s);
	s->phase = PHASE_HELLO;
	strlcpy(s->env.lhlo, args, sizeof(s->env.lhlo));
	client_peer(&s->client, s->env.peer, sizeof(s->env.peer));
	text_init(&t, limits, sizeof(limits));
	text_add(&t, "LIMITS RCPTMAX=", NULL);
	text_number(&t, s->cfg->maxrcpt);
	text_init(&t, size, sizeof(size));
	text_add(&t, "SIZE ", NULL);
	text_number(&t, s->cfg->maxsize);
	len = strlen("250 \r\n") + strlen(size);
	for (i = 0; i < nitems(offers); i++) {
		len += strlen("250-\r\n") + strlen(offers[i]);
		if (len > LHLO_MAX)
			break;
		client_say(&s->client, "250-", NULL, offers[i], NULL);
	}
	client_say(&s->client, "250 ", NULL, size, NULL);
	return NULL;
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
		return &reply_bad_args;
	if (parse_reverse_path(&path, env->sender) == -1)
		return &bad_sender;
	if ((error = parse_params(path, false, &p)) != PARAM_OK)
		return param_reply(error);
	if (p.size == UINT64_MAX ||
	    (s->cfg->maxsize > 0 && p.size > s->cfg->maxsize))
		return &too_large;
	env->size = p.size;
	env->smtputf8 = p.smtputf8;
	clock_gettime(CLOCK_MONOTONIC, &env->begun);
	s->phase = PHASE_MAIL;
	return &reply_ok;
}

/* A place for one more recipient, or NULL. */
static struct rcpt *
rcpt_add(struct envelope *env, const char *address, const char *orcpt)
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
	r->address = strdup(address);
	if (orcpt[0] != '\0')
		r->orcpt = strdup(orcpt);
	if (r->address != NULL && (orcpt[0] == '\0' || r->orcpt != NULL))
		return r;
	rcpt_free(r);
	return NULL;
}

/* Refused at once: the log is told why, the recipient forgotten. */
static const struct reply *
rcpt_refuse(struct session *s, struct rcpt *r, const struct failure *f)
{
	r->reply = failure_reply(f, s->cfg);
	trace_log(s->cfg, &s->env, r, NULL, 0, f->reason);
	count_result(s, r->reply);
	s->refused++;
	rcpt_free(r);
	return r->reply;
}

/*
 * One more than -m allows.  A client that knows nothing of LIMITS may name
 * a thousand each time: of so many the last line of the session tells.
 */
static const struct reply *
rcpt_surplus(struct session *s, struct rcpt *r)
{
	struct failure f;

	failure_set(&f, &too_many_rcpts, "more than %zu recipients (-m)",
	    s->cfg->maxrcpt);
	if (s->surplus++ < SURPLUS_LINES)
		return rcpt_refuse(s, r, &f);
	count_result(s, f.reply);
	rcpt_free(r);
	return f.reply;
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
		return &reply_bad_args;
	if (parse_forward_path(&path, &a) == -1) {
		s->refused++;
		return &reply_malformed;
	}
	if ((error = parse_params(path, true, &p)) != PARAM_OK)
		return param_reply(error);
	if ((r = rcpt_add(env, a.raw, p.orcpt)) == NULL) {
		failure_log(s->cfg, "malloc", "recipient");
		s->refused++;
		return &reply_trouble;
	}
	if (env->nrcpt >= s->cfg->maxrcpt)
		return rcpt_surplus(s, r);
	r->ignorequota = p.ignorequota;
	identity_resume(&s->cred);
	if (user_find(s->cfg, &a, &r->mailbox, &f) == -1)
		return rcpt_refuse(s, r, &f);
	/* Without SIZE= there must be room for one byte. */
	if (deliver_room(&s->deliverer, env, r, env->size > 0 ? env->size : 1,
	    &f) == -1)
		return rcpt_refuse(s, r, &f);
	env->nrcpt++;
	return &reply_ok;
}

static const struct reply *
cmd_data(struct session *s, char *args)
{
	(void)args;
	if (s->env.nrcpt == 0)
		return s->refused > 0 ? &no_rcpt : &wrong_order;
	client_reply(&s->client, &start_data, NULL);
	s->message.data.lf = s->client.lf;
	while (!s->message.data.done) {
		if (!await_input(s))
			return NULL;
		feed(s, PIECE);
	}
	finish_message(s);
	return NULL;
}

/* Reads a chunk's octets; they go nowhere if it is refused. */
static bool
read_chunk(struct session *s, uint64_t left, bool refused)
{
	const char *in;
	uint64_t n;

	while (left > 0) {
		if (!await_input(s))
			return false;
		if (refused) {
			n = client_input(&s->client, &in);
			if (n > left)
				n = left;
			client_used(&s->client, (size_t)n);
		} else
			n = feed(s, left);
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
		failure_set(&s->refusal, &reply_bad_args, "BDAT %s", word);
	if (parse_size(args, false, &size) == -1) {
		/* What follows cannot be told from commands. */
		session_end(s, &bad_chunk, "wrong chunk size");
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
		return &reply_ok;
	/* The message is not whole: further chunks have no transaction. */
	refuse_all(s, 0, &s->refusal);
	transaction_reset(s);
	return refusal;
}

static const struct reply *
cmd_rset(struct session *s, char *args)
{
	(void)args;
	transaction_reset(s);
	return &reply_ok;
}

static const struct reply *
cmd_xforward(struct session *s, char *args)
{
	return parse_xforward(args, s->env.qid, sizeof(s->env.qid)) == -1 ?
	    &reply_bad_args : &reply_ok;
}

static const struct reply *
cmd_quit(struct session *s, char *args)
{
	(void)args;
	session_end(s, &reply_closing, "quit");
	return NULL;
}

static const struct reply *
cmd_helo(struct session *s, char *args)
{
	(void)args;
	session_end(s, &reply_no_smtp, "SMTP client");
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
	{ "XFORWARD",	NEED_NO_MAIL,	ARGS_ANY,	cmd_xforward, NULL },
	{ "NOOP",	NEED_NOTHING,	ARGS_ANY,	NULL, &reply_ok },
	{ "VRFY",	NEED_NOTHING,	ARGS_ANY,	NULL, &cannot_verify },
	{ "EXPN",	NEED_NOTHING,	ARGS_ANY,	NULL, &no_expand },
	{ "HELP",	NEED_NOTHING,	ARGS_ANY,	NULL, &help },
	{ "HELO",	NEED_NOTHING,	ARGS_ANY,	cmd_helo, NULL },
	{ "EHLO",	NEED_NOTHING,	ARGS_ANY,	NULL, &reply_say_lhlo },
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
		return &reply_long_line;
	if (s->cfg->verbose)
		log_info(s->cfg, "C: %s", line);
	if (s->heard++ == 0 && line_is_foreign(line, len)) {
		session_end(s, &no_stranger, "another protocol");
		return NULL;
	}
	if ((args = parse_command(line, len)) == NULL)
		return &reply_bad_line;
	for (c = commands; c < commands + nitems(commands); c++)
		if (strcasecmp(c->verb, line) == 0)
			break;
	if (c == commands + nitems(commands))
		return &unknown_verb;
	if (!is_time_for(s, c->need))
		return &wrong_order;
	if (c->args != ARGS_ANY && (c->args == ARGS_SOME) != (args[0] != '\0'))
		return &reply_bad_args;
	return c->run == NULL ? c->reply : c->run(s, args);
}

/*
 * Is it one of the errors of which too many end the session?  A refused
 * recipient is none, nor is the message that was sent on to nobody.
 */
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
		session_end(s, &too_many_errors, "too many errors");
	else
		client_reply(&s->client, r, NULL);
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

/* A client that speaks TLS waits for us, as we for the end of its line. */
static bool
speaks_tls(struct session *s)
{
	const char *in;

	if (!await_input(s))
		return false;
	(void)client_input(&s->client, &in);
	return byte_is_foreign(in[0]);
}

static void
session_talk(struct session *s)
{
	const struct reply *r;
	char *line;
	size_t len;

	if (!s->cfg->greeted)
		client_say(&s->client, "220 ", NULL, s->cfg->host, " LMTP",
		    NULL);
	if (speaks_tls(s))
		session_end(s, &no_stranger, "another protocol");
	while (s->over == NULL &&
	    heard_more(s, client_line(&s->client, &line, &len))) {
		r = command_run(s, line, len);
		if (r != NULL)
			answer(s, r);
	}
	client_flush(&s->client);
	session_log(s);
	transaction_reset(s);
}

int
session_run(const struct config *cfg)
{
	struct session *s;
	struct watch watch = { .pause = client_pause };
	int r;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return -1;
	s->cfg = cfg;
	s->cred.cfg = cfg;
	message_init(&s->message);
	watch.arg = &s->client;
	r = client_init(&s->client, cfg);
	if (r == 0)
		r = deliver_init(&s->deliverer, cfg, &s->cred, &watch);
	if (r == 0)
		session_talk(s);
	/* The process ends, and only who looks for leaks wants these back. */
	if (SANITIZED) {
		message_free(&s->message);
		deliver_free(&s->deliverer);
		client_free(&s->client);
		free(s->env.rcpts);
		free(s);
	}
	return r;
}
