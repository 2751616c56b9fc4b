/*
 * mbox: open what is safe to open, lock in order, append, or leave it as it
 * was.  The mailbox and its directory may be in the hands of others, who
 * put links, pipes and locks there.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"

#define OPEN_FLAGS	(O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | \
			    O_NOCTTY | O_CLOEXEC)

struct mbox {
	struct dotlock	 dotlock;
	/* What is to be undone. */
	off_t		 end;		/* bytes before this message */
	uint64_t	 written;
	struct timespec	 before[2];	/* atime and mtime found */
	struct timespec	 atime;		/* to be left */
};

static int
mbox_fail(struct delivery *d, const char *call)
{
	return failure_errno(&d->failure, call, "%s", d->rcpt->mailbox.path);
}

static int
mbox_wrong(struct delivery *d, const char *what)
{
	uid_t uid;
	gid_t gid;

	failure_whom(&uid, &gid);
	return failure_set(&d->failure, &reply_wrong_mailbox,
	    "%s %s (as euid %ld, egid %ld)", d->rcpt->mailbox.path, what,
	    (long)uid, (long)gid);
}

static int
mbox_busy(struct delivery *d, const char *what)
{
	d->busy = true;
	return failure_set(&d->failure, &reply_busy, "%s %s",
	    d->rcpt->mailbox.path, what);
}

/*
 * What root may lend to a delivery in the directory of system mailboxes is
 * what Postfix would take from its modes; nothing where anybody but root has
 * a hand in it.
 */
static int
mbox_settle(struct config *cfg)
{
	char path[PATH_MAX], template[2 * PATH_MAX];
	const char *s;
	struct stat st;
	struct text t;

	if (dotlock_is_wanted(cfg))
		os_instance(cfg->instance, sizeof(cfg->instance));
	if (!cfg->each_as_itself ||
	    !template_directory(cfg->template, path, sizeof(path)) ||
	    !way_is_roots(path, &st))
		return 0;
	/* A per cent sign that came by a link begins no conversion. */
	text_init(&t, template, sizeof(template));
	for (s = path; *s != '\0'; s++)
		if (*s == '%')
			text_add(&t, "%%", NULL);
		else
			text_char(&t, *s);
	text_add(&t, strrchr(cfg->template, '/'), NULL);
	if ((cfg->template = strdup(template)) == NULL)
		return -1;
	cfg->root_lends = (st.st_mode & S_IWGRP) != 0 ? LEND_GROUP : LEND_ROOT;
	cfg->lent_gid = st.st_gid;
	return 0;
}

static void
mbox_writer(const struct config *cfg, struct identity *id)
{
	if (cfg->root_lends == LEND_GROUP)
		id->gid = cfg->lent_gid;
}

/*
 * The mailbox.
 */

/* May it be written to?  Others may have put a link or a pipe there. */
static int
examine(struct delivery *d, const struct stat *st)
{
	char owner[80];
	struct text t;

	if (S_ISLNK(st->st_mode))
		return mbox_wrong(d, "is a symbolic link");
	if (!S_ISREG(st->st_mode))
		return mbox_wrong(d, "is no regular file");
	if (st->st_nlink != 1)
		return mbox_wrong(d, "has more than one link");
	if (st->st_uid == d->id.uid)
		return 0;
	text_init(&t, owner, sizeof(owner));
	text_add(&t, "belongs to uid ", NULL);
	text_number(&t, st->st_uid);
	text_add(&t, ", not to ", NULL);
	text_number(&t, d->id.uid);
	return mbox_wrong(d, owner);
}

/*
 * Is another delivery of this group in the same mailbox?  To open it again
 * and close that would give away the other's fcntl lock.
 */
static bool
is_open_in_group(const struct delivery *d, const struct stat *st)
{
	const struct delivery *other;

	for (other = d->group; other < d; other++)
		if (other->place_ino == st->st_ino &&
		    other->place_dev == st->st_dev && other->fd != -1)
			return true;
	return false;
}

