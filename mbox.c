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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"

#define OPEN_FLAGS	(O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | \
			    O_NOCTTY | O_CLOEXEC)
#define STALE_SECONDS	300	/* a dotlock that old is nobody's any more */

/*
 * The directory of system mailboxes.  What root may lend to a delivery there
 * is what Postfix would take from its modes; nothing where anybody but root
 * has a hand in it.
 */
static bool
is_trusted(const char *path, struct stat *st)
{
	return lstat(path, st) == 0 && S_ISDIR(st->st_mode) &&
	    st->st_uid == 0;
}

enum lend
mbox_lends(const struct config *cfg, gid_t *gid)
{
	char path[PATH_MAX];
	struct stat st;
	char *slash;

	if (!cfg->switches ||
	    !template_directory(cfg->template, path, sizeof(path)))
		return LEND_NONE;
	for (slash = path; (slash = strchr(slash + 1, '/')) != NULL; ) {
		*slash = '\0';
		if (!is_trusted(path, &st) || (st.st_mode & 022) != 0)
			return LEND_NONE;
		*slash = '/';
	}
	if (!is_trusted(path, &st) || (st.st_mode & S_IWOTH) != 0)
		return LEND_NONE;
	if ((st.st_mode & S_IWGRP) == 0)
		return LEND_ROOT;
	*gid = st.st_gid;
	return LEND_GROUP;
}

static int
fail(struct delivery *d, const char *call)
{
	return failure_errno(&d->failure, call, "%s", d->rcpt->mailbox.path);
}

/* As the one who may make files beside the mailbox: root, if it is root's. */
static int
assume_directory(struct delivery *d)
{
	if (d->lend != LEND_ROOT)
		return identity_assume(d->cred, &d->id);
	identity_resume(d->cred);
	return 0;
}

static int
wrong(struct delivery *d, const char *what)
{
	return failure_set(&d->failure, &reply_wrong_mailbox,
	    "%s %s (as euid %ld, egid %ld)", d->rcpt->mailbox.path, what,
	    (long)geteuid(), (long)getegid());
}

/* Is it a mailbox that may be written to?  The attacks: links, pipes. */
static int
examine(struct delivery *d, const struct stat *st)
{
	char owner[64];

	if (S_ISLNK(st->st_mode))
		return wrong(d, "is a symbolic link");
	if (!S_ISREG(st->st_mode))
		return wrong(d, "is no regular file");
	if (st->st_nlink != 1)
		return wrong(d, "has more than one link");
	if (st->st_uid == d->id.uid)
		return 0;
	snprintf(owner, sizeof(owner), "belongs to uid %ld, not to %ld",
	    (long)st->st_uid, (long)d->id.uid);
	return wrong(d, owner);
}

static int
busy(struct delivery *d, const char *what)
{
	d->busy = true;
	return failure_set(&d->failure, &reply_busy, "%s %s",
	    d->rcpt->mailbox.path, what);
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
		if (other->fd != -1 && other->dev == st->st_dev &&
		    other->ino == st->st_ino)
			return true;
	return false;
}

