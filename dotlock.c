/*
 * A dotlock is a file beside the mailbox, which says that whoever made it is
 * at work there.  Ours has the process, the host and the instance in it, a
 * line each: a pid says something only in its own pid namespace and boot.
 */
#include <sys/stat.h>
#include <sys/time.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"

#define LOCK_FLAGS	(O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC)
#define LOCK_SUFFIX	".lock"
#define STALE_SECONDS	300	/* a dotlock that old is nobody's any more */
#define SEEN_SECONDS	1	/* in which an old one must not change, */
#define AHEAD_SECONDS	10	/* and one with a time far ahead */

static int
dotlock_fail(struct delivery *d)
{
	return failure_errno(&d->failure, "dotlock", "%s",
	    d->rcpt->mailbox.path);
}

bool
dotlock_is_wanted(const struct config *cfg)
{
	size_t i;

	for (i = 0; i < cfg->nlocks; i++)
		if (cfg->locks[i] == LOCK_DOTLOCK)
			return true;
	return false;
}

bool
dotlock_is_name(const char *path)
{
	size_t len = strlen(path), n = strlen(LOCK_SUFFIX);

	return len >= n && strcmp(path + len - n, LOCK_SUFFIX) == 0;
}

/* The mailbox's lock, or a name beside it where unique is not empty. */
static void
lock_path(const struct delivery *d, const char *unique, char path[PATH_MAX])
{
	struct text t;

	text_init(&t, path, PATH_MAX);
	text_add(&t, d->rcpt->mailbox.path, LOCK_SUFFIX,
	    unique[0] == '\0' ? "" : ".", unique, NULL);
}

/* A name beside the mailbox that nobody else takes. */
static void
aside_path(const struct delivery *d, char path[PATH_MAX])
{
	lock_path(d, d->rcpt->id, path);
}

/* What is in our locks. */
static void
lock_text(const struct config *cfg, struct text *t)
{
	text_number(t, (uint64_t)cfg->pid);
	text_add(t, "\n", cfg->node, "\n", NULL);
	if (cfg->instance[0] != '\0')
		text_add(t, cfg->instance, "\n", NULL);
}

/* Reads a lock into text; "" if it cannot be, or is empty. */
static void
lock_read(const char *path, char *text, size_t size)
{
	ssize_t n = -1;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n < 0 ? 0 : n] = '\0';
}

/*
 * Was the lock left by a process that is dead?  That can be asked only of a
 * process of this host, boot and pid namespace.  One that has our own pid in
 * it is not held by us, as whoever waits for a lock holds none: a process that
 * is dead had the pid before us.
 */
static bool
is_orphan(const char *path, const struct config *cfg)
{
	char text[768], *rest = text;
	const char *host, *instance, *error;
	pid_t pid;

	lock_read(path, text, sizeof(text));
	pid = (pid_t)strtonum(strsep(&rest, "\n"), 1, INT_MAX, &error);
	host = strsep(&rest, "\n");
	instance = strsep(&rest, "\n");
	if (error != NULL || host == NULL || instance == NULL ||
	    instance[0] == '\0' || strcmp(host, cfg->node) != 0 ||
	    strcmp(instance, cfg->instance) != 0)
		return false;
	return pid == cfg->pid || (kill(pid, 0) == -1 && errno == ESRCH);
}

static bool
lock_is(const struct dotlock_file *lock, const struct stat *st)
{
	/* The next lock may get the number of an inode that was freed. */
	return lock->ino == st->st_ino &&
	    timespeccmp(&lock->mtime, &st->st_mtim, ==);
}

/*
 * Older than five minutes on the clock of the file system, which may not be
 * ours, and seen not to change meanwhile.  A time far ahead of that clock
 * says nothing of the age: such a lock is watched for longer.
 */
static bool
is_abandoned(struct delivery *d, const struct stat *st)
{
	struct dotlock *l = d->dotlock;
	char aside[PATH_MAX];
	struct timespec now;
	time_t seen;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!lock_is(&l->seen, st)) {
		aside_path(d, aside);
		if (os_time_beside(AT_FDCWD, aside, &l->seen_at) == -1)
			return false;
		l->seen = (struct dotlock_file){ st->st_ino, st->st_mtim };
		l->since = now;
	}
	seen = now.tv_sec - l->since.tv_sec;
	if (st->st_mtime > l->seen_at + seen + STALE_SECONDS)
		return seen > AHEAD_SECONDS;
	return st->st_mtime < l->seen_at + seen - STALE_SECONDS &&
	    seen > SEEN_SECONDS;
}

static bool
is_stale(struct delivery *d, const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 &&
	    (is_orphan(path, d->cfg) || is_abandoned(d, &st));
}

/*
 * Takes a lock out of the way.  Two who break it at once must not take away
 * each other's new one: so it is moved aside, looked at again, and put back
 * if it is alive.  What is no regular file cannot be a new lock of another's,
 * and is removed where it is.
 */
