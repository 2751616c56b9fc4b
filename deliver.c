/*
 * One message to all its recipients, in groups: write all, make the data
 * safe, give all their names, make the names safe, answer in order.  A
 * failure is one recipient's own; a failed sync is that of all who relied
 * on it.
 */
#include <sys/resource.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"
#include "wide.h"

#define GROUP_MAX	128		/* deliveries */
#define GROUP_EACH	16		/* where each has its own syncs */
#define GROUP_BYTES	(64 << 20)	/* so that the first reply is soon */
#define GROUP_FDS	2		/* descriptors that one holds */
#define OTHER_FDS	16
#define HEAD_MAX	(4 * COMMAND_MAX)

#define LOCK_MS		30000		/* for one recipient */
#define LOCK_ALL_MS	120000		/* for one message */
#define LOCK_RETRY_US	16384		/* between tries, but less at first: */
#define LOCK_FIRST_US	256		/* in a queue one's turn comes soon */
#define LOCK_SOON_MS	100

static const struct format_ops *const formats[] = {
	[FORMAT_MBOX] = &mbox_ops,
	[FORMAT_MAILDIR] = &maildir_ops,
};

int
deliver_init(struct deliverer *dv, const struct config *cfg,
    struct credentials *cred)
{
	struct rlimit rl;

	memset(dv, 0, sizeof(*dv));
	dv->cfg = cfg;
	dv->cred = cred;
	dv->max = GROUP_MAX;
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 &&
	    rl.rlim_cur < OTHER_FDS + GROUP_FDS * GROUP_MAX)
		dv->max = rl.rlim_cur <= OTHER_FDS + GROUP_FDS ? 1 :
		    (size_t)(rl.rlim_cur - OTHER_FDS) / GROUP_FDS;
	dv->room = 1;
	if ((dv->group = malloc(sizeof(*dv->group))) == NULL)
		return -1;
	return getentropy(&dv->random, sizeof(dv->random));
}

/*
 * Waits, but not longer than the client stays.  The signals that end us are
 * let in only here and where the dialogue waits.
 */
int
deliver_pause(struct deliverer *dv, long us)
{
	struct pollfd client = { .fd = STDOUT_FILENO };
	struct timespec ts = { .tv_nsec = us * 1000 };
	sigset_t none;
	int n;

	sigemptyset(&none);
	n = ppoll(&client, 1, &ts, &none);
	if (n == -1 && errno == EINTR)
		dv->ending = true;
	/* No events were asked for: an answer is bad news. */
	if (n == 1)
		dv->gone = true;
	return dv->ending || dv->gone ? -1 : 0;
}

/* The order of syncs on the file system that d writes to; asked once. */
static void
find_volume(struct deliverer *dv, struct delivery *d)
{
	size_t i;

	for (i = 0; i < dv->nvolumes; i++)
		if (dv->volumes[i].dev == d->dev)
			break;
	if (i == VOLUMES) {
		/* More than anybody has: each is synced by itself. */
		d->order = ORDER_AGAIN;
		return;
	}
	if (i == dv->nvolumes) {
		dv->volumes[i].dev = d->dev;
		dv->volumes[i].order = os_order(d->fd);
		dv->nvolumes++;
	}
	d->volume = i;
	d->order = dv->volumes[i].order;
}

/*
 * Trace headers, RFC 5321 4.4 and RFC 3848.
 */

/*
 * What the client says it is, with nothing in it that a reader could take
 * for another part of the field.
 */
static void
add_received_host(struct text *t, const char *s)
{
	size_t n;

	while (*s != '\0') {
		n = strcspn(s, " ()<>;,\\\"");
		text_bytes(t, s, n);
		s += n;
		if (*s != '\0') {
			text_bytes(t, "?", 1);
			s++;
		}
	}
}

/* The date of now, which many recipients share. */
static const char *
received_date(struct deliverer *dv)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != dv->date_of) {
		gmtime_r(&now, &tm);
		strftime(dv->date, sizeof(dv->date),
		    "%a, %d %b %Y %H:%M:%S +0000", &tm);
		dv->date_of = now;
	}
	return dv->date;
}

static void
add_received(struct deliverer *dv, struct text *t,
    const struct envelope *env, const struct rcpt *r)
{
	text_add(t, "Received: from ", NULL);
	add_received_host(t, env->lhlo);
	if (env->peer[0] != '\0')
		text_add(t, " (", env->peer, ")", NULL);
	text_add(t, "\n\tby ", dv->cfg->host, env->smtputf8 ?
	    " with UTF8LMTP id " : " with LMTP id ", r->id,
	    "\n\tfor <", r->address, ">;\n\t", received_date(dv),
	    "\n", NULL);
}

