/*
 * Memory that is freed as one, and no more than a stranger's script may have.
 */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "impl.h"

/*
 * Bytes of a usual block.  With 0, as fuzzers have it, each piece is a block
 * of its own, and a sanitizer sees what goes past its end.
 */
#ifndef BLOCK
#define BLOCK	4096
#endif

struct block {
	struct block		*next;
	size_t			 size;	/* bytes that it has */
	size_t			 taken;
	bool			 lent;	/* a part of the room */
	alignas(max_align_t) char bytes[];
};

/* A usual block, of the room if there is enough left. */
static struct block *
block_usual(struct sieve_room *room)
{
	size_t bytes = sizeof(struct block) + BLOCK;
	bool lent = room != NULL && room->left >= bytes;
	struct block *b = lent ? (void *)room->at : malloc(bytes);

	if (lent) {
		room->at += bytes;
		room->left -= bytes;
	}
	if (b != NULL)
		b->lent = lent;
	return b;
}

/* A block of one large piece is zeroed by calloc, which may get it so. */
static struct block *
block_add(struct arena *a, size_t n)
{
	size_t size = n > BLOCK ? n : BLOCK;
	struct block *b;

	if (a->limit - a->used < size)
		return NULL;
	b = n > BLOCK ? calloc(1, sizeof(*b) + n) : block_usual(a->room);
	if (b == NULL)
		return NULL;
	b->size = size;
	b->taken = 0;
	b->next = a->blocks;
	a->blocks = b;
	a->used += size;
	return b;
}

void *
arena_take(struct arena *a, size_t wanted)
{
	struct block *b = a->blocks;
	size_t n;
	void *p;

	if (wanted > a->limit)
		goto fail;
	n = (wanted + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (b == NULL || b->size - b->taken < n)
		b = block_add(a, n);
	if (b == NULL)
		goto fail;
	p = b->bytes + b->taken;
	b->taken += n;
	if (n <= BLOCK)
		memset(p, 0, n);
	return p;
fail:
	a->failed = true;
	return NULL;
}

/* What was lent last goes back into the room. */
static void
block_free(struct sieve_room *room, struct block *b)
{
	size_t bytes = sizeof(*b) + b->size;

	if (!b->lent) {
		free(b);
	} else if ((char *)b + bytes == room->at) {
		room->at -= bytes;
		room->left += bytes;
	}
}

void
arena_free(struct arena *a)
{
	struct block *b;

	while ((b = a->blocks) != NULL) {
		a->blocks = b->next;
		block_free(a->room, b);
	}
	a->used = 0;
}
