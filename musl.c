/*
 * What musl lacks: see musl.h.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "lmtpd.h"

long long
strtonum(const char *s, long long min, long long max, const char **error)
{
	int save = errno;
	long long n;
	char *end;

	*error = NULL;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (end == s || *end != '\0')
		*error = "invalid";
	else if (n < min || (n == LLONG_MIN && errno == ERANGE))
		*error = "too small";
	else if (n > max || errno == ERANGE)
		*error = "too large";
	errno = save;
	return *error == NULL ? n : 0;
}

/* On 32 bits the first of that name have ids of 16. */
#ifndef SYS_setresuid32
#define SYS_setresuid32	SYS_setresuid
#define SYS_setresgid32	SYS_setresgid
#endif

/*
 * musl's own would have every thread do the same, and block all signals for
 * that, two calls more each; here is but one thread.
 */
int
setresuid(uid_t real, uid_t effective, uid_t saved)
{
	return (int)syscall(SYS_setresuid32, real, effective, saved);
}

int
setresgid(gid_t real, gid_t effective, gid_t saved)
{
	return (int)syscall(SYS_setresgid32, real, effective, saved);
}

int
renameat2(int olddir, const char *old, int newdir, const char *new,
    unsigned int flags)
{
	return (int)syscall(SYS_renameat2, olddir, old, newdir, new, flags);
}