/* The trace headers of one recipient, in head of HEAD_MAX bytes. */
static void
format_head(struct deliverer *dv, const struct envelope *env,
    struct delivery *d, char *head)
{
	unsigned int trace = d->cfg->trace;
	struct text t;

	text_init(&t, head, HEAD_MAX);
	d->headlines = 0;
	if (trace & TRACE_RETURN_PATH) {
		text_add(&t, "Return-Path: <", env->sender, ">\n", NULL);
		d->headlines++;
	}
	if (trace & TRACE_DELIVERED_TO) {
		text_add(&t, "Delivered-To: ", d->rcpt->address, "\n", NULL);
		d->headlines++;
	}
	if (trace & TRACE_RECEIVED) {
		add_received(dv, &t, env, d->rcpt);
		d->headlines += 4;
	}
	d->head = head;
	d->headlen = t.len;
}

/*
 * The group.
 */
static void
undo(struct delivery *d)
{
	d->ok = false;
	if (identity_assume(d->cred, &d->id) == 0) {
		formats[d->cfg->format]->undo(d);
		return;
	}
	log_warn(d->cfg, "cannot undo the delivery to %s: %s",
	    d->rcpt->mailbox.path, strerror(errno));
	/* At least nobody shall wait for its lock. */
	if (d->fd != -1)
		close(d->fd);
	if (d->dir != -1)
		close(d->dir);
	d->fd = d->dir = -1;
}

/* One step of one delivery; if it fails, all that came before is undone. */
static int
step(struct delivery *d, int (*run)(struct delivery *))
{
	if (identity_assume(d->cred, &d->id) == -1)
		failure_errno(&d->failure, "seteuid", "%s",
		    d->rcpt->mailbox.path);
	else if (run(d) == 0)
		return 0;
	undo(d);
	return -1;
}

/* Looks the user's groups up, if it was only they that were missing. */
static bool
wants_groups(struct delivery *d)
{
	struct identity *id = &d->rcpt->mailbox.id;

	if (!d->cfg->switches || d->failure.err != EACCES ||
	    id->name == NULL || id->groups != NULL)
		return false;
	identity_resume(d->cred);
	if (identity_groups(id) == -1)
		return false;
	d->id.groups = id->groups;
	d->id.ngroups = id->ngroups;
	return true;
}

static int
try_begin(struct deliverer *dv, struct delivery *d)
{
	int (*begin)(struct delivery *) = formats[d->cfg->format]->begin;

	d->ok = true;
	if (step(d, begin) == -1 && (!wants_groups(d) ||
	    step(d, begin) == -1))
		return -1;
	d->ok = true;
	find_volume(dv, d);
	return 0;
}

static long
ms_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)(now.tv_sec - then->tv_sec) * 1000 +
	    (now.tv_nsec - then->tv_nsec) / 1000000;
}

/* Tries until the lock is there, or the time for it is over. */
static void
begin_waiting(struct deliverer *dv, struct delivery *d)
{
	struct timespec begun;
	long waited = 0, us = LOCK_FIRST_US;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (try_begin(dv, d) == -1 && d->busy) {
		waited = ms_since(&begun);
		if (waited + us / 1000 >= LOCK_MS ||
		    dv->waited + waited + us / 1000 >= LOCK_ALL_MS ||
		    deliver_pause(dv, us) == -1)
			break;
		if (waited >= LOCK_SOON_MS && us < LOCK_RETRY_US)
			us *= 2;
	}
	dv->waited += waited;
}

/* As whom it is written: the group of a directory of mboxes may be lent. */
static struct identity
writer(struct deliverer *dv, const struct mailbox *mb)
{
	struct identity id = mb->id;

	if (dv->cfg->format != FORMAT_MBOX)
		return id;
	if (!dv->knows_lend) {
		identity_resume(dv->cred);
		dv->lend = mbox_lends(dv->cfg, &dv->lend_gid);
		dv->knows_lend = true;
	}
	if (dv->lend == LEND_GROUP)
		id.gid = dv->lend_gid;
	return id;
}

static void
prepare(struct deliverer *dv, const struct envelope *env,
    const struct message *m, struct delivery *d, struct rcpt *r)
{
	memset(d, 0, sizeof(*d));
	d->cfg = dv->cfg;
	d->cred = dv->cred;
	d->message = m;
	d->rcpt = r;
	d->sender = env->sender;
	d->group = dv->group;
	d->fd = d->dir = -1;
	d->id = writer(dv, &r->mailbox);
	d->lend = dv->lend;
}

/*
 * A name that no other delivery has: for the log, the reply and the file.
 * Only the file's is in other people's hands, and has all of random.
 */