/* A mailbox that is missing: made where it may be, and its parents. */
static int
create(struct delivery *d)
{
	const struct config *cfg = d->cfg;
	const struct mailbox *mb = &d->rcpt->mailbox;
	int fd;

	if (!mailbox_may_be_made(cfg, mb)) {
		errno = ENOENT;
		return fail(d, "open");
	}
	if (assume_directory(d) == -1)
		return fail(d, "seteuid for");
	fd = open(mb->path, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
	if (fd == -1 && errno == ENOENT &&
	    os_make_dirs(mb->path, mb->fixed, false) == 0)
		fd = open(mb->path, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
	if (fd == -1 && errno == EEXIST)
		return busy(d, "was made just now by another");
	if (fd == -1)
		return fail(d, "create");
	if (d->lend == LEND_ROOT && fchown(fd, d->id.uid, d->id.gid) == -1)
		fail(d, "chown");
	else if (identity_assume(d->cred, &d->id) == -1)
		fail(d, "seteuid for");
	else {
		d->fd = fd;
		return 0;
	}
	if (assume_directory(d) == 0)
		(void)unlink(mb->path);
	close(fd);
	return -1;
}

static int
open_mailbox(struct delivery *d)
{
	const char *path = d->rcpt->mailbox.path;
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? create(d) : fail(d, "lstat");
	if (examine(d, &st) == -1)
		return -1;
	if (is_open_in_group(d, &st))
		return busy(d, "is in this group already");
	/* It may have been changed for something else meanwhile. */
	if ((d->fd = open(path, OPEN_FLAGS)) == -1) {
		if (errno == ELOOP)
			return wrong(d, "is a symbolic link");
		if (errno == ENOENT || errno == ESTALE)
			return busy(d, "was replaced");
		return fail(d, "open");
	}
	return 0;
}

/* With the lock held: the same file as that name's, and still good. */
static int
examine_locked(struct delivery *d, struct stat *st)
{
	struct stat named;

	if (fstat(d->fd, st) == -1)
		return fail(d, "fstat");
	if (lstat(d->rcpt->mailbox.path, &named) == -1 ||
	    named.st_dev != st->st_dev || named.st_ino != st->st_ino)
		return busy(d, "was replaced");
	return examine(d, st);
}

/*
 * Dotlocks.  Ours has the process and the host in it, a line each.
 */
/* The mailbox's lock, or a name beside it where unique is not empty. */
static int
lock_path(const struct delivery *d, const char *unique, char path[PATH_MAX])
{
	const char *mailbox = d->rcpt->mailbox.path;

	if (strlen(mailbox) + strlen(".lock.") + strlen(unique) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strlcpy(path, mailbox, PATH_MAX);
	strlcat(path, unique[0] == '\0' ? ".lock" : ".lock.", PATH_MAX);
	strlcat(path, unique, PATH_MAX);
	return 0;
}

/* Was the lock left by a process of this host that is dead? */
static bool
is_orphan(const char *path, const char *node)
{
	char text[512], *rest = text;
	const char *name, *error;
	ssize_t n;
	pid_t pid;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	pid = (pid_t)strtonum(strsep(&rest, "\n"), 1, INT_MAX, &error);
	name = strsep(&rest, "\n");
	return error == NULL && name != NULL && strcmp(name, node) == 0 &&
	    kill(pid, 0) == -1 && errno == ESRCH;
}

static bool
is_same(const struct dotlock *lock, const struct stat *st)
{
	/* An inode that is freed is the next lock's: it is too little. */
	return lock->ino == st->st_ino &&
	    timespeccmp(&lock->mtime, &st->st_mtim, ==);
}

/* Older than five minutes, and seen not to change for a second. */
static bool
is_abandoned(struct delivery *d, const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!is_same(&d->seen, st)) {
		d->seen = (struct dotlock){ st->st_ino, st->st_mtim };
		d->since = now;
	}
	return time(NULL) - st->st_mtim.tv_sec > STALE_SECONDS &&
	    now.tv_sec - d->since.tv_sec > 1;
}

static bool
is_stale(struct delivery *d, const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 &&
	    (is_abandoned(d, &st) || is_orphan(path, d->cfg->node));
}

/*
 * Takes a lock out of the way.  Two who break it at once must not take away
 * each other's new one: so it is moved aside, looked at again, and put back
 * if it is alive.
 */
static void
break_lock(struct delivery *d, const char *path)
{
	char aside[PATH_MAX];

	if (lock_path(d, d->unique, aside) == -1 ||
	    renameat(AT_FDCWD, path, AT_FDCWD, aside) == -1)
		return;
	if (is_stale(d, aside))
		log_warn(d->cfg, "broke the stale lock %s", path);
	else if (linkat(AT_FDCWD, aside, AT_FDCWD, path, 0) == -1)
		failure_log(d->cfg, "link", "%s", path);
	(void)unlink(aside);
}

static int
write_lock(int fd, const struct config *cfg)
{
	char text[320];
	int n;

	n = snprintf(text, sizeof(text), "%ld\n%.255s\n", (long)cfg->pid,
	    cfg->node);
	return os_write(fd, text, (size_t)n);
}

/*
 * Written under a name of its own first: a lock whose maker was killed
 * before it had its process in it could not be told from a living one.
 */
static int
dotlock_create(struct delivery *d, const char *path)
{
	char aside[PATH_MAX];
	struct stat st;
	int fd, r, save;

	if (lock_path(d, d->unique, aside) == -1)
		return -1;
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if ((r = write_lock(fd, d->cfg)) == 0)
		r = fstat(fd, &st);
	save = errno;
	if (close(fd) == -1 && r == 0) {
		save = errno;
		r = -1;
	}
	if (r == 0 && (r = linkat(AT_FDCWD, aside, AT_FDCWD,
	    path, 0)) == -1)
		save = errno;
	(void)unlink(aside);
	if (r == -1) {
		errno = save;
		return -1;
	}
	d->lock = (struct dotlock){ st.st_ino, st.st_mtim };
	d->dotlocked = true;
	return 0;
}

static int
dotlock(struct delivery *d)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	char path[PATH_MAX];
	int r;

	if (lock_path(d, "", path) == -1 || assume_directory(d) == -1)
		return fail(d, "dotlock");
	r = dotlock_create(d, path);
	/* It comes before the mailbox, and may need the same directories. */
	if (r == -1 && errno == ENOENT && mailbox_may_be_made(d->cfg, mb) &&
	    os_make_dirs(mb->path, mb->fixed, false) == 0)
		r = dotlock_create(d, path);
	if (r == 0)
		return identity_assume(d->cred, &d->id) == -1 ?
		    fail(d, "dotlock") : 0;
	if (errno != EEXIST)
		return failure_errno(&d->failure, "create", "%s", path);
	if (is_stale(d, path))
		break_lock(d, path);
	return busy(d, "is locked by a file");
}

static void
dotlock_release(struct delivery *d)
{
	char path[PATH_MAX];
	struct stat st;

	if (!d->dotlocked)
		return;
	d->dotlocked = false;
	/* Only our own: ours may have been broken for being old. */
	if (lock_path(d, "", path) == -1 || assume_directory(d) == -1 ||
	    (lstat(path, &st) == 0 && !is_same(&d->lock, &st)))
		return;
	if (unlink(path) == -1)
		failure_log(d->cfg, "unlink", "%s", path);
	(void)identity_assume(d->cred, &d->id);
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
		return busy(d, "is locked by another process");
	return fail(d, lock == LOCK_FCNTL ? "fcntl" : "flock");
}

static int
lock_mailbox(struct delivery *d)
{
	size_t i;

	for (i = 0; i < d->cfg->nlocks; i++)
		if ((d->cfg->locks[i] == LOCK_DOTLOCK ? dotlock(d) :
		    lock_file(d, d->cfg->locks[i])) == -1)
			return -1;
	return d->fd == -1 ? open_mailbox(d) : 0;
}

/* The From_ line; blanks in the sender would confuse its readers. */
static void
add_from_line(struct text *t, const char *sender)
{
	char date[32];
	struct tm tm;
	time_t now = time(NULL);
	size_t i;

	text_add(t, "From ", NULL);
	i = t->len;
	text_add(t, sender[0] == '\0' ? "MAILER-DAEMON" : sender, NULL);
	for (; i < t->len; i++)
		if (t->buf[i] == ' ')
			t->buf[i] = '_';
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), " %a %b %e %H:%M:%S %Y\n", &tm);
	text_add(t, date, NULL);
}

