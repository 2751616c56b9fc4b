/*
 * What failed, where, as whom: for the log.  And what the client is told of
 * it, which is always one of these.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

const struct reply reply_delivered = { 250, "2.1.5", "Delivered" };
const struct reply reply_busy = { 450, "4.2.0", "Mailbox is busy" };
const struct reply reply_wrong_mailbox =
    { 451, "4.2.0", "Mailbox cannot be used" };
const struct reply reply_wrong_setup =
    { 451, "4.3.5", "Account is not set up rightly" };
const struct reply reply_full = { 452, "4.2.2", "Mailbox is full" };
const struct reply reply_full_for_good = { 552, "5.2.2", "Mailbox is full" };
const struct reply reply_no_space = { 452, "4.3.1", "No space left" };
const struct reply reply_trouble = { 451, "4.3.0", "Local trouble" };
const struct reply reply_no_user = { 550, "5.1.1", "No such user" };
const struct reply reply_bad_name =
    { 550, "5.1.3", "No mailbox can have that name" };
const struct reply reply_malformed =
    { 501, "5.1.3", "Malformed recipient address" };

const struct reply *
reply_errno(int err)
{
	switch (err) {
	case EDQUOT:
		return &reply_full;
	case ENOSPC:
	case EFBIG:
		return &reply_no_space;
	default:
		return &reply_trouble;
	}
}

const struct reply *
failure_reply(const struct failure *f, const struct config *cfg)
{
	return f->reply == &reply_full && cfg->full_is_permanent ?
	    &reply_full_for_good : f->reply;
}

/*
 * Which permission is missing in which directory of a path, as we are now:
 * to go on into it, or to make there what is not there.  NULL if in none.
 */
static const char *
path_denies(const char *path, char *dir, size_t size)
{
	const char *slash = path;
	char *last;
	int n;

	dir[0] = '\0';
	while ((slash = strchr(slash + 1, '/')) != NULL) {
		n = snprintf(dir, size, "%.*s", (int)(slash - path), path);
		if (n < 0 || (size_t)n >= size)
			return NULL;
		if (faccessat(AT_FDCWD, dir, X_OK, AT_EACCESS) == 0)
			continue;
		if (errno == EACCES)
			return "search";
		/* The first has none before it, and is always there. */
		if ((last = strrchr(dir, '/')) == NULL)
			return NULL;
		*last = '\0';
		break;
	}
	if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0 ||
	    faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) == 0)
		return NULL;
	return errno == EACCES ? "write" : NULL;
}

int
failure_errno(struct failure *f, const char *call, const char *pathfmt, ...)
{
	char path[PATH_MAX], dir[PATH_MAX];
	const char *denied;
	int err = errno, n;
	va_list ap;

	va_start(ap, pathfmt);
	vsnprintf(path, sizeof(path), pathfmt, ap);
	va_end(ap);
	f->reply = reply_errno(err);
	f->err = err;
	n = snprintf(f->reason, sizeof(f->reason),
	    "%s %.400s: %s (euid %ld, egid %ld)", call, path, strerror(err),
	    (long)geteuid(), (long)getegid());
	if (err == EACCES && n > 0 && (size_t)n < sizeof(f->reason) &&
	    (denied = path_denies(path, dir, sizeof(dir))) != NULL)
		snprintf(f->reason + n, sizeof(f->reason) - (size_t)n,
		    ", no %s permission in %.200s", denied, dir);
	errno = err;
	return -1;
}

void
failure_log(const struct config *cfg, const char *call, const char *pathfmt,
    ...)
{
	struct failure f;
	char path[PATH_MAX];
	int save = errno;
	va_list ap;

	va_start(ap, pathfmt);
	vsnprintf(path, sizeof(path), pathfmt, ap);
	va_end(ap);
	errno = save;
	failure_errno(&f, call, "%s", path);
	log_warn(cfg, "%s", f.reason);
}

int
failure_set(struct failure *f, const struct reply *reply, const char *fmt,
    ...)
{
	va_list ap;

	f->reply = reply;
	f->err = 0;
	va_start(ap, fmt);
	vsnprintf(f->reason, sizeof(f->reason), fmt, ap);
	va_end(ap);
	return -1;
}