static void
make_names(struct deliverer *dv, struct rcpt *r, char *unique, size_t size)
{
	struct timespec now;
	struct text t;
	uint64_t sec, usec;

	clock_gettime(CLOCK_REALTIME, &now);
	sec = (uint64_t)now.tv_sec;
	usec = (uint64_t)now.tv_nsec / 1000;
	dv->count++;
	text_init(&t, r->id, sizeof(r->id));
	text_number(&t, sec, 16, 8);
	text_number(&t, usec, 16, 5);
	text_number(&t, dv->random & 0xffffffff, 16, 8);
	text_add(&t, ".", NULL);
	text_number(&t, dv->count, 10, 0);
	text_init(&t, unique, size);
	text_number(&t, sec, 10, 0);
	text_add(&t, ".M", NULL);
	text_number(&t, usec, 10, 6);
	text_add(&t, "P", NULL);
	text_number(&t, (uint64_t)dv->cfg->pid, 10, 0);
	text_add(&t, "Q", NULL);
	text_number(&t, dv->count, 10, 0);
	text_add(&t, "R", NULL);
	text_number(&t, dv->random, 16, 16);
}

/* How many may go together: no more than there is memory for. */
static size_t
group_room(struct deliverer *dv, size_t left, uint64_t size)
{
	size_t max = left < dv->max ? left : dv->max;
	struct delivery *group;

	if (size > 0 && max > GROUP_BYTES / size)
		max = size < GROUP_BYTES ? (size_t)(GROUP_BYTES / size) : 1;
	if (max > dv->room && (group = reallocarray(dv->group, max,
	    sizeof(*group))) != NULL) {
		dv->group = group;
		dv->room = max;
	}
	return max < dv->room ? max : dv->room;
}

/*
 * Writes for as many recipients as go together.  One whose lock another
 * process holds begins the next group, so that no lock waits for it.
 */
static size_t
group_begin(struct deliverer *dv, struct envelope *env,
    const struct message *m, size_t first)
{
	char head[HEAD_MAX], unique[96];
	size_t n, left = env->nrcpt - first;
	size_t max = group_room(dv, left, m->size);

	for (n = 0; n < max; n++) {
		struct delivery *d = &dv->group[n];

		prepare(dv, env, m, d, &env->rcpts[first + n]);
		make_names(dv, d->rcpt, unique, sizeof(unique));
		format_head(dv, env, d, head);
		d->unique = unique;
		if (try_begin(dv, d) == -1 && d->busy) {
			if (n > 0)
				break;
			begin_waiting(dv, d);
			return 1;
		}
		if (!d->ok)
			continue;
		/* Let the disk work while the next one is written. */
		if (left > 1)
			(void)os_write_out(d->fd, false);
		if (d->order != ORDER_JOURNAL && max > GROUP_EACH)
			max = GROUP_EACH;
	}
	return n;
}

/* The data of all on the disk, before any of it has a name. */
static void
group_write_out(struct deliverer *dv, size_t n)
{
	struct delivery *d;

	for (d = dv->group; d < dv->group + n; d++) {
		bool last = d == dv->group + n - 1;

		/* A mbox that is synced itself, and last, needs no other. */
		if (!d->ok || (d->cfg->format == FORMAT_MBOX &&
		    (last || d->order != ORDER_JOURNAL)))
			continue;
		if ((d->order == ORDER_JOURNAL ? os_write_out(d->fd, true) :
		    fsync(d->fd)) == 0)
			continue;
		failure_errno(&d->failure, "fsync", "%s",
		    d->rcpt->mailbox.path);
		undo(d);
	}
}

static void
group_commit(struct deliverer *dv, size_t n)
{
	struct delivery *d;

	for (d = dv->group; d < dv->group + n; d++)
		if (d->ok)
			(void)step(d, formats[d->cfg->format]->commit);
}

/*
 * From the last to the first: on a file system with a journal the sync of
 * the last one carries all before it.  If that fails it is undone, and the
 * one before is synced for the rest.
 */
static void
group_sync(struct deliverer *dv, size_t n)
{
	size_t i;

	for (i = 0; i < dv->nvolumes; i++)
		dv->volumes[i].synced = false;
	for (i = n; i-- > 0; ) {
		struct delivery *d = &dv->group[i];
		struct volume *v = &dv->volumes[d->volume];

		if (!d->ok || (d->order == ORDER_JOURNAL && v->synced))
			continue;
		if (step(d, formats[d->cfg->format]->sync) == 0 &&
		    d->order == ORDER_JOURNAL)
			v->synced = true;
	}
}

static void
group_undo(struct deliverer *dv, size_t n)
{
	struct delivery *d;

	for (d = dv->group; d < dv->group + n; d++) {
		/* One that failed for good has its own answer. */
		if (!d->ok && !d->busy)
			continue;
		failure_set(&d->failure, &reply_trouble, "%s", dv->gone ?
		    "the client has gone" : "told to end");
		undo(d);
	}
}