/* What a mailbox that does not end in a blank line lacks. */
static int
mend(const struct delivery *d, const char **missing)
{
	char last[2] = { '\n', '\n' };
	off_t from = d->end > 1 ? d->end - 2 : 0;
	ssize_t n;

	if (d->end > 0 && (n = pread(d->fd, last + (d->end == 1),
	    (size_t)(d->end - from), from)) != d->end - from) {
		/* Somebody cuts it, and has no lock. */
		if (n != -1)
			errno = EIO;
		return -1;
	}
	if (last[1] != '\n')
		*missing = "\n\n";
	else
		*missing = last[0] != '\n' || d->end == 1 ? "\n" : "";
	return 0;
}

static int
append(struct delivery *d)
{
	struct filter filter = {
		.return_path = (d->cfg->trace & TRACE_RETURN_PATH) != 0,
		.mbox = true,
		.begun = d->headlen == 0
	};
	const char *missing, *tail;
	struct text head;
	size_t room = COMMAND_MAX + 128 + d->headlen;
	char *buf;
	int r;

	if (mend(d, &missing) == -1)
		return fail(d, "read");
	if ((buf = malloc(room)) == NULL)
		return fail(d, "malloc for");
	text_init(&head, buf, room);
	text_add(&head, missing, NULL);
	add_from_line(&head, d->sender);
	text_bytes(&head, d->head, d->headlen);
	tail = d->message->size > 0 && d->message->last != '\n' ? "\n\n" :
	    "\n";
	d->appended = true;
	r = message_write(d->message, d->fd, &filter, head.buf, head.len,
	    tail);
	d->size = head.len + d->message->size - filter.dropped +
	    filter.quoted + strlen(tail);
	free(buf);
	return r == -1 ? fail(d, "write") : 0;
}