/* A mailbox that is missing: made where it may be, and its parents. */
static int
create_mailbox(struct delivery *d)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	int fd;

	if (!mailbox_may_be_made(d->cfg, mb)) {
		errno = ENOENT;
		return mbox_fail(d, "open");
	}
	if (identity_assume_directory(d->cred, &d->id) == -1)
		return mbox_fail(d, "seteuid for");
	fd = open(mb->path, OPEN_FLAGS | O_CREAT | O_EXCL, FILE_MODE);
	if (fd == -1 && errno == ENOENT &&
	    os_make_dirs(mb->path, mb->preset, false) == 0)
		fd = open(mb->path, OPEN_FLAGS | O_CREAT | O_EXCL, FILE_MODE);
	if (fd == -1 && errno == EEXIST)
		return mbox_busy(d, "was made just now by another");
	if (fd == -1)
		return mbox_fail(d, "create");
	if (d->cfg->root_lends == LEND_ROOT &&
	    fchown(fd, d->id.uid, d->id.gid) == -1)
		mbox_fail(d, "chown");
	else if (identity_assume(d->cred, &d->id) == -1)
		mbox_fail(d, "seteuid for");
	else {
		d->fd = fd;
		return 0;
	}
	if (identity_assume_directory(d->cred, &d->id) == 0)
		(void)unlinkat(AT_FDCWD, mb->path, 0);
	close(fd);
	return -1;
}

/* It may have been changed for something else meanwhile. */
static int
open_failed(struct delivery *d)
{
	if (errno == ELOOP)
		return mbox_wrong(d, "is a symbolic link");
	if (errno == ENOENT || errno == ESTALE)
		return mbox_busy(d, "was replaced");
	/* By a file server, which now calls it back from its client. */
	if (errno == EAGAIN)
		return mbox_busy(d, "is leased");
	return mbox_fail(d, "open");
}

static int
open_mailbox(struct delivery *d)
{
	const char *path = d->rcpt->mailbox.path;
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? create_mailbox(d) :
		    mbox_fail(d, "lstat");
	if (examine(d, &st) == -1)
		return -1;
	if (is_open_in_group(d, &st))
		return mbox_busy(d, "is in this group already");
	d->fd = open(path, OPEN_FLAGS);
	return d->fd == -1 ? open_failed(d) : 0;
}

/*
 * With the lock held: the same file as that name's, still good, and one from
 * which what is added can be taken away again.
 */
static int
examine_locked(struct delivery *d, struct stat *st)
{
	struct stat named;
	bool append_only;

	if (os_fstat(d->fd, st, &append_only) == -1)
		return mbox_fail(d, "fstat");
	if (lstat(d->rcpt->mailbox.path, &named) == -1 ||
	    named.st_dev != st->st_dev || named.st_ino != st->st_ino)
		return mbox_busy(d, "was replaced");
	if (append_only)
		return mbox_wrong(d, "is append-only: a message that cannot "
		    "be made safe would stay in it");
	return examine(d, st);
}

static int
lock_file(struct delivery *d, enum lock lock)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int r;

	if (d->fd == -1 && open_mailbox(d) == -1)
		return -1;
	r = lock == LOCK_FCNTL ? fcntl(d->fd, F_SETLK, &fl) :
	    flock(d->fd, LOCK_EX | LOCK_NB);
	if (r == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES || errno == EWOULDBLOCK)
		return mbox_busy(d, "is locked by another process");
	return mbox_fail(d, lock == LOCK_FCNTL ? "fcntl" : "flock");
}

static int
lock_beside(struct delivery *d)
{
	int r = dotlock_take(d);

	return r == 1 ? mbox_busy(d, "is locked by a dotlock") : r;
}

static int
lock_mailbox(struct delivery *d)
{
	struct mbox *m = d->state;
	size_t i;

	d->dotlock = &m->dotlock;
	for (i = 0; i < d->cfg->nlocks; i++)
		if ((d->cfg->locks[i] == LOCK_DOTLOCK ? lock_beside(d) :
		    lock_file(d, d->cfg->locks[i])) == -1)
			return -1;
	return d->fd == -1 ? open_mailbox(d) : 0;
}

/*
 * The message.
 */

/*
 * The From_ line; blanks in the sender would confuse its readers.  They take
 * the date as local time, as it has no place for a zone.
 */
static void
add_from_line(struct text *t, const char *sender)
{
	struct timespec now;
	struct tm tm;
	size_t i;

	text_add(t, "From ", NULL);
	i = t->len;
	text_add(t, sender[0] == '\0' ? "MAILER-DAEMON" : sender, NULL);
	for (; i < t->len; i++)
		if (t->buf[i] == ' ')
			t->buf[i] = '_';
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	text_char(t, ' ');
	text_from_date(t, &tm);
	text_char(t, '\n');
}