static void
log_path(struct log_line *l, const char *key, const char *path)
{
	char value[COMMAND_MAX + 3];
	struct text t;

	text_init(&t, value, sizeof(value));
	text_add(&t, "<", path, ">", NULL);
	log_add(l, key, value);
}

static void
log_mailbox(struct log_line *l, const struct config *cfg,
    const struct mailbox *mb)
{
	char value[PATH_MAX];
	struct text t;

	text_init(&t, value, sizeof(value));
	text_add(&t, cfg->format == FORMAT_MAILDIR ? "maildir:" : "mbox:",
	    mb->path, NULL);
	log_add(l, "user", mb->name);
	log_number(l, "uid", mb->id.uid);
	log_add(l, "mailbox", value);
}

static void
log_delay(struct log_line *l, const struct timespec *begun)
{
	char value[32];
	struct text t;
	uint64_t ms = (uint64_t)ms_since(begun);

	text_init(&t, value, sizeof(value));
	text_number(&t, ms / 1000, 10, 0);
	text_add(&t, ".", NULL);
	text_number(&t, ms % 1000, 10, 3);
	log_add(l, "delay", value);
}

void
deliver_log(const struct config *cfg, const struct envelope *env,
    const struct rcpt *r, const struct delivery *d, const char *reason)
{
	struct log_line l;

	log_begin(&l);
	if (d != NULL)
		log_add(&l, "id", r->id);
	if (env->qid[0] != '\0')
		log_add(&l, "qid", env->qid);
	log_path(&l, "from", env->sender);
	log_path(&l, "to", r->address);
	if (r->mailbox.path != NULL)
		log_mailbox(&l, cfg, &r->mailbox);
	if (d != NULL && d->new[0] != '\0' && reason == NULL)
		log_add(&l, "file", d->new);
	if (env->msgid[0] != '\0')
		log_add(&l, "msgid", env->msgid);
	if (d != NULL)
		log_number(&l, "size", reason == NULL ? d->size :
		    d->message->size);
	log_delay(&l, &env->begun);
	log_add(&l, "dsn", r->reply->esc);
	log_add(&l, "status", r->reply->code < 300 ? "delivered" :
	    r->reply->code < 500 ? "deferred" : "refused");
	if (reason != NULL)
		log_add(&l, "reason", reason);
	log_send(cfg, &l);
}

static void
group_finish(struct deliverer *dv, const struct envelope *env, size_t n)
{
	struct delivery *d;

	for (d = dv->group; d < dv->group + n; d++) {
		if (d->ok)
			(void)step(d, formats[d->cfg->format]->finish);
		d->rcpt->reply = d->ok ? &reply_delivered :
		    failure_reply(&d->failure, dv->cfg);
		deliver_log(dv->cfg, env, d->rcpt, d,
		    d->ok ? NULL : d->failure.reason);
	}
}

size_t
deliver_group(struct deliverer *dv, struct envelope *env,
    const struct message *m, size_t first)
{
	size_t n;

	if (first == 0)
		dv->waited = 0;
	n = group_begin(dv, env, m, first);
	group_write_out(dv, n);
	if (!dv->gone && !dv->ending && deliver_pause(dv, 0) == 0) {
		group_commit(dv, n);
		group_sync(dv, n);
	} else
		group_undo(dv, n);
	group_finish(dv, env, n);
	return n;
}

int
deliver_quota(struct deliverer *dv, const struct mailbox *mb, uint64_t bytes,
    struct failure *f)
{
	struct identity id;
	struct quota limit;

	/* A mbox without a limit need not be looked at. */
	if (dv->cfg->format == FORMAT_MBOX &&
	    (!quota_limit(dv->cfg, mb, &limit) || limit.bytes == 0))
		return 0;
	id = writer(dv, mb);
	if (identity_assume(dv->cred, &id) == -1)
		return failure_errno(f, "seteuid", "%s", mb->path);
	return formats[dv->cfg->format]->quota(dv->cfg, mb, bytes, f);
}

int
deliver_check(struct deliverer *dv, struct rcpt *r, struct usage *u,
    struct failure *f)
{
	static const struct envelope nobody;
	static const struct message nothing;
	struct delivery d;
	int result;

	prepare(dv, &nobody, &nothing, &d, r);
	do {
		result = identity_assume(dv->cred, &d.id);
		if (result == -1)
			failure_errno(&d.failure, "seteuid", "%s",
			    r->mailbox.path);
		else
			result = formats[dv->cfg->format]->check(&d, u);
	} while (result == -1 && wants_groups(&d));
	*f = d.failure;
	return result;
}
