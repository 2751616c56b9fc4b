/*
 * What can become of a script's child, as CHILD says: it is killed, makes a
 * call that it may not make, hangs or spins, says nonsense or half of what it
 * was to say, or finds that the disk fails.
 */
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int in_child;
static const char *fate;

/* The program keeps nothing of its environment. */
__attribute__((__constructor__)) static void
init(void)
{
	const char *s = getenv("CHILD");

	fate = s == NULL ? "" : strdup(s);
}

static int
is(const char *what)
{
	return in_child && strcmp(fate, what) == 0;
}

/* It may send no signal. */
static void
die(void)
{
	*(volatile char *)0 = 0;
}

pid_t
fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	in_child = pid == 0;
	if (is("killed"))
		die();
	return pid;
}

/*
 * The last that it does before its work.  It outlives the trial, as root may
 * not signal who it has become, and must not keep the disk with its script.
 */
int
prctl(int option, ...)
{
	va_list ap;
	unsigned long arg;

	va_start(ap, option);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	if (is("hanging") && option == PR_SET_DUMPABLE) {
		close(STDOUT_FILENO);
		sleep(30);
		die();
	}
	return (int)syscall(SYS_prctl, option, arg, 0, 0, 0);
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	if (is("forbidden"))
		syscall(SYS_getppid);
	/* All of it, or what stands behind its length. */
	if (is("noise"))
		memset((void *)buf, 'x', n);
	if (is("nonsense"))
		memset((char *)buf + sizeof(size_t), 'x', n - sizeof(size_t));
	if (is("cut")) {
		syscall(SYS_write, fd, buf, n / 2);
		die();
	}
	while (is("spinning"))
		continue;
	return syscall(SYS_write, fd, buf, n);
}

int
fstatat(int at, const char *path, struct stat *st, int flags)
{
	if (is("disk")) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_newfstatat, at, path, st, flags);
}

int
fstatat64(int at, const char *path, struct stat64 *st, int flags)
{
	return fstatat(at, path, (struct stat *)st, flags);
}