/* What a mailbox that does not end in a blank line lacks. */
static int
find_missing(const struct delivery *d, const char **missing)
{
	const struct mbox *m = d->state;
	char last[2] = { '\n', '\n' };
	off_t from = m->end > 1 ? m->end - 2 : 0;
	ssize_t n;

	if (m->end > 0 && (n = pread(d->fd, last + (m->end == 1),
	    (size_t)(m->end - from), from)) != m->end - from) {
		/* Somebody who has no lock has cut it meanwhile. */
		if (n != -1)
			errno = EIO;
		return -1;
	}
	if (last[1] != '\n')
		*missing = "\n\n";
	else
		*missing = last[0] != '\n' || m->end == 1 ? "\n" : "";
	return 0;
}

static int
mbox_append(struct delivery *d, const struct draft *draft)
{
	struct filter filter = {
		.return_path = (d->cfg->trace & TRACE_RETURN_PATH) != 0,
		.mbox = true,
		.begun = draft->trace.len == 0
	};
	struct mbox *m = d->state;
	const char *missing, *after;
	char buf[COMMAND_MAX + 128 + TRACE_BYTES];
	struct text before;
	int r;

	if (find_missing(d, &missing) == -1)
		return mbox_fail(d, "read");
	text_init(&before, buf, sizeof(buf));
	text_add(&before, missing, NULL);
	add_from_line(&before, draft->sender);
	text_bytes(&before, draft->trace.buf, draft->trace.len);
	after = d->message->size > 0 && d->message->last != '\n' ? "\n\n" :
	    "\n";
	r = message_write(d->message, d->fd, &filter, &before, after,
	    &m->written);
	d->size = m->written;
	return r == -1 ? mbox_fail(d, "write") : 0;
}

/* Access before modification is how readers know new mail. */
static void
note_times(struct mbox *m, const struct stat *st)
{
	struct timespec now;

	m->before[0] = st->st_atim;
	m->before[1] = st->st_mtim;
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec--;
	m->atime = timespeccmp(&st->st_atim, &now, <) ? st->st_atim : now;
}

/*
 * Takes away what was written: to where it began, and only if it is still
 * the end of the mailbox.  On a store of many hosts what we remember of its
 * size can be older than what others have been answered.
 */
static int
cut_off(const struct delivery *d, int fd, off_t end_of_ours)
{
	const struct mbox *m = d->state;
	off_t begin = end_of_ours - (off_t)m->written;
	struct stat st;
	bool append_only;

	if (os_fstat(fd, &st, &append_only) == -1)
		return -1;
	if (st.st_size == begin)
		return 0;
	if (st.st_size != end_of_ours) {
		errno = ESTALE;
		return -1;
	}
	if (ftruncate(fd, begin) == -1)
		return -1;
	(void)futimens(fd, m->before);
	return fsync(fd);
}

static void
stays_refused(const struct delivery *d, const char *call)
{
	failure_log(d->cfg, call, "%s", d->rcpt->mailbox.path);
	log_warn(d->cfg, "%s may hold a message that was refused",
	    d->rcpt->mailbox.path);
}

/*
 * A mailbox that was made stays, empty: another may wait for its lock, and
 * would write into a file without a name.
 */
static void
mbox_undo(struct delivery *d)
{
	struct mbox *m = d->state;

	if (m->written > 0 && d->fd != -1 &&
	    cut_off(d, d->fd, lseek(d->fd, 0, SEEK_CUR)) == -1)
		stays_refused(d, "truncate");
	if (d->fd != -1)
		close(d->fd);
	d->fd = -1;
	m->written = 0;
	dotlock_release(d);
}

static int
mbox_begin(struct delivery *d, const struct step_args *a)
{
	struct mbox *m = d->state;
	struct stat st;

	if (lock_mailbox(d) == 0 && examine_locked(d, &st) == 0) {
		note_times(m, &st);
		d->dev = d->place_dev = st.st_dev;
		d->place_ino = st.st_ino;
		m->end = st.st_size;
		if (mbox_append(d, a->draft) == 0)
			return 0;
	}
	mbox_undo(d);
	return -1;
}

/*
 * The last change to the mailbox comes after the data of the whole group is
 * out, so that one sync can be for all: see os_sync_policy.  Where times
 * cannot be set they are as they are, and each mailbox is synced for itself.
 */
static int
mbox_commit(struct delivery *d, const struct step_args *a)
{
	const struct mbox *m = d->state;
	struct timespec times[2] = { m->atime, { .tv_nsec = UTIME_OMIT } };

	(void)a;
	if (futimens(d->fd, times) == -1 &&
	    d->volume->policy == SYNC_JOURNAL && fsync(d->fd) == -1)
		return mbox_fail(d, "fsync");
	return 0;
}

