/*
 * mbox: open what is safe to open, lock in order, append, or leave it as it
 * was.  The mailbox and its directory may be in the hands of others, who
 * put links, pipes and locks there.
 */
#include <sys/file.h>
#include <sys/stat.h>

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
 * The directory of system mailboxes: what comes before the template's first
 * conversion.  What root may lend to a delivery there is what Postfix would
 * take from its modes; nothing where anybody but root has a hand in it.
 */
static bool
is_trusted(const char *path, struct stat *st)
{
	return lstat(path, st) == 0 && S_ISDIR(st->st_mode) &&
	    st->st_uid == 0;
}

enum spool
mbox_spool(const struct config *cfg, gid_t *gid)
{
	char path[PATH_MAX];
	struct stat st;
	size_t i, len = template_fixed(cfg->template);

	/* Only for mailboxes that lie in that directory itself. */
	if (!cfg->switches || len == 0 || len >= sizeof(path) ||
	    cfg->template[0] != '/' ||
	    cfg->template[len] != '/' ||
	    strchr(cfg->template + len + 1, '/') != NULL)
		return SPOOL_NONE;
	for (i = 1; i < len; i++) {
		if (cfg->template[i] != '/')
			continue;
		memcpy(path, cfg->template, i);
		path[i] = '\0';
		if (!is_trusted(path, &st) || (st.st_mode & 022) != 0)
			return SPOOL_NONE;
	}
	memcpy(path, cfg->template, len);
	path[len] = '\0';
	if (!is_trusted(path, &st) || (st.st_mode & S_IWOTH) != 0)
		return SPOOL_NONE;
	if ((st.st_mode & S_IWGRP) == 0)
		return SPOOL_ROOT;
	*gid = st.st_gid;
	return SPOOL_GROUP;
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
	if (d->spool != SPOOL_ROOT)
		return identity_assume(d->cred, &d->id);
	identity_resume(d->cred);
	return 0;
}

static int
refuse(struct delivery *d, const char *what)
{
	return failure_set(&d->failure, &reply_wrong_mailbox,
	    "%s %s (as euid %ld, egid %ld)", d->rcpt->mailbox.path, what,
	    (long)geteuid(), (long)getegid());
}

