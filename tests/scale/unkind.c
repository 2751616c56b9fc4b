/*
 * A host whose clock is wrong or whose disk is bad, for what is started with
 * this in LD_PRELOAD: UNKIND_CLOCK is in seconds, and each UNKIND_FSYNC-th
 * fsync is EIO after it was done, or not done.  Each file system is one of
 * type UNKIND_FS, and the socket of the system's log is at UNKIND_LOG.  Of
 * UNKIND_MALLOC bytes, just so many, there is no memory.  With UNKIND_APPEND
 * each file is append-only to statx.  The file UNKIND_STEADY holds two digits:
 * so many seconds are added to the clock that is never set, and they may be
 * changed meanwhile.  A new pipe holds UNKIND_PIPE bytes.
 */

#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/un.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long clock_ahead, fsync_each, fs_type, refused, append_only;
static long pipe_bytes;
static const char *log_path;
static const volatile char *steady;

static long
setting(const char *name)
{
	const char *value = getenv(name);

	return value == NULL ? 0 : strtol(value, NULL, 0);
}

static void
map_steady(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = mmap(NULL, 2, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		abort();
	steady = p;
	close(fd);
}

/* Before main, which throws the environment away. */
static void __attribute__((constructor))
read_settings(void)
{
	clock_ahead = setting("UNKIND_CLOCK");
	fsync_each = setting("UNKIND_FSYNC");
	fs_type = setting("UNKIND_FS");
	refused = setting("UNKIND_MALLOC");
	append_only = setting("UNKIND_APPEND");
	pipe_bytes = setting("UNKIND_PIPE");
	if (getenv("UNKIND_LOG") != NULL)
		log_path = strdup(getenv("UNKIND_LOG"));
	if (getenv("UNKIND_STEADY") != NULL)
		map_steady(getenv("UNKIND_STEADY"));
}

int
pipe2(int fds[2], int flags)
{
	static int (*real)(int[2], int);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pipe2");
	if (real(fds, flags) == -1)
		return -1;
	return pipe_bytes == 0 ||
	    fcntl(fds[0], F_SETPIPE_SZ, (int)pipe_bytes) != -1 ? 0 : -1;
}

void *
malloc(size_t size)
{
	static void *(*real)(size_t);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "malloc");
	if (refused != 0 && size == (size_t)refused) {
		errno = ENOMEM;
		return NULL;
	}
	return real(size);
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int (*real)(clockid_t, struct timespec *);

	*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	if (real(clock, ts) == -1)
		return -1;
	if (clock == CLOCK_REALTIME)
		ts->tv_sec += clock_ahead;
	if (clock == CLOCK_MONOTONIC && steady != NULL)
		ts->tv_sec += (steady[0] - '0') * 10 + (steady[1] - '0');
	return 0;
}

time_t
time(time_t *t)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

static int
sync_or_not(int fd, const char *name)
{
	struct timespec ts;
	int (*real)(int);
	long n = fsync_each;

	*(void **)&real = dlsym(RTLD_NEXT, name);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (n == 0 || ts.tv_nsec / 1000 % n != 0)
		return real(fd);
	if (ts.tv_nsec / 1000 / n % 2 == 0)
		(void)real(fd);
	errno = EIO;
	return -1;
}

int
fsync(int fd)
{
	return sync_or_not(fd, "fsync");
}

int
fdatasync(int fd)
{
	return sync_or_not(fd, "fdatasync");
}

int
fstatfs(int fd, struct statfs *fs)
{
	int (*real)(int, struct statfs *);

	*(void **)&real = dlsym(RTLD_NEXT, sizeof(long) == 8 ? "fstatfs" :
	    "fstatfs64");
	if (real(fd, fs) == -1)
		return -1;
	if (fs_type != 0)
		fs->f_type = fs_type;
	return 0;
}

int
statx(int fd, const char *restrict path, int flags, unsigned int mask,
    struct statx *restrict sx)
{
	int (*real)(int, const char *, int, unsigned int, struct statx *);

	*(void **)&real = dlsym(RTLD_NEXT, "statx");
	if (real(fd, path, flags, mask, sx) == -1)
		return -1;
	if (append_only != 0)
		sx->stx_attributes |= STATX_ATTR_APPEND;
	return 0;
}

int
connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_un other = { .sun_family = AF_UNIX };
	int (*real)(int, const struct sockaddr *, socklen_t);

	*(void **)&real = dlsym(RTLD_NEXT, "connect");
	if (log_path == NULL || addr->sa_family != AF_UNIX ||
	    strcmp(((const struct sockaddr_un *)addr)->sun_path, "/dev/log")
	    != 0)
		return real(fd, addr, len);
	strncpy(other.sun_path, log_path, sizeof(other.sun_path) - 1);
	return real(fd, (const struct sockaddr *)&other, sizeof(other));
}
