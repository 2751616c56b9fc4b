/*
 * One message to all its recipients, in groups: write all, make the data
 * safe, give all their names, make the names safe, let go, answer in order.
 * A failure is one recipient's own; a failed sync is that of all who relied
 * on it.  What a mailbox is, only its format knows.
 */
#include <sys/resource.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"

#define GROUP_MAX	128		/* deliveries */
#define GROUP_EACH	16		/* where each has its own syncs */
#define GROUP_BYTES	(64 << 20)	/* so that the first reply is soon */
#define GROUP_FDS	2		/* descriptors that one holds */
#define GROUP_MS	2000		/* in scripts: the same reason */
#define OTHER_FDS	16

#define LOCK_MS		30000		/* for one recipient */
#define LOCK_ALL_MS	120000		/* for one message */
#define LOCK_RETRY_US	16384		/* between tries, but less at first: */
#define LOCK_FIRST_US	256		/* in a queue one's turn comes soon */
#define LOCK_SOON_MS	100

int
deliver_init(struct deliverer *dv, const struct config *cfg,
    struct credentials *cred, const struct watch *watch)
{
	memset(dv, 0, sizeof(*dv));
	dv->cfg = cfg;
	dv->cred = cred;
	dv->watch = *watch;
	dv->room = 1;
	dv->group = malloc(sizeof(*dv->group));
	dv->states = malloc(cfg->format->state_size);
	if (dv->group == NULL || dv->states == NULL)
		return -1;
	if (cfg->scripts != NULL &&
	    (dv->verdict = malloc(sizeof(*dv->verdict))) == NULL)
		return -1;
	return trace_init(&dv->tracer);
}

void
deliver_free(struct deliverer *dv)
{
	free(dv->group);
	free(dv->states);
	free(dv->verdict);
}

/* Is it over for the client?  Waits us microseconds for that. */
static bool
deliver_is_over(struct deliverer *dv, long us)
{
	dv->over = dv->watch.pause(dv->watch.arg, -1, us);
	return dv->over != NULL;
}

/*
 * One delivery.
 */

/* The i-th delivery of the group, to r of the transaction's rcpts. */
static struct delivery *
delivery_prepare(struct deliverer *dv, size_t i, struct message *m,
    const struct rcpt *rcpts, struct rcpt *r)
{
	struct delivery *d = &dv->group[i];
	size_t size = dv->cfg->format->state_size;

	memset(d, 0, sizeof(*d));
	d->cfg = dv->cfg;
	d->cred = dv->cred;
	d->watch = &dv->watch;
	d->volumes = &dv->volumes;
	d->message = m;
	d->rcpts = rcpts;
	d->rcpt = r;
	d->group = dv->group;
	d->state = memset(dv->states + i * size, 0, size);
	d->fd = -1;
	d->id = r->mailbox.id;
	if (dv->cfg->format->writer != NULL)
		dv->cfg->format->writer(dv->cfg, &d->id);
	return d;
}

/* Becomes the recipient.  0, or -1: d has failed. */
static int
delivery_assume(struct delivery *d)
{
	return identity_assume(d->cred, &d->id) == 0 ? 0 :
	    failure_errno(&d->failure, "seteuid", "%s",
	    d->rcpt->mailbox.path);
}

static int
step_try(struct delivery *d, delivery_step *step, const struct step_args *a)
{
	return delivery_assume(d) == -1 ? -1 : step(d, a);
}

/* Looks the user's groups up, if it was only they that were missing. */
static bool
wants_groups(struct delivery *d)
{
	struct identity *id = &d->rcpt->mailbox.id;

	if (!identity_lacks_groups(d->cfg, id, d->failure.err))
		return false;
	identity_resume(d->cred);
	if (identity_groups(id) == -1)
		return false;
	d->id.groups = id->groups;
	d->id.ngroups = id->ngroups;
	return true;
}

