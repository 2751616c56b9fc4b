/*
 * What differs between systems.  Only here, in nss.c and in confine.c does an
 * #ifdef ask for one.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <linux/capability.h>
#include <linux/magic.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"

#define COPY_BYTES	(8 << 20)	/* at a time */
#define STACK_BYTES	(512 << 10)	/* that may have been used */

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC	0x58465342	/* not in every <linux/magic.h> */
#endif

int
os_write(int fd, const void *buf, size_t len, uint64_t *written)
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
		if (written != NULL)
			*written += (uint64_t)n;
	}
	return 0;
}

void
os_spare(void *p, size_t n)
{
#ifdef MADV_DONTFORK
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *first = (char *)p + page - 1 - ((uintptr_t)p - 1) % page;

	if (n >= page)
		(void)madvise(first, (n / page - 1) * page, MADV_DONTFORK);
#else
	(void)p;
	(void)n;
#endif
}

/* Not inline, so that all that its caller has lies above it. */
__attribute__((__noinline__)) pid_t
os_fork(void)
{
#ifdef MADV_DONTFORK
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	char *here = __builtin_frame_address(0);

	/* A page or two are fork(3)'s.  A sanitizer has other stacks. */
	here -= (uintptr_t)here % page + page;
	if (!SANITIZED) {
		(void)madvise(here, STACK_BYTES, MADV_DOFORK);
		(void)madvise(here - STACK_BYTES, STACK_BYTES, MADV_DONTFORK);
	}
#endif
	return fork();
}

/* What the system says may be anything: "(none)", with blanks, too long. */
void
os_host(char *name, size_t size)
{
	name[size - 1] = '\0';
	if (gethostname(name, size - 1) == -1 || !host_is_safe(name))
		strlcpy(name, "localhost", size);
}

int64_t
os_ms_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)(now.tv_sec - then->tv_sec) * 1000 +
	    (now.tv_nsec - then->tv_nsec) / 1000000;
}

