/*
 * In place of sieve/arena.c: each piece is memory of its own, with a fence
 * behind it.
 */
#include "../sieve/impl.h"
#include "fence.h"

void *
arena_take(struct arena *a, size_t n)
{
	if (n > a->limit - a->used || fence_refuses()) {
		a->failed = true;
		return NULL;
	}
	a->used += n;
	return fence_take(&a->blocks, n);
}

void
arena_free(struct arena *a)
{
	fence_free(&a->blocks);
	a->used = 0;
}
