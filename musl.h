/*
 * make MUSL=1, and no other build: what musl lacks of glibc and libbsd.  The
 * compiler includes it before each file.
 */
#ifndef MUSL_H
#define MUSL_H

#include <fcntl.h>
#include <stdio.h>	/* renameat(2), which others get by another way */

/* musl's own says O_CLOEXEC twice, as kernels before 2.6.23 do not hear it. */
#define open(path, ...)	openat(AT_FDCWD, path, __VA_ARGS__)

#define RENAME_NOREPLACE	1	/* as the kernel has it */

#define timespeccmp(a, b, op)						\
	((a)->tv_sec == (b)->tv_sec ? (a)->tv_nsec op (b)->tv_nsec :	\
	(a)->tv_sec op (b)->tv_sec)

/*
 * The decimal number in s; *error is NULL, or a word for what is wrong with
 * it, and then the number is 0.
 */
long long	 strtonum(const char *s, long long min, long long max,
		    const char **error);
/* renameat2(2).  0, or -1 and errno. */
int		 renameat2(int olddir, const char *old, int newdir,
		    const char *new, unsigned int flags);

#endif