/* Where a file system or a container has no O_TMPFILE, a name for a moment. */
int
os_tmpfile(const char *dir)
{
	char path[PATH_MAX];
	struct text t;
	int fd;

#ifdef O_TMPFILE
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	if (fd != -1 || errno == ENOENT || errno == ENOSPC ||
	    errno == EDQUOT || errno == EROFS)
		return fd;
#endif
	text_init(&t, path, sizeof(path));
	text_add(&t, dir, "/lmtpd.XXXXXXXXXX", NULL);
	if ((fd = mkostemp(path, O_CLOEXEC)) == -1)
		return -1;
	if (unlinkat(AT_FDCWD, path, 0) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Copies through user space, where the kernel will not do it. */
static int
copy_by_hand(int from, off_t offset, int to, uint64_t len, uint64_t *written)
{
	char buf[65536];
	ssize_t n;

	while (len > 0) {
		n = pread(from, buf,
		    len < sizeof(buf) ? (size_t)len : sizeof(buf), offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0 || os_write(to, buf, (size_t)n, written) == -1)
			return -1;
		offset += n;
		len -= (uint64_t)n;
	}
	return 0;
}

#ifdef __linux__

/*
 * glibc's closefrom(3) aborts where neither the kernel (before 5.9, or a
 * container's filter) nor /proc can help.
 */
void
os_close_from(int first)
{
	struct rlimit max;
	const char *name;
	uint64_t fd;
	DIR *dir;

	if (syscall(SYS_close_range, (unsigned int)first, UINT_MAX, 0) == 0)
		return;
	if ((dir = os_open_dir(AT_FDCWD, "/proc/self/fd")) != NULL) {
		while ((name = os_read_dir(dir)) != NULL)
			if (parse_size(name, false, &fd) == 0 &&
			    fd >= (uint64_t)first &&
			    fd != (uint64_t)dirfd(dir))
				close((int)fd);
		closedir(dir);
		return;
	}
	if (getrlimit(RLIMIT_NOFILE, &max) == -1)
		return;
	for (fd = (uint64_t)first; fd < max.rlim_cur; fd++)
		(void)close((int)fd);
}

/* Is it one of our effective groups?  Where they cannot be had it is none. */
static bool
is_in_group(gid_t gid)
{
	gid_t rgid, egid, sgid, *groups;
	int i, n;

	if (getresgid(&rgid, &egid, &sgid) == 0 && gid == egid)
		return true;
	if ((n = getgroups(0, NULL)) <= 0 ||
	    (groups = reallocarray(NULL, (size_t)n, sizeof(*groups))) == NULL)
		return false;
	n = getgroups(n, groups);
	for (i = 0; i < n; i++)
		if (groups[i] == gid)
			break;
	free(groups);
	return i < n;
}

/*
 * By its mode.  The older call, which is for the real ids, those of root, says
 * what else there is against it.
 */
static int
access_by_mode(int at, const char *path, int mode)
{
	unsigned int granted;
	uid_t ruid, euid, suid;
	struct stat st;

	/* libc has the newer one for it too. */
	if (syscall(SYS_faccessat, at, path, mode) == -1 || fstatat(at,
	    path, &st, 0) == -1 || getresuid(&ruid, &euid, &suid) == -1)
		return -1;
	if (euid == ruid)
		return 0;
	granted = st.st_mode >> (st.st_uid == euid ? 6 :
	    is_in_group(st.st_gid) ? 3 : 0);
	if (((unsigned int)mode & ~granted) == 0)
		return 0;
	errno = EACCES;
	return -1;
}

int
os_access(int at, const char *path, int mode)
{
	if (faccessat(at, path, mode, AT_EACCESS) == 0)
		return 0;
	/* A container's filter that does not know the newer call. */
	return errno == EPERM ? access_by_mode(at, path, mode) : -1;
}

/*
 * ext4 without a journal looks like any other, and so do ext2 and ext3 to
 * statfs(2).  The driver names the journal's task here: a number, 0 where it
 * is in a pid namespace that is not ours, or words where there is no journal.
 */
static bool
has_journal_task(const char *name)
{
	char path[PATH_MAX], task[16];
	struct text t;
	ssize_t n;
	int fd;

	text_init(&t, path, sizeof(path));
	text_add(&t, "/sys/fs/ext4/", name, "/journal_task", NULL);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	n = read(fd, task, sizeof(task));
	close(fd);
	return n > 0 && task[0] >= '0' && task[0] <= '9';
}

/* Has each ext4 that is mounted a journal?  "features" is no such one. */
static bool
have_all_journals(void)
{
	const char *name;
	size_t n = 0;
	DIR *dir;

	if ((dir = os_open_dir(AT_FDCWD, "/sys/fs/ext4")) == NULL)
		return false;
	while ((name = os_read_dir(dir)) != NULL) {
		if (name[0] == '.' || strcmp(name, "features") == 0)
			continue;
		if (!has_journal_task(name)) {
			closedir(dir);
			return false;
		}
		n++;
	}
	return os_close_dir(dir) == 0 && n > 0;
}

/* A container may hide the names of devices: then all must have one. */
static bool
ext4_has_journal(dev_t dev)
{
	char link[64], target[PATH_MAX];
	const char *name;
	struct text t;
	ssize_t n;

	text_init(&t, link, sizeof(link));
	text_add(&t, "/sys/dev/block/", NULL);
	text_number(&t, major(dev));
	text_add(&t, ":", NULL);
	text_number(&t, minor(dev));
	if ((n = readlink(link, target, sizeof(target) - 1)) <= 0)
		return have_all_journals();
	target[n] = '\0';
	name = strrchr(target, '/');
	return has_journal_task(name == NULL ? target : name + 1);
}

/*
 * A journal commits in order.  Once the data of several files has been
 * written out, the commit that carries the last of their names carries all
 * before it: one fsync is enough for a whole group, if the inode that it is
 * for was changed after that name was given.  That is no promise of POSIX,
 * but what ext4 (jbd2) and XFS (its log) do: the power-cut test in
 * tests/faults shows it for both.  Everywhere else each file is synced
 * before it has its name, and each directory after.  GlusterFS, by FUSE,
 * answers the fsync of a directory and does nothing; there the file is
 * synced again under its name.
 */
enum sync_policy
os_sync_policy(int fd, dev_t dev)
{
#ifdef FORCE_SYNC_EACH
	(void)fd;
	(void)dev;
	return SYNC_EACH;
#else
	struct statfs fs;

	if (fstatfs(fd, &fs) == -1)
		return SYNC_AGAIN;
	switch (fs.f_type) {
	case EXT4_SUPER_MAGIC:
		return ext4_has_journal(dev) ? SYNC_JOURNAL : SYNC_EACH;
	case XFS_SUPER_MAGIC:
		return SYNC_JOURNAL;
	case FUSE_SUPER_MAGIC:
		return SYNC_AGAIN;
	default:
		return SYNC_EACH;
	}
#endif
}

/* Where the kernel cannot wait for a write-out, the whole file is synced. */
int
os_write_out(int fd, bool wait)
{
	unsigned int flags = SYNC_FILE_RANGE_WRITE;

	if (wait)
		flags |= SYNC_FILE_RANGE_WAIT_BEFORE |
		    SYNC_FILE_RANGE_WAIT_AFTER;
	return sync_file_range(fd, 0, 0, flags) == 0 ? 0 :
	    wait ? fsync(fd) : -1;
}

#ifdef STATX_BASIC_STATS
static void
stat_of_statx(struct stat *st, const struct statx *sx)
{
	memset(st, 0, sizeof(*st));
	st->st_dev = makedev(sx->stx_dev_major, sx->stx_dev_minor);
	st->st_ino = sx->stx_ino;
	st->st_mode = sx->stx_mode;
	st->st_nlink = sx->stx_nlink;
	st->st_uid = sx->stx_uid;
	st->st_gid = sx->stx_gid;
	st->st_size = (off_t)sx->stx_size;
	st->st_atim.tv_sec = (time_t)sx->stx_atime.tv_sec;
	st->st_atim.tv_nsec = (long)sx->stx_atime.tv_nsec;
	st->st_mtim.tv_sec = (time_t)sx->stx_mtime.tv_sec;
	st->st_mtim.tv_nsec = (long)sx->stx_mtime.tv_nsec;
}
#endif

int
os_fstat(int fd, struct stat *st, bool *append_only)
{
#ifdef STATX_BASIC_STATS
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
	    STATX_BASIC_STATS, &sx) == 0) {
		stat_of_statx(st, &sx);
		*append_only = (sx.stx_attributes & STATX_ATTR_APPEND) != 0;
		return 0;
	}
#endif
	/* An old kernel, or a container's filter. */
	*append_only = false;
	return fstat(fd, st);
}