/* Access before modification is how readers know new mail. */
static void
note_time(struct delivery *d, const struct stat *st)
{
	struct timespec now;

	d->before[0] = st->st_atim;
	d->before[1] = st->st_mtim;
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec--;
	d->atime = timespeccmp(&st->st_atim, &now, <) ? st->st_atim : now;
}

static int
write_mailbox(struct delivery *d)
{
	struct usage u = { .used.bytes = 0 };
	struct stat st;

	if (examine_locked(d, &st) == -1)
		return -1;
	note_time(d, &st);
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	d->end = st.st_size;
	if (append(d) == -1)
		return -1;
	if (d->rcpt->ignorequota)
		return 0;
	quota_limit(d->cfg, &d->rcpt->mailbox, &u.limit);
	u.limit.messages = 0;
	u.used.bytes = (uint64_t)d->end;
	return quota_check(&u, d->size, &d->failure);
}

static int
mbox_begin(struct delivery *d)
{
	d->busy = false;
	if (lock_mailbox(d) == -1)
		return -1;
	return write_mailbox(d);
}

/*
 * The last change to the mailbox comes after the data of the whole group is
 * out, so that one sync can be for all: see os_order.
 */
static int
mbox_commit(struct delivery *d)
{
	struct timespec times[2] = { d->atime, { .tv_nsec = UTIME_OMIT } };

	return futimens(d->fd, times) == -1 ? fail(d, "futimens") : 0;
}

/*
 * An empty mailbox may have been made by one who was killed before its name
 * was safe.
 */
static int
mbox_sync(struct delivery *d)
{
	const struct mailbox *mb = &d->rcpt->mailbox;

	if (fsync(d->fd) == -1)
		return fail(d, "fsync");
	if (d->end > 0 || d->order == ORDER_JOURNAL)
		return 0;
	return os_sync_parents(mb->path, mb->fixed) == -1 ?
	    fail(d, "fsync of the directories of") : 0;
}

/*
 * A close that fails has let go of the descriptor and its locks.  The
 * mailbox is opened once more, and cut if it is still as we left it.
 */
