/*
 * The system's users and groups, as NSS has them: nobody else asks for them.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "lmtpd.h"

/* A buffer, twice as large if err says that it was too small.  0 or -1. */
static int
buffer_grow(char **buf, size_t *size, int err)
{
	char *p;

	if (err == ERANGE)
		*size *= 2;
	if (*size > 16 * 1024 * 1024) {
		errno = ERANGE;
		return -1;
	}
	if ((p = reallocarray(*buf, *size, 1)) == NULL)
		return -1;
	*buf = p;
	return 0;
}

int
account_passwd(const char *name, uid_t uid, struct passwd *pw, char **buf)
{
	struct passwd *found = NULL;
	size_t size = 1024;
	int err = 0;

	*buf = NULL;
	do {
		if (buffer_grow(buf, &size, err) == -1)
			return -1;
		/* It is what a module without users is said to return. */
		errno = 0;
		err = name != NULL ?
		    getpwnam_r(name, pw, *buf, size, &found) :
		    getpwuid_r(uid, pw, *buf, size, &found);
	} while (err == ERANGE || err == EINTR);
	errno = err;
	return err != 0 ? -1 : found != NULL;
}

int
account_group(const char *name, gid_t *gid)
{
	struct group gr, *found = NULL;
	size_t size = 1024;
	char *buf = NULL;
	int err = 0;

	do {
		if (buffer_grow(&buf, &size, err) == -1) {
			free(buf);
			return -1;
		}
		err = getgrnam_r(name, &gr, buf, size, &found);
	} while (err == ERANGE || err == EINTR);
	if (err == 0 && found != NULL)
		*gid = gr.gr_gid;
	free(buf);
	errno = err;
	return err != 0 ? -1 : found != NULL;
}

int
account_failed(struct failure *f, const char *call, const char *name)
{
	failure_errno(f, call, "%s", name);
	f->reply = &reply_trouble;
	return -1;
}

int
account_option(const char *s, struct config *cfg, char **name)
{
	const char *colon = strchr(s, ':'), *error;
	char *user, *buf = NULL;
	struct passwd pw;
	int r = 1;

	*name = NULL;
	if ((user = strndup(s, colon == NULL ? strlen(s) :
	    (size_t)(colon - s))) == NULL)
		return -1;
	cfg->uid = (uid_t)strtonum(user, 0, UINT32_MAX - 1, &error);
	/* Two numbers say all: nobody is asked who that is. */
	if (error != NULL || colon == NULL) {
		r = account_passwd(error != NULL ? user : NULL, cfg->uid, &pw,
		    &buf);
		if (r == 1) {
			cfg->uid = pw.pw_uid;
			cfg->gid = pw.pw_gid;
			if ((*name = strdup(pw.pw_name)) == NULL)
				r = -1;
		}
	}
	free(buf);
	free(user);
	if (r != 1 || colon == NULL)
		return r;
	cfg->gid = (gid_t)strtonum(colon + 1, 0, UINT32_MAX - 1, &error);
	return error == NULL ? 1 : account_group(colon + 1, &cfg->gid);
}