/* A step as the recipient, and once more with the groups that it lacked. */
static int
step_run(struct delivery *d, delivery_step *step, const struct step_args *a)
{
	if (step_try(d, step, a) == 0 ||
	    (wants_groups(d) && step_try(d, step, a) == 0))
		return 0;
	d->ok = false;
	return -1;
}

static void
delivery_undo(struct delivery *d)
{
	d->ok = false;
	if (identity_assume(d->cred, &d->id) == -1)
		log_warn(d->cfg, "cannot undo the delivery to %s: %s",
		    d->rcpt->mailbox.path, strerror(errno));
	else
		d->cfg->format->undo(d);
}

/* The next step; if it fails, all that came before is undone. */
static int
step_or_undo(struct delivery *d, delivery_step *step,
    const struct step_args *a)
{
	if (step_run(d, step, a) == 0)
		return 0;
	delivery_undo(d);
	return -1;
}

static int
delivery_begin(struct delivery *d, const struct draft *draft)
{
	const struct step_args a = { .draft = draft };

	d->busy = false;
	d->ok = true;
	return step_run(d, d->cfg->format->begin, &a);
}

/* Tries until the lock is there, or the time for it is over. */
static void
begin_waiting(struct deliverer *dv, struct delivery *d,
    const struct draft *draft)
{
	struct timespec begun;
	long waited = 0, us = LOCK_FIRST_US;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (delivery_begin(d, draft) == -1 && d->busy) {
		waited = (long)os_ms_since(&begun);
		if (waited + us / 1000 >= LOCK_MS ||
		    dv->waited + waited + us / 1000 >= LOCK_ALL_MS ||
		    deliver_is_over(dv, us))
			break;
		if (waited >= LOCK_SOON_MS && us < LOCK_RETRY_US)
			us *= 2;
	}
	dv->waited += waited;
}

/* Begins one copy, waiting for a lock if it may. */
static void
begin_copy(struct deliverer *dv, struct delivery *d, struct draft *draft,
    bool may_wait)
{
	if (delivery_begin(d, draft) == -1 && d->busy && may_wait)
		begin_waiting(dv, d, draft);
	if (!d->ok)
		return;
	/* Let the disk work while the next one is written. */
	if (!d->alone)
		(void)os_write_out(d->fd, false);
	d->volume = volume_find(&dv->volumes, d->fd, d->dev);
}

/* What all copies for d's recipient begin with, in buffers of the caller's. */
static void
draft_init(struct deliverer *dv, struct draft *draft,
    const struct envelope *env, struct rcpt *r, struct text *unique,
    char trace[TRACE_BYTES])
{
	trace_names(&dv->tracer, r->id, unique);
	draft->filing = NULL;
	draft->sender = env->sender;
	draft->unique = unique->buf;
	text_init(&draft->trace, trace, TRACE_BYTES);
	draft->trace_lines = trace_headers(&dv->tracer, dv->cfg, env, r,
	    &draft->trace);
}

/*
 * What the recipient's own script says: read as the recipient, and once more
 * with the groups that it lacked.  0, or -1: d has failed.
 */
static int
ask_script(struct delivery *d, const struct envelope *env,
    const struct text *trace, uint64_t trace_lines, bool check,
    struct verdict *v)
{
	do {
		if (delivery_assume(d) == 0 &&
		    filter_run(d, env, trace, trace_lines, check, v) == 0)
			return 0;
	} while (wants_groups(d));
	return -1;
}

/*
 * The recipient's own script, if there is one, with -S; v is NULL without.  0,
 * or -1: d has failed.
 */
