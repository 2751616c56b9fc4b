#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"

#define PIECES	4096

static struct {
	char	*begin;
	size_t	 len;
} pieces[PIECES];
static size_t npieces;

void *
fence_take(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (n + page - 1) / page * page;
	char *p;

	p = mmap(NULL, len + page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || npieces == PIECES ||
	    mprotect(p + len, page, PROT_NONE) == -1)
		abort();
	pieces[npieces].begin = p;
	pieces[npieces++].len = len + page;
	return p + len - n;
}

void *
fence_copy(const void *s, size_t n)
{
	return n == 0 ? fence_take(0) : memcpy(fence_take(n), s, n);
}

void
fence_free(void)
{
	while (npieces > 0) {
		npieces--;
		(void)munmap(pieces[npieces].begin, pieces[npieces].len);
	}
}
