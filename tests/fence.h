/*
 * Memory that ends where a page begins which nothing may touch: what is read
 * or written behind it ends the program, whatever it is built with.
 */
#ifndef TESTS_FENCE_H
#define TESTS_FENCE_H

#include <stddef.h>

void	*fence_take(size_t n);	/* zeroed, and aligned as n is */
/* These n bytes. */
void	*fence_copy(const void *s, size_t n);
/* Frees all of it. */
void	 fence_free(void);

#endif