/*
 * An empty mailbox may have been made by one who was killed before its name
 * was safe.
 */
static int
mbox_sync(struct delivery *d, const struct step_args *a)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	const struct mbox *m = d->state;

	(void)a;
	if (fsync(d->fd) == -1)
		return mbox_fail(d, "fsync");
	if (m->end > 0 || d->volume->policy == SYNC_JOURNAL)
		return 0;
	return volume_sync_parents(mb->path, mb->preset, d->fd,
	    d->volumes) == -1 ?
	    mbox_fail(d, "fsync of the directories of") : 0;
}

/*
 * A close that fails has let go of the descriptor and its locks.  The
 * mailbox is opened once more, and cut if it is still as we left it.
 */
static int
reopen_and_cut(struct delivery *d, off_t end)
{
	struct stat st;
	int fd, r = -1;

	if (identity_assume(d->cred, &d->id) == -1 ||
	    (fd = open(d->rcpt->mailbox.path, OPEN_FLAGS)) == -1)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_dev == d->place_dev &&
	    st.st_ino == d->place_ino)
		r = cut_off(d, fd, end);
	return close(fd) == -1 ? -1 : r;
}

static int
mbox_finish(struct delivery *d)
{
	const struct mbox *m = d->state;
	int fd = d->fd, r = 0;

	d->fd = -1;
	if (close(fd) == -1) {
		r = mbox_fail(d, "close");
		if (reopen_and_cut(d, m->end + (off_t)m->written) == -1)
			stays_refused(d, "truncate");
	}
	dotlock_release(d);
	return r;
}

/*
 * Room, and what -c asks.
 */
static int
mbox_room(struct delivery *d, const struct step_args *a)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	const struct mbox *m = d->state;
	uint64_t used = (uint64_t)m->end;
	struct stat st;

	if (d->fd == -1 && lstat(mb->path, &st) == 0) {
		/* A delivery says what is wrong with it. */
		if (!S_ISREG(st.st_mode) || st.st_uid != mb->id.uid)
			return 0;
		used = (uint64_t)st.st_size;
	} else if (d->fd == -1 &&
	    identity_lacks_groups(d->cfg, &mb->id, errno))
		return mbox_fail(d, "lstat");
	return quota_mbox(d->cfg, mb, used, a->demand, &d->usage,
	    &d->failure);
}

static int
mbox_check(struct delivery *d, const struct step_args *a)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	bool dotlock_first = d->cfg->locks[0] == LOCK_DOTLOCK;
	struct stat st;
	int r;

	(void)a;
	if (lstat(mb->path, &st) == -1) {
		if (errno != ENOENT || !mailbox_may_be_made(d->cfg, mb))
			return mbox_fail(d, "lstat");
		if (identity_assume_directory(d->cred, &d->id) == -1 ||
		    os_may_make(mb->path, mb->preset) == -1)
			return mbox_fail(d, "create");
		return 0;
	}
	/* In the order in which a delivery would fail. */
	if ((dotlock_first && dotlock_check(d) == -1) || examine(d, &st) == -1)
		return -1;
	if ((d->fd = open(mb->path, OPEN_FLAGS)) == -1)
		return open_failed(d);
	r = dotlock_first ? 0 : dotlock_check(d);
	if (r == 0)
		r = examine_locked(d, &st);
	close(d->fd);
	d->fd = -1;
	return r;
}

static const char *
mbox_check_template(const char *template)
{
	return template[strlen(template) - 1] == '/' ?
	    "an mbox is no directory" : NULL;
}

static int
mbox_owner(const char *path, struct identity *id, struct failure *f)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : failure_errno(f, "lstat", "%s",
		    path);
	if (!S_ISREG(st.st_mode))
		return failure_set(f, &reply_wrong_mailbox, "%s is no mbox",
		    path);
	id->uid = st.st_uid;
	id->gid = st.st_gid;
	return 1;
}

const struct format mbox_format = {
	.name = "mbox",
	.state_size = sizeof(struct mbox),
	.syncs_itself = true,
	.locks = true,
	.check_template = mbox_check_template,
	.owner = mbox_owner,
	.name_is_taken = dotlock_is_name,
	.settle = mbox_settle,
	.writer = mbox_writer,
	.begin = mbox_begin,
	.room = mbox_room,
	.commit = mbox_commit,
	.sync = mbox_sync,
	.finish = mbox_finish,
	.undo = mbox_undo,
	.check = mbox_check,
};
