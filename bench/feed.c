/*
 * How fast the DATA decoder is by itself, beside memcpy.  Text of lines
 * with 70 bytes, in pieces of 64 KiB, as session.c gives it; GB/s of input.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lmtpd.h"

#define LINE	72
#define PIECE	(LINE * 910)
#define ROUNDS	16384

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static double
speed(bool chunks, bool copy)
{
	static char in[PIECE], out[PIECE + 1];
	struct data_parser p = { .chunks = chunks };
	size_t i, n = 0;
	double t;

	for (i = 0; i < PIECE; i++)
		in[i] = (char)('a' + i * 7 % 25);
	for (i = LINE; i <= PIECE; i += LINE)
		memcpy(in + i - 2, "\r\n", 2);
	t = now();
	for (i = 0; i < ROUNDS; i++) {
		if (copy)
			memcpy(out, in, n = PIECE);
		else if (data_feed(&p, in, PIECE, out, &n) != PIECE)
			return 0;
		/* The compiler is to believe that somebody reads it. */
		__asm__ volatile ("" : : "r"(out), "r"(n) : "memory");
	}
	return (double)PIECE * ROUNDS / (now() - t) / 1e9;
}

int
main(void)
{
	printf("data=%.2f ", speed(false, false));
	printf("bdat=%.2f ", speed(true, false));
	printf("memcpy=%.2f\n", speed(false, true));
	return 0;
}
