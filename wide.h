/*
 * To be included behind <poll.h> by who calls ppoll(2).  On 32 bits with
 * 64-bit times and _FORTIFY_SOURCE, the headers of glibc 2.34 to 2.36 call
 * the ppoll that takes 32-bit times: it reads every wait as one of no length,
 * and the caller spins.  So the right one is called by its own name.
 */
#if defined(__GLIBC__) && defined(__TIMESIZE) && defined(_TIME_BITS)
#if __TIMESIZE == 32 && _TIME_BITS == 64
int	 ppoll_wide(struct pollfd *, nfds_t, const struct timespec *,
	    const sigset_t *) __asm__("__ppoll64");
#define ppoll	ppoll_wide
#endif
#endif
