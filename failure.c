/*
 * What failed, where, as whom: for the log.  And what the client is told of
 * it, which is always one of these; with them are the replies that are given
 * in more than one place.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

#define PATH_BYTES	300	/* of a path in a line of the log */
#define PART_BYTES	150	/* and of the component at fault */

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
const struct reply reply_ok = { 250, "2.0.0", "OK" };
const struct reply reply_closing = { 221, "2.0.0", "Bye" };
const struct reply reply_say_lhlo = { 500, "5.5.1", "This is LMTP: LHLO" };
/* Sent to wait: an SMTP client that came by mistake must not bounce mail. */
const struct reply reply_no_smtp = { 421, "4.3.5", "This is LMTP: LHLO" };
const struct reply reply_bad_args = { 501, "5.5.4", "Wrong argument" };
const struct reply reply_bad_line =
    { 500, "5.5.2", "Control character in a command" };
const struct reply reply_long_line = { 500, "5.5.2", "Line too long" };
const struct reply reply_malformed =
    { 501, "5.1.3", "Malformed recipient address" };
const struct reply reply_timed_out = { 421, "4.4.2", "Timeout" };
const struct reply reply_told_to_end = { 421, "4.3.2", "Shutting down" };

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
 * A reason ends with the first component of an absolute path that is at
 * fault, as whoever we are now sees it.
 */
static void
add_part(struct text *t, const char *before, const char *part,
    const char *after)
{
	text_add(t, ", ", before, NULL);
	text_bytes(t, part, strnlen(part, PART_BYTES));
	text_add(t, after, NULL);
}

/* Is there a directory more?  Then dir is the path up to it. */
static bool
next_directory(const char *path, const char **s, char dir[PATH_MAX])
{
	size_t len;

	if ((*s = strchr(*s + 1, '/')) == NULL)
		return false;
	len = (size_t)(*s - path);
	memcpy(dir, path, len);
	dir[len] = '\0';
	return true;
}

/* Adds one that is missing, is no directory, or is a link that fails. */
static void
add_obstacle(struct text *t, const char *path)
{
	const char *s = path;
	char dir[PATH_MAX];
	struct stat st;

	while (next_directory(path, &s, dir)) {
		if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
			continue;
		if (stat(dir, &st) == 0)
			add_part(t, "", dir, " is no directory");
		else if (errno == ELOOP)
			add_part(t, "", dir, " is a link to itself");
		else if (errno == ENOENT)
			add_part(t, "", dir, lstat(dir, &st) == 0 ?
			    " is a link that leads nowhere" : " is missing");
		return;
	}
	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		add_part(t, "", path, " is a symbolic link");
}

/*
 * Adds one that denies something: to go on into it, or to make there what is
 * missing, or anything, where the path is that of a directory and a slash.
 */
static void
add_denial(struct text *t, const char *path)
{
	char dir[PATH_MAX], last[PATH_MAX] = "/";
	const char *s = path;

	while (next_directory(path, &s, dir)) {
		if (faccessat(AT_FDCWD, dir, X_OK, AT_EACCESS) == -1) {
			if (errno != EACCES)
				break;
			add_part(t, "no search permission in ", dir, "");
			return;
		}
		strlcpy(last, dir, sizeof(last));
	}
	if ((path[strlen(path) - 1] == '/' ||
	    faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == -1) &&
	    faccessat(AT_FDCWD, last, W_OK, AT_EACCESS) == -1 &&
	    errno == EACCES)
		add_part(t, "no write permission in ", last, "");
}

void
failure_whom(uid_t *uid, gid_t *gid)
{
	uid_t ruid, suid;
	gid_t rgid, sgid;

	/* They fail for nothing but a wrong pointer. */
	(void)getresuid(&ruid, uid, &suid);
	(void)getresgid(&rgid, gid, &sgid);
}

int
failure_errno(struct failure *f, const char *call, const char *pathfmt, ...)
{
	char path[PATH_MAX];
	int err = errno;
	struct text t;
	va_list ap;
	uid_t uid;
	gid_t gid;

	va_start(ap, pathfmt);
	vsnprintf(path, sizeof(path), pathfmt, ap);
	va_end(ap);
	failure_whom(&uid, &gid);
	f->reply = reply_errno(err);
	f->err = err;
	text_init(&t, f->reason, sizeof(f->reason));
	text_add(&t, call, " ", NULL);
	text_bytes(&t, path, strnlen(path, PATH_BYTES));
	text_add(&t, ": ", strerror(err), " (euid ", NULL);
	text_number(&t, uid);
	text_add(&t, ", egid ", NULL);
	text_number(&t, gid);
	text_add(&t, ")", NULL);
	if (path[0] == '/' && err == EACCES)
		add_denial(&t, path);
	else if (path[0] == '/' &&
	    (err == ENOENT || err == ENOTDIR || err == ELOOP))
		add_obstacle(&t, path);
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