static int
judge(struct delivery *d, const struct envelope *env,
    const struct draft *draft, size_t room, struct verdict *v)
{
	struct rcpt *r = d->rcpt;

	if (v == NULL)
		return 0;
	if (ask_script(d, env, &draft->trace, draft->trace_lines, false,
	    v) == -1)
		return -1;
	if (v->kind == VERDICT_REFUSE) {
		if (filter_refusal(r, v->text, env->smtputf8) == -1)
			return failure_errno(&d->failure, "strdup",
			    "refusal");
		failure_set(&d->failure, r->reply, "refused by the script");
		d->settled = true;
	} else if (v->kind == VERDICT_FILE && v->n == 0) {
		r->discarded = d->settled = true;
		r->reply = &reply_discarded;
	} else if (v->kind == VERDICT_FILE && v->n > room) {
		errno = ENOMEM;
		return failure_errno(&d->failure, "malloc", "copies");
	}
	return 0;
}

/*
 * The group.
 */

/* How many there are descriptors for. */
static size_t
group_max(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 ||
	    rl.rlim_cur >= OTHER_FDS + GROUP_FDS * GROUP_MAX)
		return GROUP_MAX;
	return rl.rlim_cur <= OTHER_FDS + GROUP_FDS ? 1 :
	    (size_t)(rl.rlim_cur - OTHER_FDS) / GROUP_FDS;
}

/* How many may go together: no more than there is memory for. */
static size_t
group_room(struct deliverer *dv, size_t left, uint64_t size)
{
	struct delivery *group;
	size_t max = left, room;
	char *states;

	/* One delivery needs none but those that there always are. */
	if (left > 1 && dv->max == 0)
		dv->max = group_max();
	if (left > 1 && max > dv->max)
		max = dv->max;
	if (size > 0 && max > GROUP_BYTES / size)
		max = size < GROUP_BYTES ? (size_t)(GROUP_BYTES / size) : 1;
	room = max;
	/* A script has several copies, which must not be parted. */
	if (dv->cfg->scripts != NULL && room < FILINGS)
		room = FILINGS;
	if (room > dv->room && (states = reallocarray(dv->states, room,
	    dv->cfg->format->state_size)) != NULL) {
		dv->states = states;
		if ((group = reallocarray(dv->group, room,
		    sizeof(*group))) != NULL) {
			dv->group = group;
			dv->room = room;
		}
	}
	return max < dv->room ? max : dv->room;
}

/*
 * Does mail for both go to the same folder of one mailbox?  Where a folder has
 * still to be looked for that is not known, and the answer is no.
 */
static bool
is_same_folder(const struct config *cfg, const struct mailbox *a,
    const struct mailbox *b)
{
	if (a->folder != NULL && b->folder != NULL)
		return strcmp(a->folder, b->folder) == 0;
	return !mailbox_wants_folder(cfg, a) && !mailbox_wants_folder(cfg, b);
}

/* With -o, an earlier recipient whose copy is this one's too, or NULL. */
static const struct rcpt *
first_of_mailbox(const struct config *cfg, const struct envelope *env,
    const struct rcpt *r)
{
	const struct rcpt *first;

	if (!cfg->once)
		return NULL;
	for (first = env->rcpts; first < r; first++)
		if (mailbox_is(&first->mailbox, &r->mailbox) &&
		    is_same_folder(cfg, &first->mailbox, &r->mailbox))
			return first;
	return NULL;
}

/* All of a recipient's copies fail together: the others are undone too. */
static void
fail_copies(struct deliverer *dv, const struct delivery *failed)
{
	struct delivery *d;

	for (d = dv->group; d < dv->group + dv->n; d++) {
		if (d == failed || d->rcpt != failed->rcpt || !d->ok)
			continue;
		delivery_undo(d);
		d->failure = failed->failure;
	}
}

/* One for each folder that the script names. */
static void
begin_copies(struct deliverer *dv, struct delivery *d, struct draft *draft,
    const struct verdict *v)
{
	struct rcpt *r = d->rcpt;
	struct text unique;
	char buf[96];
	size_t i;

	for (i = 0; i < v->n; i++) {
		d->alone = false;
		if (i > 0) {
			d = delivery_prepare(dv, dv->n, d->message, d->rcpts,
			    r);
			text_init(&unique, buf, sizeof(buf));
			trace_names(&dv->tracer, NULL, &unique);
			draft->unique = buf;
		}
		dv->n++;
		draft->filing = &v->filings[i];
		begin_copy(dv, d, draft, false);
		if (!d->ok) {
			fail_copies(dv, d);
			return;
		}
	}
}

