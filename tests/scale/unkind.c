/*
 * A host whose clock is wrong or whose disk is bad, for what is started with
 * this in LD_PRELOAD: UNKIND_CLOCK is in seconds, and each UNKIND_FSYNC-th
 * fsync is EIO after it was done, or not done.
 */

#define _GNU_SOURCE
#include <sys/time.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long clock_ahead, fsync_each;

static long
setting(const char *name)
{
	const char *value = getenv(name);

	return value == NULL ? 0 : strtol(value, NULL, 10);
}

/* Before main, which throws the environment away. */
static void __attribute__((constructor))
read_settings(void)
{
	clock_ahead = setting("UNKIND_CLOCK");
	fsync_each = setting("UNKIND_FSYNC");
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
