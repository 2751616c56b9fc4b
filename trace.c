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

int
trace_init(struct tracer *t)
{
	t->count = 0;
	return getentropy(&t->random, sizeof(t->random));
}

/*
 * A file's name has all of the random bits, as others must not guess it and
 * put something in its way; an id, which the client and the log see, tells
 * only half of them.
 */
void
trace_names(struct tracer *tr, const struct config *cfg, char *id,
    struct text *unique)
{
	struct timespec now;
	struct text t;
	uint64_t sec, usec;

	clock_gettime(CLOCK_REALTIME, &now);
	sec = (uint64_t)now.tv_sec;
	usec = (uint64_t)now.tv_nsec / 1000;
	tr->count++;
	if (id != NULL) {
		text_init(&t, id, ID_SIZE);
		text_number(&t, sec, 16, 8);
		text_number(&t, usec, 16, 5);
		text_number(&t, tr->random & 0xffffffff, 16, 8);
		text_char(&t, '.');
		text_number(&t, tr->count, 10, 0);
	}
	text_number(unique, sec, 10, 0);
	text_add(unique, ".M", NULL);
	text_number(unique, usec, 10, 6);
	text_char(unique, 'P');
	text_number(unique, (uint64_t)cfg->pid, 10, 0);
	text_char(unique, 'Q');
	text_number(unique, tr->count, 10, 0);
	text_char(unique, 'R');
	text_number(unique, tr->random, 16, 16);
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

static void
add_received(struct text *t, const struct config *cfg,
    const struct envelope *env, const struct rcpt *r)
{
	struct timespec now;

	text_add(t, "Received: from ", NULL);
	add_client(t, env->lhlo);
	if (env->peer[0] != '\0')
		text_add(t, " (", env->peer, ")", NULL);
	/* RFC 6531 4.3, RFC 3848: the S is for TLS. */
	text_add(t, "\n\tby ", cfg->host, " with ",
	    env->smtputf8 ? "UTF8" : "", "LMTP", cfg->greeted ? "S" : "",
	    " id ", r->id, "\n\tfor <", r->address, ">;\n\t", NULL);
	clock_gettime(CLOCK_REALTIME, &now);
	text_date(t, (uint64_t)now.tv_sec);
	text_add(t, "\n", NULL);
}

uint64_t
trace_headers(const struct config *cfg, const struct envelope *env,
    const struct rcpt *r, struct text *trace)
{
	const char *s;
	uint64_t lines = 0;

	if (cfg->trace & TRACE_RETURN_PATH)
		text_add(trace, "Return-Path: <", env->sender, ">\n", NULL);
	if (cfg->trace & TRACE_DELIVERED_TO)
		text_add(trace, "Delivered-To: ", r->address, "\n", NULL);
	if (cfg->trace & TRACE_RECEIVED)
		add_received(trace, cfg, env, r);
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
	text_number(&t, ms / 1000, 10, 0);
	text_char(&t, '.');
	text_number(&t, ms % 1000, 10, 3);
	log_add(l, "delay", value);
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
		log_add(&l, "id", r->id);
	if (env->qid[0] != '\0')
		log_add(&l, "qid", env->qid);
	log_path(&l, "to", r->address);
	log_add(&l, "status", status_word(r));
	log_add(&l, "dsn", r->reply->esc);
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