/*
 * Writes for one recipient.  False if that is for the next group: it has a
 * lock to wait for, or more copies than there is room for.
 */
static bool
begin_rcpt(struct deliverer *dv, const struct envelope *env,
    struct message *m, struct rcpt *r)
{
	char trace[TRACE_BYTES], buf[96];
	struct delivery *d = delivery_prepare(dv, dv->n, m, env->rcpts, r);
	struct verdict *v = dv->verdict;
	struct draft draft;
	struct text unique;

	text_init(&unique, buf, sizeof(buf));
	if ((d->first = first_of_mailbox(dv->cfg, env, r)) != NULL) {
		dv->n++;
		return true;
	}
	d->alone = env->nrcpt == 1;
	draft_init(dv, &draft, env, r, &unique, trace);
	if (judge(d, env, &draft, dv->room, v) == -1 || d->settled)
		dv->n++;
	else if (v != NULL && v->kind == VERDICT_FILE) {
		if (dv->n > 0 && dv->n + v->n > dv->room)
			return false;
		begin_copies(dv, d, &draft, v);
	} else {
		begin_copy(dv, d, &draft, dv->n == 0);
		if (d->busy && dv->n > 0)
			return false;
		dv->n++;
	}
	return true;
}

/*
 * Writes for as many recipients as go together.  One whose lock another
 * process holds begins the next group, so that no lock waits for it.
 */
static void
group_begin(struct deliverer *dv, struct envelope *env,
    struct message *m, size_t first)
{
	const struct delivery *last;
	struct timespec begun = { 0 };
	size_t left = env->nrcpt - first;
	size_t max = group_room(dv, left, m->size);

	if (dv->cfg->scripts != NULL)
		clock_gettime(CLOCK_MONOTONIC, &begun);
	if (first == 0)
		trace_begin(&dv->tracer, dv->cfg, env);
	for (dv->n = dv->nrcpt = 0; dv->n < max && dv->nrcpt < left;
	    dv->nrcpt++) {
		if (!begin_rcpt(dv, env, m, &env->rcpts[first + dv->nrcpt]))
			break;
		last = &dv->group[dv->n - 1];
		/* Its lock was waited for in vain: it is a group by itself. */
		if (last->busy)
			max = 1;
		if (last->ok && last->volume->policy != SYNC_JOURNAL &&
		    max > GROUP_EACH)
			max = GROUP_EACH;
		/* Nobody waits for the scripts of many others. */
		if (dv->cfg->scripts != NULL &&
		    os_ms_since(&begun) >= GROUP_MS)
			max = dv->n;
	}
}

/* The data of all on the disk, before any of it has a name. */
static void
group_write_out(struct deliverer *dv)
{
	struct delivery *d, *end = dv->group + dv->n;

	for (d = dv->group; d < end; d++) {
		bool journal = d->ok && d->volume->policy == SYNC_JOURNAL;

		if (!d->ok || (dv->cfg->format->syncs_itself &&
		    (!journal || d == end - 1)))
			continue;
		if ((journal ? os_write_out(d->fd, true) :
		    fsync(d->fd)) == 0)
			continue;
		failure_errno(&d->failure, "fsync", "%s",
		    d->rcpt->mailbox.path);
		delivery_undo(d);
		fail_copies(dv, d);
	}
}

/* Behind the last of the copies of d's recipient, of which d is the first. */
static struct delivery *
copies_end(struct deliverer *dv, struct delivery *d)
{
	const struct rcpt *r = d->rcpt;

	while (d < dv->group + dv->n && d->rcpt == r)
		d++;
	return d;
}

