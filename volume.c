/*
 * The file systems that mail is put on: how a file gets its name there, and
 * how the names of a group are made safe.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

struct volume *
volume_find(struct volumes *vs, int fd, dev_t dev)
{
	struct volume *v;

	for (v = vs->v; v < vs->v + vs->n; v++)
		if (v->dev == dev)
			return v;
	/* If there are more they share the last place, and the most care. */
	if (vs->n == VOLUMES) {
		v--;
		v->policy = SYNC_AGAIN;
		return v;
	}
	vs->n++;
	memset(v, 0, sizeof(*v));
	v->dev = dev;
	v->policy = os_sync_policy(fd, dev);
	return v;
}

int
volume_touch(int fd)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	times[1] = st.st_mtim;
	return futimens(fd, times);
}

/* Does the errno say that a file system or container lacks the call? */
static bool
is_lacking(int err)
{
	return err == EINVAL || err == ENOSYS || err == ENOTSUP ||
	    err == EOPNOTSUPP || err == EPERM;
}

/* Is the file that is open as fd the one of that name? */
static bool
is_named(int dir, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 &&
	    fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Gives the file its new name by whichever call the file system has. */
static int
move_file(struct volume *v, int dir, const char *from, const char *to)
{
	if (!v->replaces) {
		if (os_rename_noreplace(dir, from, to) == 0)
			return 0;
		if (!is_lacking(errno))
			return -1;
		v->replaces = true;
	}
	if (linkat(dir, from, dir, to, 0) == 0) {
		/* What stays in tmp/ is nobody's mail. */
		(void)unlinkat(dir, from, 0);
		return 0;
	}
	if (errno != EMLINK && errno != EXDEV && !is_lacking(errno))
		return -1;
	/* The name holds 64 random bits: what could it replace? */
	return renameat(dir, from, dir, to);
}

int
volume_rename(struct volume *v, int dir, int fd, const char *from,
    const char *to)
{
	int save;

	if (move_file(v, dir, from, to) == 0)
		return 0;
	/* NFS: the answer may have been lost, and its repetition refused. */
	save = errno;
	if (is_named(dir, to, fd)) {
		(void)unlinkat(dir, from, 0);
		return 0;
	}
	errno = save;
	return -1;
}

static bool
is_journaled(struct volumes *vs, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	    volume_find(vs, fd, st.st_dev)->policy == SYNC_JOURNAL;
}

/*
 * A directory that may be written to and not read cannot be opened, and so
 * not be synced by itself: all of its file system is, by what is in it.
 */
static int
sync_unreadable(int inside, struct volumes *made)
{
	if (made != NULL && is_journaled(made, inside))
		return 0;
	return os_sync_file_system(inside);
}

int
volume_sync_dir(int at, const char *path, struct volumes *made)
{
	int fd, r, save;

	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return errno == EACCES && at != AT_FDCWD ?
		    sync_unreadable(at, made) : -1;
	/* Where a later sync is for all, it is for this one too. */
	if (made != NULL && is_journaled(made, fd))
		r = 0;
	else if ((r = fsync(fd)) == -1 && is_lacking(errno))
		r = 1;
	save = errno;
	close(fd);
	errno = save;
	return r;
}

int
volume_sync_parents(const char *path, size_t preset, int inside,
    struct volumes *vs)
{
	char copy[PATH_MAX];
	const char *dir;
	size_t i;

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (i = preset; path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		copy[i] = '\0';
		dir = i == 0 ? "/" : copy;
		/* Where we may not write either, nothing of ours is new. */
		if (volume_sync_dir(AT_FDCWD, dir, vs) == -1 &&
		    (errno != EACCES ||
		    (os_access(AT_FDCWD, dir, W_OK) == 0 &&
		    sync_unreadable(inside, vs) == -1)))
			return -1;
		copy[i] = '/';
	}
	return 0;
}
