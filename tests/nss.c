/*
 * A directory in place of the system's, to be preloaded: it knows the names
 * in NSS_KNOWS, a list with commas, whatever their case, and fails with the
 * number NSS_ERRNO for NSS_FAILS, or if there is none for all it knows not.
 * It answers with the name as it knows it, or with NSS_CALLS; its users are
 * whoever asks.  With NSS_FULL the process can open no file more.
 *
 * As libnss_lost.so.2 it is the module of a service whose daemon is down.
 */
#include <sys/resource.h>

#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static char knows[1024], fails[256], calls[256];
static int err, full;

/* lmtpd forgets its environment. */
static void __attribute__((__constructor__))
begin(void)
{
	const char *s;

	if ((s = getenv("NSS_KNOWS")) != NULL)
		strncpy(knows, s, sizeof(knows) - 1);
	if ((s = getenv("NSS_FAILS")) != NULL)
		strncpy(fails, s, sizeof(fails) - 1);
	if ((s = getenv("NSS_CALLS")) != NULL)
		strncpy(calls, s, sizeof(calls) - 1);
	if ((s = getenv("NSS_ERRNO")) != NULL)
		err = (int)strtol(s, NULL, 10);
	full = getenv("NSS_FULL") != NULL;
}

int
getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t size,
    struct passwd **found)
{
	const struct rlimit none = { 3, 3 };
	char *s = knows;
	size_t len;

	if (full)
		setrlimit(RLIMIT_NOFILE, &none);

	*found = NULL;
	if (strcmp(name, fails) == 0)
		return err;
	for (; *s != '\0'; s += len + (s[len] == ',')) {
		len = strcspn(s, ",");
		if (strlen(name) == len && strncasecmp(s, name, len) == 0)
			break;
	}
	if (*s == '\0')
		return fails[0] == '\0' ? err : 0;
	if (calls[0] != '\0') {
		s = calls;
		len = strlen(s);
	}
	if (size <= len)
		return ERANGE;
	memcpy(buf, s, len);
	buf[len] = '\0';
	memset(pw, 0, sizeof(*pw));
	pw->pw_name = buf;
	pw->pw_passwd = pw->pw_gecos = pw->pw_shell = buf + len;
	pw->pw_dir = buf + len;
	pw->pw_uid = getuid();
	pw->pw_gid = getgid();
	*found = pw;
	return 0;
}

enum nss_status	 _nss_lost_getpwnam_r(const char *, struct passwd *, char *,
		    size_t, int *);

enum nss_status
_nss_lost_getpwnam_r(const char *name, struct passwd *pw, char *buf,
    size_t size, int *errnop)
{
	(void)name;
	(void)pw;
	(void)buf;
	(void)size;
	*errnop = ECONNREFUSED;
	return NSS_STATUS_UNAVAIL;
}
