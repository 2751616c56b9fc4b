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
const struct reply reply_discarded = { 250, "2.1.5", "Accepted" };
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

/* The bytes of the path's directory that a slash at s ends: "/" is one. */
static int
path_bytes(const char *path, const char *s)
{
	return s == path ? 1 : (int)(s - path);
}

/* How many bytes of the path name the first of it that is not there. */
static int
path_missing(const char *path)
{
	const char *s;
	char dir[PATH_MAX];

	for (s = path; (s = strchr(s + 1, '/')) != NULL; ) {
		snprintf(dir, sizeof(dir), "%.*s", path_bytes(path, s), path);
		if (faccessat(AT_FDCWD, dir, F_OK, AT_EACCESS) == -1)
			return errno == ENOENT ? path_bytes(path, s) : 0;
	}
	return 0;
}

/*
 * The same for the directory that denies something to us, as we are now:
 * *what, to go on into it, or to make there what is not there.
 */
static int
path_denied(const char *path, const char **what)
{
	const char *s, *last = path;
	char dir[PATH_MAX] = "/";

	*what = "search";
	for (s = path; (s = strchr(s + 1, '/')) != NULL; last = s) {
		snprintf(dir, sizeof(dir), "%.*s", path_bytes(path, s), path);
		if (faccessat(AT_FDCWD, dir, X_OK, AT_EACCESS) == 0)
			continue;
		if (errno == EACCES)
			return path_bytes(path, s);
		snprintf(dir, sizeof(dir), "%.*s", path_bytes(path, last),
		    path);
		break;
	}
	*what = "write";
	if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0 ||
	    faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) == 0 ||
	    errno != EACCES)
		return 0;
	return path_bytes(path, last);
}

/* Which part of an absolute path is at fault, if it is not the last. */
static void
add_component(struct failure *f, size_t n, const char *path)
{
	const char *what;
	int len;

	if (f->err == EACCES && (len = path_denied(path, &what)) > 0)
		snprintf(f->reason + n, sizeof(f->reason) - n,
		    ", no %s permission in %.*s", what,
		    len < 200 ? len : 200, path);
	if (f->err == ENOENT && (len = path_missing(path)) > 0)
		snprintf(f->reason + n, sizeof(f->reason) - n,
		    ", %.*s is missing", len < 200 ? len : 200, path);
}

int
failure_errno(struct failure *f, const char *call, const char *pathfmt, ...)
{
	char path[PATH_MAX];
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
	if (path[0] == '/' && n > 0 && (size_t)n < sizeof(f->reason))
		add_component(f, (size_t)n, path);
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