static void
break_lock(struct delivery *d, const char *path)
{
	struct dotlock *l = d->dotlock;
	char aside[PATH_MAX];
	struct stat st;
	int r;

	aside_path(d, aside);
	if (lstat(path, &st) == -1)
		return;
	if (!S_ISREG(st.st_mode))
		r = unlinkat(AT_FDCWD, path,
		    S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	else if ((r = renameat(AT_FDCWD, path, AT_FDCWD, aside)) == 0) {
		if (!is_stale(d, aside)) {
			if (linkat(AT_FDCWD, aside, AT_FDCWD, path, 0) == -1)
				failure_log(d->cfg, "link", "%s", path);
			(void)unlinkat(AT_FDCWD, aside, 0);
			return;
		}
		r = unlinkat(AT_FDCWD, aside, 0);
	}
	if (r == 0)
		log_warn(d->cfg, "broke the stale lock %s", path);
	else if (errno != ENOENT && !l->stays) {
		/* It is tried again, many times, and said once. */
		l->stays = true;
		failure_log(d->cfg, "break the stale lock", "%s", path);
	}
}

/* Makes a file with our lock's text in it, and makes nothing if it fails. */
static int
lock_write(const struct config *cfg, const char *path)
{
	char buf[768];
	struct text t;
	int fd, r, save;

	if ((fd = open(path, LOCK_FLAGS, 0600)) == -1)
		return -1;
	text_init(&t, buf, sizeof(buf));
	lock_text(cfg, &t);
	r = os_write(fd, t.buf, t.len, NULL);
	save = errno;
	if (close(fd) == -1 && r == 0) {
		save = errno;
		r = -1;
	}
	if (r == -1)
		(void)unlinkat(AT_FDCWD, path, 0);
	errno = save;
	return r;
}

/*
 * Written under a name of its own first: a lock whose maker was killed
 * before it had its process in it could not be told from a living one.
 * Where there are no links, that cannot be had.  It is not moved, although
 * that is one call less: SMB's client asks its server to replace, and looks
 * for an old lock only in its own cache.
 */
static int
lock_create(struct delivery *d, const char *path)
{
	struct dotlock *l = d->dotlock;
	char aside[PATH_MAX];
	struct stat st;
	int r, save;

	aside_path(d, aside);
	if (lock_write(d->cfg, aside) == -1)
		return -1;
	if ((r = linkat(AT_FDCWD, aside, AT_FDCWD, path, 0)) == -1 &&
	    errno != EEXIST && errno != ENOENT)
		r = lock_write(d->cfg, path);
	save = errno;
	(void)unlinkat(AT_FDCWD, aside, 0);
	/* By the name it has now: some file systems number names, not files. */
	if (r == 0 && (r = lstat(path, &st)) == -1) {
		save = errno;
		(void)unlinkat(AT_FDCWD, path, 0);
	}
	if (r == 0) {
		l->ours = (struct dotlock_file){ st.st_ino, st.st_mtim };
		l->held = true;
	}
	errno = save;
	return r;
}

int
dotlock_take(struct delivery *d)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	struct dotlock *l = d->dotlock;
	char path[PATH_MAX];
	struct stat st;
	int r;

	if (identity_assume_directory(d->cred, &d->id) == -1)
		return dotlock_fail(d);
	lock_path(d, "", path);
	/* Nothing more is made as long as another's is there. */
	if (l->waits && lstat(path, &st) == 0) {
		if (!is_stale(d, path))
			return 1;
		break_lock(d, path);
	}
	r = lock_create(d, path);
	/* It is made before the mailbox, whose directories may be missing. */
	if (r == -1 && errno == ENOENT && mailbox_may_be_made(d->cfg, mb) &&
	    os_make_dirs(mb->path, mb->preset, false) == 0)
		r = lock_create(d, path);
	if (r == 0)
		return identity_assume(d->cred, &d->id) == -1 ?
		    dotlock_fail(d) : 0;
	if (errno != EEXIST)
		return failure_errno(&d->failure, "create", "%s", path);
	l->waits = true;
	return 1;
}

/*
 * Is the lock at path the one that we made?  Ours may have been broken for
 * being old; and on sshfs it may have another inode's number by now.
 */
static bool
lock_is_ours(const struct delivery *d, const char *path)
{
	const struct dotlock *l = d->dotlock;
	char ours[768], theirs[768];
	struct stat st;
	struct text t;

	if (lstat(path, &st) == 0 && lock_is(&l->ours, &st))
		return true;
	text_init(&t, ours, sizeof(ours));
	lock_text(d->cfg, &t);
	lock_read(path, theirs, sizeof(theirs));
	return d->cfg->instance[0] != '\0' && strcmp(ours, theirs) == 0;
}

void
dotlock_release(struct delivery *d)
{
	struct dotlock *l = d->dotlock;
	char path[PATH_MAX];

	if (!l->held)
		return;
	l->held = false;
	lock_path(d, "", path);
	if (identity_assume_directory(d->cred, &d->id) == -1) {
		failure_log(d->cfg, "seteuid to unlink", "%s", path);
		return;
	}
	if (lock_is_ours(d, path) && unlinkat(AT_FDCWD, path, 0) == -1)
		failure_log(d->cfg, "unlink", "%s", path);
}

int
dotlock_check(struct delivery *d)
{
	char path[PATH_MAX];

	if (!dotlock_is_wanted(d->cfg))
		return 0;
	lock_path(d, "", path);
	/* Its directory: the path is absolute, so there is a slash. */
	path[strrchr(path, '/') - path + 1] = '\0';
	if (identity_assume_directory(d->cred, &d->id) == -1 ||
	    os_access(AT_FDCWD, path, W_OK | X_OK) == -1 ||
	    identity_assume(d->cred, &d->id) == -1)
		return failure_errno(&d->failure, "access", "%s", path);
	return 0;
}
