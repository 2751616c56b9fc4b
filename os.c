/*
 * What differs between systems, and between the file systems that mail is
 * put on.  Only here and in confine.c does an #ifdef ask for a system.
 */
#include <sys/stat.h>
#ifdef __linux__
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

#define COPY_BYTES	(8 << 20)	/* at a time */

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC	0x58465342	/* not in every <linux/magic.h> */
#endif

int
os_write(int fd, const void *buf, size_t len)
{
	const char *p = buf;
	ssize_t n;

	while (len > 0) {
		if ((n = write(fd, p, len)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Where a file system has no O_TMPFILE, a name for a moment. */
int
os_tmpfile(const char *dir)
{
	char path[PATH_MAX];
	int fd, n;

#ifdef O_TMPFILE
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	if (fd != -1 || (errno != EOPNOTSUPP && errno != EISDIR &&
	    errno != EINVAL))
		return fd;
#endif
	n = snprintf(path, sizeof(path), "%s/lmtpd.XXXXXXXXXX", dir);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((fd = mkostemp(path, O_CLOEXEC)) == -1)
		return -1;
	if (unlink(path) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Copies through user space, where the kernel will not do it. */
static int
copy_by_hand(int from, off_t offset, int to, uint64_t len)
{
	char buf[65536];
	ssize_t n;

	while (len > 0) {
		n = pread(from, buf, len < sizeof(buf) ? (size_t)len : sizeof(buf),
		    offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0 || os_write(to, buf, (size_t)n) == -1)
			return -1;
		offset += n;
		len -= (uint64_t)n;
	}
	return 0;
}

#ifdef __linux__

/*
 * ext4 without a journal looks like any other, and so do ext2 and ext3 to
 * statfs(2).  The driver says here whether a journal's task runs.
 */
static bool
ext4_has_journal(dev_t dev)
{
	char link[PATH_MAX], target[PATH_MAX], task[16];
	const char *name;
	ssize_t n;
	int fd;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev),
	    minor(dev));
	if ((n = readlink(link, target, sizeof(target) - 1)) <= 0)
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	n = snprintf(link, sizeof(link), "/sys/fs/ext4/%s/journal_task",
	    name == NULL ? target : name + 1);
	if (n < 0 || (size_t)n >= sizeof(link) ||
	    (fd = open(link, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	n = read(fd, task, sizeof(task));
	close(fd);
	return n > 0 && task[0] >= '1' && task[0] <= '9';
}

/*
 * A journal commits in order.  Once the data of several files has been
 * written out, the commit that carries the last of their names carries all
 * before it: one fsync is enough for a whole group.  That is no promise of
 * POSIX, but what ext4 (jbd2) and XFS (its log) do: the power-cut test in
 * tests/faults shows it for both.  Everywhere else each file is synced
 * before it has its name, and each directory after.  GlusterFS, by FUSE,
 * answers the fsync of a directory and does nothing; there the file is
 * synced again under its name.
 */
enum order
os_order(int fd)
{
#ifdef FORCE_ORDER_EACH
	(void)fd;
	return ORDER_EACH;
#else
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) == -1)
		return ORDER_AGAIN;
	switch (fs.f_type) {
	case EXT4_SUPER_MAGIC:
		if (fstat(fd, &st) == -1 || !ext4_has_journal(st.st_dev))
			return ORDER_EACH;
		return ORDER_JOURNAL;
	case XFS_SUPER_MAGIC:
		return ORDER_JOURNAL;
	case FUSE_SUPER_MAGIC:
		return ORDER_AGAIN;
	default:
		return ORDER_EACH;
	}
#endif
}

int
os_write_out(int fd, bool wait)
{
	unsigned int flags = SYNC_FILE_RANGE_WRITE;

	if (wait)
		flags |= SYNC_FILE_RANGE_WAIT_BEFORE |
		    SYNC_FILE_RANGE_WAIT_AFTER;
	return sync_file_range(fd, 0, 0, flags);
}

static int
rename_noreplace(int dir, const char *from, const char *to)
{
	return renameat2(dir, from, dir, to, RENAME_NOREPLACE);
}

int
os_copy(int from, off_t offset, int to, uint64_t len)
{
	ssize_t n;

	while (len > 0) {
		n = copy_file_range(from, &offset, to, NULL,
		    len < COPY_BYTES ? (size_t)len : COPY_BYTES, 0);
		if (n == -1 && errno == EINTR)
			continue;
		/* Another file system, or one that cannot: by hand. */
		if (n <= 0)
			return copy_by_hand(from, offset, to, len);
		len -= (uint64_t)n;
		/* The disk writes this piece while the next is copied. */
		(void)os_write_out(to, false);
	}
	return 0;
}

#else

enum order
os_order(int fd)
{
	(void)fd;
	return ORDER_EACH;
}

int
os_write_out(int fd, bool wait)
{
	return wait ? fsync(fd) : 0;
}

static int
rename_noreplace(int dir, const char *from, const char *to)
{
	(void)dir;
	(void)from;
	(void)to;
	errno = ENOSYS;
	return -1;
}

int
os_copy(int from, off_t offset, int to, uint64_t len)
{
	return copy_by_hand(from, offset, to, len);
}

#endif

static bool
cannot(int err)
{
	return err == EINVAL || err == ENOSYS || err == ENOTSUP;
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

/* Under that name by whichever call the file system has. */
static int
move(int dir, const char *from, const char *to)
{
	if (rename_noreplace(dir, from, to) == 0)
		return 0;
	if (!cannot(errno))
		return -1;
	if (linkat(dir, from, dir, to, 0) == 0) {
		/* What stays in tmp/ is nobody's mail. */
		(void)unlinkat(dir, from, 0);
		return 0;
	}
	if (errno != EPERM && errno != EMLINK && !cannot(errno))
		return -1;
	/* The name holds 64 random bits: what could it replace? */
	return renameat(dir, from, dir, to);
}

int
os_rename(int dir, int fd, const char *from, const char *to)
{
	int save;

	if (move(dir, from, to) == 0)
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

int
os_sync_dir(int at, const char *path, bool made)
{
	int fd, r, save;

	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	/* Where a later sync is for all, it is for this one too. */
	r = made && os_order(fd) == ORDER_JOURNAL ? 0 : fsync(fd);
	save = errno;
	close(fd);
	errno = save;
	return r;
}

DIR *
os_open_dir(int at, const char *path)
{
	int fd, save;
	DIR *dir;

	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return NULL;
	if ((dir = fdopendir(fd)) == NULL) {
		save = errno;
		close(fd);
		errno = save;
	}
	return dir;
}

const char *
os_read_dir(DIR *dir)
{
	struct dirent *de;

	errno = 0;
	de = readdir(dir);
	return de == NULL ? NULL : de->d_name;
}

int
os_close_dir(DIR *dir)
{
	int save = errno;

	closedir(dir);
	errno = save;
	return save == 0 ? 0 : -1;
}

int
os_sync_parents(const char *path, size_t fixed)
{
	char copy[PATH_MAX];
	const char *dir;
	size_t i;

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (i = fixed; path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		copy[i] = '\0';
		dir = i == 0 ? "/" : copy;
		/* Where we may not write either, nothing of ours is new. */
		if (os_sync_dir(AT_FDCWD, dir, true) == -1 &&
		    (errno != EACCES ||
		    faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) == 0))
			return -1;
		copy[i] = '/';
	}
	return 0;
}

int
os_make_dirs(const char *path, size_t fixed, bool last)
{
	char copy[PATH_MAX];
	size_t i, len = strlcpy(copy, path, sizeof(copy));

	if (len >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (i = fixed + 1; i <= len; i++) {
		/* No name before a slash: it is what was before that. */
		if ((path[i] != '/' && (path[i] != '\0' || !last)) ||
		    path[i - 1] == '/')
			continue;
		copy[i] = '\0';
		if (mkdirat(AT_FDCWD, copy, 0700) == -1 && errno != EEXIST)
			return -1;
		copy[i] = path[i];
	}
	return 0;
}

int
os_may_make(const char *path, size_t fixed)
{
	char copy[PATH_MAX];
	char *slash;
	int r;

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	do {
		slash = strrchr(copy, '/');
		*slash = '\0';
		r = faccessat(AT_FDCWD, slash == copy ? "/" : copy,
		    W_OK | X_OK, AT_EACCESS);
	} while (r == -1 && errno == ENOENT &&
	    (size_t)(slash - copy) > fixed && slash > copy);
	return r;
}