static int
reopen_and_cut(const struct delivery *d)
{
	struct stat st;
	int fd, r = -1;

	fd = open(d->rcpt->mailbox.path, OPEN_FLAGS);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_dev == d->dev &&
	    st.st_ino == d->ino && st.st_size == d->end + (off_t)d->size &&
	    ftruncate(fd, d->end) == 0)
		r = fsync(fd);
	return close(fd) == -1 ? -1 : r;
}

static int
mbox_finish(struct delivery *d)
{
	int fd = d->fd, r = 0;

	d->fd = -1;
	if (close(fd) == -1) {
		r = fail(d, "close");
		if (reopen_and_cut(d) == -1)
			log_warn(d->cfg, "%s may hold a message that was "
			    "refused", d->rcpt->mailbox.path);
	}
	dotlock_release(d);
	return r;
}

/*
 * A mailbox that was made stays, empty: another may wait for its lock, and
 * would write into a file without a name.
 */
static void
mbox_undo(struct delivery *d)
{
	if (d->appended && d->fd != -1 &&
	    (ftruncate(d->fd, d->end) == -1 ||
	    futimens(d->fd, d->before) == -1 || fsync(d->fd) == -1))
		failure_log(d->cfg, "truncate", "%s",
		    d->rcpt->mailbox.path);
	if (d->fd != -1)
		close(d->fd);
	d->fd = -1;
	d->appended = false;
	dotlock_release(d);
}

static int
mbox_quota(const struct config *cfg, const struct mailbox *mb,
    uint64_t bytes, struct failure *f)
{
	struct usage u;
	struct stat st;

	memset(&u, 0, sizeof(u));
	quota_limit(cfg, mb, &u.limit);
	u.limit.messages = 0;
	if (lstat(mb->path, &st) == 0) {
		/* What is wrong with it is said when it is written. */
		if (!S_ISREG(st.st_mode) || st.st_uid != mb->id.uid)
			return 0;
		u.used.bytes = (uint64_t)st.st_size;
	}
	return quota_check(&u, bytes, f);
}

/* May a dotlock be made, if there is to be one? */
static int
check_dotlock(struct delivery *d)
{
	char parent[PATH_MAX];
	char *slash;
	size_t i;

	for (i = 0; i < d->cfg->nlocks; i++)
		if (d->cfg->locks[i] == LOCK_DOTLOCK)
			break;
	if (i == d->cfg->nlocks)
		return 0;
	/* Every path is absolute. */
	strlcpy(parent, d->rcpt->mailbox.path, sizeof(parent));
	slash = strrchr(parent, '/');
	slash[slash == parent] = '\0';
	if (assume_directory(d) == -1 || faccessat(AT_FDCWD, parent,
	    W_OK | X_OK, AT_EACCESS) == -1)
		return failure_errno(&d->failure, "access", "%s", parent);
	return 0;
}

static int
mbox_check(struct delivery *d, struct usage *u)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	struct stat st;

	memset(u, 0, sizeof(*u));
	quota_limit(d->cfg, mb, &u->limit);
	u->limit.messages = 0;
	if (lstat(mb->path, &st) == -1) {
		if (errno != ENOENT || !mailbox_may_be_made(d->cfg, mb))
			return fail(d, "lstat");
		if (assume_directory(d) == -1 ||
		    os_may_make(mb->path, mb->fixed) == -1)
			return fail(d, "create");
		return quota_check(u, 1, &d->failure);
	}
	u->used.bytes = (uint64_t)st.st_size;
	if (examine(d, &st) == -1)
		return -1;
	if (faccessat(AT_FDCWD, mb->path, R_OK | W_OK, AT_EACCESS) == -1)
		return fail(d, "access");
	if (check_dotlock(d) == -1)
		return -1;
	return quota_check(u, 1, &d->failure);
}

const struct format_ops mbox_ops = {
	.begin = mbox_begin,
	.commit = mbox_commit,
	.sync = mbox_sync,
	.finish = mbox_finish,
	.undo = mbox_undo,
	.check = mbox_check,
	.quota = mbox_quota,
};
