/* The fsync of a directory, or files without a name, are not to be had. */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *failing;

/* The program keeps nothing of its environment. */
__attribute__((__constructor__)) static void
init(void)
{
	const char *s = getenv("FAILING");

	failing = s == NULL ? "" : strdup(s);
}

static int
is_failing(const char *what)
{
	if (strncmp(failing, what, strlen(what)) != 0)
		return 0;
	errno = (int)strtol(failing + strlen(what), NULL, 10);
	return 1;
}

int
fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && is_failing("sync"))
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

int
open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if ((flags & O_TMPFILE) == O_TMPFILE && is_failing("open"))
		return -1;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int	open64(const char *, int, ...) __attribute__((__alias__("open")));