/* Is it a mailbox that may be written to?  The attacks: links, pipes. */
static int
examine(struct delivery *d, const struct stat *st)
{
	if (S_ISLNK(st->st_mode))
		return refuse(d, "is a symbolic link");
	if (!S_ISREG(st->st_mode))
		return refuse(d, "is no regular file");
	if (st->st_nlink != 1)
		return refuse(d, "has more than one link");
	if (st->st_uid != d->id.uid)
		return refuse(d, "belongs to another user");
	return 0;
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
	int fd, r = 0;

	if (cfg->users == USERS_DIR || mb->fixed == strlen(mb->path)) {
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
	if (d->spool == SPOOL_ROOT)
		r = fchown(fd, d->id.uid, d->id.gid);
	if (r == 0)
		r = identity_assume(d->cred, &d->id);
	if (r == -1) {
		fail(d, "chown");
		if (assume_directory(d) == 0)
			(void)unlink(mb->path);
		close(fd);
		return -1;
	}
	d->fd = fd;
	d->made = true;
	return 0;
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
			return refuse(d, "is a symbolic link");
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
static int
lock_path(const struct delivery *d, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s.lock", d->rcpt->mailbox.path);

	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

/* Was the lock left by a process of this host that is dead? */
static bool
is_orphan(const char *path, const char *node)
{
	char text[512], host[256];
	ssize_t n;
	long pid;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return sscanf(text, "%9ld\n%255s", &pid, host) == 2 && pid > 0 &&
	    strcmp(host, node) == 0 && kill((pid_t)pid, 0) == -1 &&
	    errno == ESRCH;
}

/* Older than five minutes, and seen not to change for a second. */
static bool
is_abandoned(struct delivery *d, const struct stat *st)
{
	struct stale *s = &d->stale;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (s->ino != st->st_ino || s->mtime.tv_sec != st->st_mtim.tv_sec ||
	    s->mtime.tv_nsec != st->st_mtim.tv_nsec) {
		s->ino = st->st_ino;
		s->mtime = st->st_mtim;
		s->since = now;
	}
	return time(NULL) - st->st_mtim.tv_sec > STALE_SECONDS &&
	    now.tv_sec - s->since.tv_sec > 1;
}

/*
 * Takes a lock out of the way.  Two who break it at once must not take away
 * each other's new one: so it is moved aside, looked at, and put back if it
 * is another.
 */
static void
break_lock(struct delivery *d, const char *path, ino_t ino)
{
	char aside[PATH_MAX];
	struct stat st;
	int n = snprintf(aside, sizeof(aside), "%s.%s", path, d->unique);

	if (n < 0 || (size_t)n >= sizeof(aside) || rename(path, aside) == -1)
		return;
	if (lstat(aside, &st) == 0 && st.st_ino != ino) {
		if (link(aside, path) == -1)
			log_warn(d->cfg, "link %s: %s", path, strerror(errno));
	} else
		log_warn(d->cfg, "broke the stale lock %s", path);
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
	struct text t;
	int fd, r, save;

	text_init(&t, aside, sizeof(aside));
	text_add(&t, path, ".", d->unique, NULL);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1)
		return -1;
	if ((r = write_lock(fd, d->cfg)) == 0)
		r = fstat(fd, &st);
	save = errno;
	if (close(fd) == -1 && r == 0) {
		save = errno;
		r = -1;
	}
	if (r == 0 && (r = link(aside, path)) == -1)
		save = errno;
	(void)unlink(aside);
	if (r == -1) {
		errno = save;
		return -1;
	}
	d->lock = st.st_ino;
	d->dotlocked = true;
	return 0;
}

static int
dotlock(struct delivery *d)
{
	char path[PATH_MAX];
	struct stat st;

	if (lock_path(d, path) == -1 || assume_directory(d) == -1)
		return fail(d, "dotlock");
	if (dotlock_create(d, path) == 0)
		return identity_assume(d->cred, &d->id) == -1 ?
		    fail(d, "dotlock") : 0;
	if (errno != EEXIST)
		return failure_errno(&d->failure, "create", "%s", path);
	if (lstat(path, &st) == 0 &&
	    (is_abandoned(d, &st) || is_orphan(path, d->cfg->node)))
		break_lock(d, path, st.st_ino);
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
	if (lock_path(d, path) == -1 || assume_directory(d) == -1 ||
	    (lstat(path, &st) == 0 && st.st_ino != d->lock))
		return;
	if (unlink(path) == -1)
		log_warn(d->cfg, "unlink %s: %s", path, strerror(errno));
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
static size_t
from_line(const struct delivery *d, char *buf, size_t size)
{
	const char *s = d->sender[0] == '\0' ? "MAILER-DAEMON" : d->sender;
	struct tm tm;
	time_t now = time(NULL);
	size_t n;

	n = (size_t)snprintf(buf, size, "From %s ", s);
	for (buf += 5; *buf != '\0' && buf[1] != '\0'; buf++)
		if (*buf == ' ')
			*buf = '_';
	gmtime_r(&now, &tm);
	return n + strftime(buf + 1, size - n, "%a %b %e %H:%M:%S %Y\n", &tm);
}

/* What a mailbox that does not end in a blank line lacks. */
static int
mend(const struct delivery *d, const char **missing)
{
	char last[2] = { '\n', '\n' };
	off_t from = d->end > 1 ? d->end - 2 : 0;

	if (d->end > 0 && pread(d->fd, last + (d->end == 1),
	    (size_t)(d->end - from), from) != d->end - from)
		return -1;
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
		.mbox = true
	};
	char *head;
	const char *missing, *tail;
	size_t n, room = COMMAND_MAX + 128 + d->headlen;
	int r;

	if (mend(d, &missing) == -1)
		return fail(d, "read");
	if ((head = malloc(room)) == NULL)
		return fail(d, "malloc for");
	n = strlcpy(head, missing, room);
	n += from_line(d, head + n, room - n);
	memcpy(head + n, d->head, d->headlen);
	tail = d->message->size > 0 && d->message->last != '\n' ? "\n\n" :
	    "\n";
	n += d->headlen;
	d->appended = true;
	r = message_write(d->message, d->fd, &filter, head, n, tail);
	d->size = n + d->message->size - filter.dropped + filter.quoted +
	    strlen(tail);
	free(head);
	return r == -1 ? fail(d, "write") : 0;
}

/* Access before modification is how readers know new mail. */
static void
note_time(struct delivery *d, const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec--;
	d->atime = st->st_atim.tv_sec < now.tv_sec && !d->made ?
	    st->st_atim : now;
}

static int
write_mailbox(struct delivery *d)
{
	struct usage u = { .counted = true };
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

/* The directory that the mailbox is in; every path is absolute. */
static void
parent_path(const struct delivery *d, char parent[PATH_MAX])
{
	char *slash;

	strlcpy(parent, d->rcpt->mailbox.path, PATH_MAX);
	slash = strrchr(parent, '/');
	slash[slash == parent] = '\0';
}

static int
mbox_sync(struct delivery *d)
{
	char parent[PATH_MAX];

	if (fsync(d->fd) == -1)
		return fail(d, "fsync");
	if (!d->made || d->order == ORDER_JOURNAL)
		return 0;
	parent_path(d, parent);
	return os_sync_dir(AT_FDCWD, parent) == -1 ?
	    failure_errno(&d->failure, "fsync", "%s", parent) : 0;
}

/*
 * A close that fails has let go of the descriptor and its locks.  The
 * mailbox is opened once more, and cut if it is still as we left it.
 */
static void
reopen_and_cut(struct delivery *d)
{
	struct stat st;

	d->fd = open(d->rcpt->mailbox.path, OPEN_FLAGS);
	if (d->fd == -1)
		return;
	if (fstat(d->fd, &st) == -1 || examine(d, &st) == -1 ||
	    st.st_size != d->end + (off_t)d->size ||
	    ftruncate(d->fd, d->end) == -1 || fsync(d->fd) == -1)
		log_warn(d->cfg, "%s may hold a message that was refused",
		    d->rcpt->mailbox.path);
	close(d->fd);
	d->fd = -1;
}

static int
mbox_finish(struct delivery *d)
{
	int fd = d->fd, r = 0;

	d->fd = -1;
	if (close(fd) == -1) {
		r = fail(d, "close");
		reopen_and_cut(d);
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
	    (ftruncate(d->fd, d->end) == -1 || fsync(d->fd) == -1))
		log_warn(d->cfg, "truncate %s to %lld: %s",
		    d->rcpt->mailbox.path, (long long)d->end,
		    strerror(errno));
	if (d->fd != -1)
		close(d->fd);
	d->fd = -1;
	d->appended = false;
	dotlock_release(d);
}

int
mbox_quota(const struct config *cfg, const struct mailbox *mb,
    uint64_t bytes, struct failure *f)
{
	struct usage u;
	struct stat st;

	memset(&u, 0, sizeof(u));
	quota_limit(cfg, mb, &u.limit);
	u.limit.messages = 0;
	if (lstat(mb->path, &st) == 0)
		u.used.bytes = (uint64_t)st.st_size;
	return quota_check(&u, bytes, f);
}

/* May a dotlock be made, if there is to be one? */
static int
check_dotlock(struct delivery *d)
{
	char parent[PATH_MAX];
	size_t i;

	for (i = 0; i < d->cfg->nlocks; i++)
		if (d->cfg->locks[i] == LOCK_DOTLOCK)
			break;
	if (i == d->cfg->nlocks)
		return 0;
	parent_path(d, parent);
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
		if (errno != ENOENT || d->cfg->users == USERS_DIR ||
		    mb->fixed == strlen(mb->path) ||
		    assume_directory(d) == -1 ||
		    os_may_make(mb->path, mb->fixed) == -1)
			return fail(d, "create");
		return quota_check(u, 1, &d->failure);
	}
	u->counted = true;
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
};