/* Is there room for all of a recipient's copies, from d up to end? */
static bool
has_room(struct deliverer *dv, struct delivery *d,
    const struct delivery *end)
{
	struct demand demand = { .write = true };
	const struct step_args a = { .demand = &demand };

	for (; d < end && !d->rcpt->ignorequota; d++) {
		demand.more.bytes += d->size;
		demand.more.messages++;
		if (step_or_undo(d, dv->cfg->format->room, &a) == -1) {
			fail_copies(dv, d);
			return false;
		}
	}
	return true;
}

/*
 * Each as its recipient, who may be one of several in the same mailbox: so
 * one has its place before the next is asked for room.
 */
static void
group_commit(struct deliverer *dv)
{
	const struct step_args none = { .draft = NULL };
	struct delivery *d, *next;

	for (d = dv->group; d < dv->group + dv->n; d = next) {
		next = copies_end(dv, d);
		if (!d->ok || !has_room(dv, d, next))
			continue;
		for (; d < next && d->ok; d++) {
			if (step_or_undo(d, dv->cfg->format->commit,
			    &none) == -1) {
				fail_copies(dv, d);
				break;
			}
			d->usage.used.bytes += d->size;
			d->usage.used.messages++;
		}
	}
}

/* Is a delivery in [i, end) one that a sync on this file system can be for? */
static bool
shares_sync(const struct deliverer *dv, size_t i, size_t end,
    const struct volume *v)
{
	for (; v->policy == SYNC_JOURNAL && i < end; i++)
		if (dv->group[i].ok && dv->group[i].volume == v)
			return true;
	return false;
}

/*
 * From the last to the first: on a file system with a journal the sync of
 * the last one carries all before it.  If that fails it is undone, and the
 * one before is synced for the rest.
 */
static void
group_sync(struct deliverer *dv)
{
	size_t i;

	for (i = dv->n; i-- > 0; ) {
		struct delivery *d = &dv->group[i];
		struct step_args a = { .carries = false };

		if (!d->ok || shares_sync(dv, i + 1, dv->n, d->volume))
			continue;
		a.carries = shares_sync(dv, 0, i, d->volume);
		if (step_or_undo(d, dv->cfg->format->sync, &a) == -1)
			fail_copies(dv, d);
	}
}

static void
group_undo(struct deliverer *dv)
{
	struct delivery *d;

	for (d = dv->group; d < dv->group + dv->n; d++) {
		/* One that failed for good has its own answer. */
		if (!d->ok && !d->busy)
			continue;
		failure_set(&d->failure, &reply_trouble, "%s", dv->over);
		if (d->ok)
			delivery_undo(d);
	}
}

/* Lets go of all, and then says how it went. */
static void
group_finish(struct deliverer *dv)
{
	struct delivery *d;

	for (d = dv->group; d < dv->group + dv->n; d++) {
		if (d->ok && dv->cfg->format->finish(d) == -1) {
			delivery_undo(d);
			fail_copies(dv, d);
		}
		if (d->first != NULL) {
			d->rcpt->reply = d->first->reply;
			d->rcpt->discarded = d->first->discarded;
			strlcpy(d->rcpt->id, d->first->id, ID_SIZE);
		} else if (!d->settled)
			d->rcpt->reply = d->ok ? &reply_delivered :
			    failure_reply(&d->failure, dv->cfg);
	}
}

