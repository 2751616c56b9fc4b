/*
 * What is left of a delivery for people: the names that it has, the trace
 * headers of RFC 5321 4.4 and RFC 3848 in front of the message, and its line
 * in the log.
 */
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"

/*
 * A file's name has all of the random bits, as others must not guess it and
 * put something in its way; an id, which the client and the log see, tells
 * only half of them.
 */
int
trace_init(struct tracer *tr)
{
	struct text t;

	if (getentropy(&tr->random, sizeof(tr->random)) == -1)
		return -1;
	text_init(&t, tr->rest, sizeof(tr->rest));
	text_char(&t, 'R');
	text_digits(&t, tr->random, 16, 16);
	return 0;
}

/*
 * What the client says it is, with nothing in it that a reader could take
 * for another part of the field.
 */
static void
add_client(struct text *t, const char *s)
{
	size_t n;

	while (*s != '\0') {
		n = strcspn(s, " ()<>;,\\\"");
		text_bytes(t, s, n);
		s += n;
		if (*s != '\0') {
			text_char(t, '?');
			s++;
		}
	}
}

/* Up to the id: what all recipients have in common. */
static void
add_received(struct text *t, const struct config *cfg,
    const struct envelope *env)
{
	text_add(t, "Received: from ", NULL);
	add_client(t, env->lhlo);
	if (env->peer[0] != '\0')
		text_add(t, " (", env->peer, ")", NULL);
	/* RFC 6531 4.3, RFC 3848: the S is for TLS. */
	text_add(t, "\n\tby ", cfg->host, " with ",
	    env->smtputf8 ? "UTF8" : "", "LMTP", cfg->greeted ? "S" : "",
	    " id ", NULL);
}

void
trace_begin(struct tracer *tr, const struct config *cfg,
    const struct envelope *env)
{
	struct timespec now;
	struct text t;
	uint64_t sec, usec;

	clock_gettime(CLOCK_REALTIME, &now);
	sec = (uint64_t)now.tv_sec;
	usec = (uint64_t)now.tv_nsec / 1000;
	text_init(&t, tr->id, sizeof(tr->id));
	text_digits(&t, sec, 16, 8);
	text_digits(&t, usec, 16, 5);
	text_digits(&t, tr->random & 0xffffffff, 16, 8);
	text_char(&t, '.');
	text_init(&t, tr->name, sizeof(tr->name));
	text_number(&t, sec);
	text_add(&t, ".M", NULL);
	text_digits(&t, usec, 10, 6);
	text_char(&t, 'P');
	text_number(&t, (uint64_t)cfg->pid);
	text_char(&t, 'Q');
	text_init(&t, tr->received, sizeof(tr->received));
	add_received(&t, cfg, env);
	text_init(&t, tr->date, sizeof(tr->date));
	text_date(&t, sec);
}

void
trace_names(struct tracer *tr, char *id, struct text *unique)
{
	char digits[24];
	struct text t;

	text_init(&t, digits, sizeof(digits));
	text_number(&t, ++tr->count);
	text_add(unique, tr->name, digits, tr->rest, NULL);
	if (id == NULL)
		return;
	text_init(&t, id, ID_SIZE);
	text_add(&t, tr->id, digits, NULL);
}

uint64_t
trace_headers(const struct tracer *tr, const struct config *cfg,
    const struct envelope *env, const struct rcpt *r, struct text *trace)
{
	const char *s;
	uint64_t lines = 0;

	if (cfg->trace & TRACE_RETURN_PATH)
		text_add(trace, "Return-Path: <", env->sender, ">\n", NULL);
	if (cfg->trace & TRACE_DELIVERED_TO)
		text_add(trace, "Delivered-To: ", r->address, "\n", NULL);
	if (cfg->trace & TRACE_RECEIVED)
		text_add(trace, tr->received, r->id, "\n\tfor <", r->address,
		    ">;\n\t", tr->date, "\n", NULL);
	for (s = trace->buf; (s = strchr(s, '\n')) != NULL; s++)
		lines++;
	return lines;
}

/*
 * The log.
 */
static void
log_path(struct log_line *l, const char *key, const char *path)
{
	char value[COMMAND_MAX];
	struct text t;

	text_init(&t, value, sizeof(value));
	text_char(&t, '<');
	text_bytes(&t, path, strlen(path));
	text_char(&t, '>');
	log_add(l, key, value);
}

static void
log_mailbox(struct log_line *l, const struct config *cfg,
    const struct mailbox *mb)
{
	char value[PATH_MAX];
	struct text t;

	text_init(&t, value, sizeof(value));
	text_add(&t, cfg->format->name, ":", mb->path, NULL);
	log_add(l, "user", mb->name);
	log_number(l, "uid", mb->id.uid);
	log_add(l, "mailbox", value);
}

/* Where there is a limit. */
static void
log_quota(struct log_line *l, const struct usage *u)
{
	char value[96];
	struct text t;

	if (u->limit.bytes == 0 && u->limit.messages == 0)
		return;
	text_init(&t, value, sizeof(value));
	usage_text(&t, u);
	log_add(l, "quota", value);
}

static void
log_delay(struct log_line *l, const struct timespec *begun)
{
	char value[32];
	struct text t;
	uint64_t ms = (uint64_t)os_ms_since(begun);

	text_init(&t, value, sizeof(value));
	text_number(&t, ms / 1000);
	text_char(&t, '.');
	text_digits(&t, ms % 1000, 10, 3);
	log_word(l, "delay", value);
}

static const char *
status_word(const struct rcpt *r)
{
	if (r->reply->code < 300)
		return r->discarded ? "discarded" : "delivered";
	return r->reply->code < 500 ? "deferred" : "refused";
}

void
trace_log(const struct config *cfg, const struct envelope *env,
    const struct rcpt *r, const struct delivery *d, size_t n,
    const char *reason)
{
	struct log_line l;
	size_t i;

	log_begin(&l);
	if (d != NULL)
		log_word(&l, "id", r->id);
	if (env->qid[0] != '\0')
		log_add(&l, "qid", env->qid);
	log_path(&l, "to", r->address);
	log_word(&l, "status", status_word(r));
	log_word(&l, "dsn", r->reply->esc);
	if (reason != NULL)
		log_add(&l, "reason", reason);
	if (r->sieve != NULL)
		log_add(&l, "sieve", r->sieve);
	if (r->mailbox.path != NULL)
		log_mailbox(&l, cfg, &r->mailbox);
	for (i = 0; d != NULL && i < n && reason == NULL; i++)
		if (d[i].file != NULL)
			log_add(&l, "file", d[i].file);
	log_path(&l, "from", env->sender);
	if (r->orcpt != NULL)
		log_add(&l, "orcpt", r->orcpt);
	if (env->msgid[0] != '\0')
		log_add(&l, "msgid", env->msgid);
	if (d != NULL) {
		/* Where nothing is stored it is that of what came. */
		log_number(&l, "size", reason == NULL && d->size > 0 ?
		    d->size : d->message->size);
		log_quota(&l, &d->usage);
	}
	log_delay(&l, &env->begun);
	log_send(cfg, &l);
}