void
os_instance(char *text, size_t size)
{
	struct stat st;
	struct text t;
	char boot[40];
	ssize_t n = -1;
	int fd;

	text_init(&t, text, size);
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, boot, sizeof(boot) - 1);
		close(fd);
	}
	if (n <= 1 || stat("/proc/self/ns/pid", &st) == -1)
		return;
	boot[n] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
	text_add(&t, boot, " ", NULL);
	text_number(&t, st.st_ino);
}

int
os_sync_file_system(int fd)
{
	return syncfs(fd);
}

int
os_rename_noreplace(int dir, const char *from, const char *to)
{
	return renameat2(dir, from, dir, to, RENAME_NOREPLACE);
}

int
os_copy(int from, off_t offset, int to, uint64_t len, uint64_t *written)
{
	ssize_t n;

	while (len > 0) {
		n = copy_file_range(from, &offset, to, NULL,
		    len < COPY_BYTES ? (size_t)len : COPY_BYTES, 0);
		/* Another file system, or one that cannot: by hand. */
		if (n <= 0)
			return copy_by_hand(from, offset, to, len, written);
		len -= (uint64_t)n;
		*written += (uint64_t)n;
		/* The disk writes this piece while the next is copied. */
		(void)os_write_out(to, false);
	}
	return 0;
}

#else

void
os_close_from(int first)
{
	closefrom(first);
}

int
os_access(int at, const char *path, int mode)
{
	return faccessat(at, path, mode, AT_EACCESS);
}

enum sync_policy
os_sync_policy(int fd, dev_t dev)
{
	(void)fd;
	(void)dev;
	return SYNC_EACH;
}