void
deliver_early(struct deliverer *dv, struct envelope *env, struct message *m)
{
	char trace[TRACE_BYTES], buf[96];
	struct draft draft;
	struct delivery *d;
	struct text unique;

	if (env->nrcpt != 1 || !dv->cfg->format->takes_more ||
	    dv->cfg->scripts != NULL || !message_has_body(m))
		goto ours;
	d = delivery_prepare(dv, 0, m, env->rcpts, env->rcpts);
	d->alone = true;
	text_init(&unique, buf, sizeof(buf));
	trace_begin(&dv->tracer, dv->cfg, env);
	draft_init(dv, &draft, env, d->rcpt, &unique, trace);
	begin_copy(dv, d, &draft, false);
	if (!d->ok)
		goto ours;
	message_lend(m, d->fd, d->rcpt->mailbox.path);
	dv->begun = true;
	return;
ours:
	/* The message waits in -T, where the recipient may make no file. */
	identity_resume(dv->cred);
}

void
deliver_abandon(struct deliverer *dv)
{
	if (dv->begun)
		delivery_undo(&dv->group[0]);
	dv->begun = false;
}

/* The group of what deliver_early began, which has all the rest by now. */
static void
group_go_on(struct deliverer *dv, const struct message *m)
{
	dv->n = dv->nrcpt = 1;
	dv->begun = false;
	dv->group[0].size += m->size - m->len;
}

size_t
deliver_group(struct deliverer *dv, struct envelope *env,
    struct message *m, size_t first)
{
	if (first == 0)
		dv->waited = 0;
	dv->over = NULL;
	if (dv->begun)
		group_go_on(dv, m);
	else
		group_begin(dv, env, m, first);
	group_write_out(dv);
	if (dv->over == NULL && !deliver_is_over(dv, 0)) {
		group_commit(dv);
		group_sync(dv);
	} else
		group_undo(dv);
	group_finish(dv);
	return dv->nrcpt;
}

void
deliver_log(struct deliverer *dv, const struct envelope *env)
{
	struct delivery *d, *next;
	const char *reason;

	for (d = dv->group; d < dv->group + dv->n; d = next) {
		next = copies_end(dv, d);
		reason = d->failure.reason;
		if (d->rcpt->reply->code < 300)
			reason = NULL;
		else if (d->first != NULL)
			reason = "the copy of an earlier recipient failed";
		trace_log(dv->cfg, env, d->rcpt, d, (size_t)(next - d),
		    reason);
	}
	dv->n = 0;
}

int
deliver_room(struct deliverer *dv, const struct envelope *env, struct rcpt *r,
    uint64_t bytes, struct failure *f)
{
	const struct demand demand = { .more = { bytes, 1 }, .write = true };
	const struct step_args a = { .demand = &demand };
	const struct format *format = dv->cfg->format;
	struct delivery *d;

	/* Without a limit nothing need be looked at, nor the folder found. */
	if (!format->keeps_quota && !quota_is_set(dv->cfg, &r->mailbox))
		return 0;
	if (r->ignorequota && !mailbox_wants_folder(dv->cfg, &r->mailbox))
		return 0;
	d = delivery_prepare(dv, 0, NULL, env->rcpts, r);
	if (step_run(d, format->room, &a) == 0)
		return 0;
	*f = d->failure;
	return -1;
}

/* Can the recipient's script be had?  What is wrong in it is no refusal. */
static int
check_script(struct delivery *d)
{
	static const struct envelope nobody;
	char none[1];
	struct verdict v;
	struct text trace;

	if (d->cfg->scripts == NULL)
		return 0;
	text_init(&trace, none, sizeof(none));
	return ask_script(d, &nobody, &trace, 0, true, &v);
}

int
deliver_check(struct deliverer *dv, struct rcpt *r, struct usage *u,
    struct failure *f)
{
	const struct demand demand = { .more = { 1, 1 } };
	const struct step_args a = { .demand = &demand };
	struct delivery *d = delivery_prepare(dv, 0, NULL, r, r);
	int result;

	/* In the order of a delivery: room is asked for at RCPT already. */
	result = step_run(d, dv->cfg->format->room, &a);
	*u = d->usage;
	if (result == 0 && (step_run(d, dv->cfg->format->check, &a) == -1 ||
	    check_script(d) == -1))
		result = -1;
	*f = d->failure;
	return result;
}
