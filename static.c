/*
 * make STATIC=1, and no other build: glibc in a static program can load no
 * module of NSS.  It tries all the same where nsswitch.conf names one, as
 * Debian's does, and crashes at the first name that /etc/passwd does not have.
 * So this program asks the files alone, whatever nsswitch.conf says.
 */
#include <nss.h>

#include "lmtpd.h"

static void __attribute__((__constructor__))
static_users(void)
{
	static const char *const databases[] = {
		"passwd", "group", "initgroups"
	};
	size_t i;

	/* A failure is a lack of memory: the next call to libc tells. */
	for (i = 0; i < nitems(databases); i++)
		(void)__nss_configure_lookup(databases[i], "files");
}