int
os_write_out(int fd, bool wait)
{
	return wait ? fsync(fd) : 0;
}

int
os_fstat(int fd, struct stat *st, bool *append_only)
{
	*append_only = false;
	return fstat(fd, st);
}

void
os_instance(char *text, size_t size)
{
	(void)size;
	text[0] = '\0';
}

int
os_sync_file_system(int fd)
{
	(void)fd;
	sync();
	return 0;
}

int
os_rename_noreplace(int dir, const char *from, const char *to)
{
	(void)dir;
	(void)from;
	(void)to;
	errno = ENOSYS;
	return -1;
}

int
os_copy(int from, off_t offset, int to, uint64_t len, uint64_t *written)
{
	return copy_by_hand(from, offset, to, len, written);
}

#endif

int
os_time_beside(int at, const char *path, time_t *now)
{
	struct stat st;
	int fd, r;

	fd = openat(at, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	r = fstat(fd, &st);
	close(fd);
	(void)unlinkat(at, path, 0);
	/* Whatever is added to it or taken away shall not overflow. */
	if (r == 0 && (st.st_mtime < 0 || st.st_mtime > INT64_MAX / 2)) {
		errno = ERANGE;
		return -1;
	}
	if (r == 0)
		*now = st.st_mtime;
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
os_make_dirs(const char *path, size_t preset, bool last)
{
	char copy[PATH_MAX];
	size_t i, len = strlcpy(copy, path, sizeof(copy));

	if (len >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (i = preset + 1; i <= len; i++) {
		/* Of several slashes in a row only the first ends a name. */
		if ((path[i] != '/' && (path[i] != '\0' || !last)) ||
		    path[i - 1] == '/')
			continue;
		copy[i] = '\0';
		if (mkdirat(AT_FDCWD, copy, DIR_MODE) == -1 && errno != EEXIST)
			return -1;
		copy[i] = path[i];
	}
	return 0;
}

int
os_may_make(const char *path, size_t preset)
{
	char copy[PATH_MAX];
	struct stat st;
	char *slash;
	int r;

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	do {
		slash = strrchr(copy, '/');
		*slash = '\0';
		r = os_access(AT_FDCWD, slash == copy ? "/" : copy, W_OK);
		/* A link that leads nowhere is in the way of a directory. */
	} while (r == -1 && errno == ENOENT &&
	    (size_t)(slash - copy) > preset && slash > copy &&
	    lstat(copy, &st) == -1);
	return r;
}

#ifdef __linux__

/*
 * Capabilities that a program which does TLS, and lmtpd behind it, may want:
 * keys and mailboxes of others, becoming somebody, a jail, locked memory.
 */
#define CAP_BIT(cap)	((uint64_t)1 << (cap))
#define WANTED		(CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | \
			    CAP_BIT(CAP_DAC_READ_SEARCH) | \
			    CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) | \
			    CAP_BIT(CAP_KILL) | CAP_BIT(CAP_SETGID) | \
			    CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETPCAP) | \
			    CAP_BIT(CAP_NET_BIND_SERVICE) | \
			    CAP_BIT(CAP_IPC_LOCK) | CAP_BIT(CAP_SYS_CHROOT) | \
			    CAP_BIT(CAP_SYS_NICE) | \
			    CAP_BIT(CAP_SYS_RESOURCE) | \
			    CAP_BIT(CAP_AUDIT_WRITE))

/*
 * The bounding set is what root has after an exec.  No filter of system
 * calls: it would be that of every program to come.
 */
void
os_shed(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
	int cap;

	/* Where it is refused there is nothing to give up. */
	for (cap = 0; cap < 64; cap++)
		if ((WANTED & CAP_BIT(cap)) == 0)
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (syscall(SYS_capget, &head, caps) == 0) {
		caps[0].permitted &= (uint32_t)WANTED;
		caps[0].effective &= (uint32_t)WANTED;
		caps[1].permitted = caps[1].effective = 0;
		(void)syscall(SYS_capset, &head, caps);
	}
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

#else

void
os_shed(void)
{
}

#endif
