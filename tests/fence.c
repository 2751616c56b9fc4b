#include <sys/mman.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"

struct block {
	struct block	*next;
	size_t		 len;		/* mapped, or 0 */
};

static size_t count;
static bool stopped;
static size_t refuse = SIZE_MAX;	/* that many more are given first */

static struct block *
block_map(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (sizeof(struct block) + n + page - 1) / page * page;
	char *p;

	p = mmap(NULL, len + page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || mprotect(p + len, page, PROT_NONE) == -1)
		abort();
	((struct block *)p)->len = len + page;
	return (struct block *)p;
}

void *
fence_take(struct block **list, size_t n)
{
	struct block *b;
	char *end;

	if (!stopped) {
		b = block_map(n);
		end = (char *)b + b->len - (size_t)sysconf(_SC_PAGESIZE);
	} else {
		if ((b = calloc(1, sizeof(*b) + n)) == NULL)
			abort();
		end = (char *)(b + 1) + n;
	}
	b->next = *list;
	*list = b;
	count++;
	return end - n;
}

void *
fence_copy(struct block **list, const void *s, size_t n)
{
	void *copy = fence_take(list, n);

	return n == 0 ? copy : memcpy(copy, s, n);
}

void
fence_free(struct block **list)
{
	struct block *b;

	while ((b = *list) != NULL) {
		*list = b->next;
		count--;
		if (b->len == 0)
			free(b);
		else
			(void)munmap(b, b->len);
	}
}

void
fence_stop(void)
{
	stopped = true;
}

void
fence_refuse(size_t n)
{
	refuse = n;
}

bool
fence_refused(void)
{
	return refuse == SIZE_MAX;
}

bool
fence_refuses(void)
{
	return refuse != SIZE_MAX && refuse-- == 0;
}

size_t
fence_count(void)
{
	return count;
}
