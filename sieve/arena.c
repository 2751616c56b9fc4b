/*
 * Memory that is freed as one, and the counting of steps: what bounds a
 * stranger's script.
 */
#include <stdalign.h>
#include <stdlib.h>

#include "impl.h"

#define BLOCK	(16 * 1024)	/* bytes of a usual block */

struct block {
	struct block		*next;
	size_t			 size;	/* bytes that it has */
	size_t			 taken;
	alignas(max_align_t) char bytes[];
};

/* The blocks are zeroed by calloc, and no byte is handed out twice. */
void *
arena_take(struct arena *a, size_t n)
{
	struct block *b = a->blocks;
	size_t size;
	void *p;

	if (n > a->limit)
		goto fail;
	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (b == NULL || b->size - b->taken < n) {
		size = n > BLOCK ? n : BLOCK;
		if (a->limit - a->used < size ||
		    (b = calloc(1, sizeof(*b) + size)) == NULL)
			goto fail;
		b->size = size;
		b->next = a->blocks;
		a->blocks = b;
		a->used += size;
	}
	p = b->bytes + b->taken;
	b->taken += n;
	return p;
fail:
	a->failed = true;
	return NULL;
}

void
arena_free(struct arena *a)
{
	struct block *b, *next;

	for (b = a->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	a->blocks = NULL;
	a->used = 0;
}

bool
budget_take(struct budget *b, uint64_t n)
{
	if (b->steps < n) {
		b->steps = 0;
		return false;
	}
	b->steps -= n;
	return true;
}
