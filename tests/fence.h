/*
 * Memory that ends where a page begins which nothing may touch: what is read
 * or written behind it ends the program, whatever it is built with.
 */
#ifndef TESTS_FENCE_H
#define TESTS_FENCE_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of it, in a list of which all are freed together. */
struct block;

/* n bytes, zeroed, and aligned as n is; and a copy of n bytes. */
void	*fence_take(struct block **list, size_t n);
void	*fence_copy(struct block **list, const void *s, size_t n);
void	 fence_free(struct block **list);
/* What is taken from now on has no fence, and costs no time. */
void	 fence_stop(void);
/*
 * Of the pieces that are asked for from now on, the one after n others is
 * refused.  Was it, since?  What has a choice asks fence_refuses for each.
 */
void	 fence_refuse(size_t n);
bool	 fence_refused(void);
bool	 fence_refuses(void);
/* Pieces of all lists. */
size_t	 fence_count(void);

#endif
