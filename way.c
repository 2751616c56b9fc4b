/*
 * The way to a mailbox through the directories above it, component by
 * component, links followed by hand: who could have led it elsewhere, and
 * whether it is there at all.
 */
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

#define LINKS_MAX	40	/* as many as Linux follows in one path */

struct way {
	char		 at[PATH_MAX];	/* so far, no link in it; "" is / */
	char		 rest[PATH_MAX];	/* what is still to be gone */
	unsigned int	 links;		/* that were followed */
};

/* Begins behind the first preset bytes of the path.  0, or -1 and errno. */
static int
way_begin(struct way *w, const char *path, size_t preset)
{
	char start[PATH_MAX];

	if (preset >= sizeof(start) || strlcpy(w->rest, path + preset,
	    sizeof(w->rest)) >= sizeof(w->rest)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(start, path, preset);
	start[preset] = '\0';
	if (realpath(preset == 0 ? "/" : start, w->at) == NULL)
		return -1;
	if (strcmp(w->at, "/") == 0)
		w->at[0] = '\0';
	w->links = 0;
	return 0;
}

static int
way_stat(const struct way *w, struct stat *st)
{
	return lstat(w->at[0] == '\0' ? "/" : w->at, st);
}

static bool
way_is_over(const struct way *w)
{
	return w->rest[strspn(w->rest, "/")] == '\0';
}

/* Puts where the link leads before the rest.  0, or -1 and errno. */
static int
way_follow(struct way *w)
{
	char to[PATH_MAX];
	ssize_t n;

	n = readlink(w->at, to, sizeof(to) - 1);
	if (n == -1)
		return -1;
	to[n] = '\0';
	if (++w->links > LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	if (strlcat(to, "/", sizeof(to)) >= sizeof(to) ||
	    strlcat(to, w->rest, sizeof(to)) >= sizeof(to)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strlcpy(w->rest, to, sizeof(w->rest));
	if (to[0] == '/')
		w->at[0] = '\0';
	else
		*strrchr(w->at, '/') = '\0';
	return 0;
}

/* Goes one component on.  1, 0 at the end, or -1 and errno. */
static int
way_next(struct way *w, struct stat *st)
{
	const char *s = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(s, "/"), at = strlen(w->at);
	char *slash;

	if (len == 0)
		return 0;
	if (len == 2 && s[0] == '.' && s[1] == '.') {
		if ((slash = strrchr(w->at, '/')) != NULL)
			*slash = '\0';
	} else if (len != 1 || s[0] != '.') {
		if (at + 1 + len >= sizeof(w->at)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		w->at[at] = '/';
		memcpy(w->at + at + 1, s, len);
		w->at[at + 1 + len] = '\0';
	}
	memmove(w->rest, s + len, strlen(s + len) + 1);
	return way_stat(w, st) == -1 ? -1 : 1;
}

/* Is the directory own below where the way has come to, or the same? */
static bool
way_leads_to(const struct way *w, const char *own)
{
	size_t n = strlen(w->at);

	return strncmp(w->at, own, n) == 0 &&
	    (own[n] == '\0' || own[n] == '/');
}

/*
 * Who may lead others astray at this component: whoever owns it, or all, if
 * they may make what is missing in it.  own is the administrator's directory.
 * 0, or -1 with the failure.
 */
static int
check_component(const struct way *w, const struct stat *st, const char *own,
    uid_t owner, struct failure *f)
{
	if (st->st_uid != 0 && st->st_uid != owner && !way_leads_to(w, own))
		return failure_set(f, &reply_wrong_mailbox,
		    "%s belongs to uid %ld, neither to root nor to the owner "
		    "of the mailbox, uid %ld", w->at, (long)st->st_uid,
		    (long)owner);
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_IWOTH) != 0 &&
	    !way_is_over(w))
		return failure_set(f, &reply_wrong_mailbox,
		    "%s may be written by everybody, so that the owner of a "
		    "mailbox could be anybody", w->at);
	return 0;
}

int
way_check(const char *path, size_t preset, uid_t owner, struct failure *f)
{
	char own[PATH_MAX];
	struct stat st;
	struct way w;
	int r;

	r = way_begin(&w, path, preset);
	if (r == 0 && (r = way_stat(&w, &st)) == 0) {
		strlcpy(own, w.at, sizeof(own));
		r = 1;
	}
	for (; r == 1; r = way_next(&w, &st)) {
		if (check_component(&w, &st, own, owner, f) == -1)
			return -1;
		if (S_ISLNK(st.st_mode) && way_follow(&w) == -1) {
			r = -1;
			break;
		}
	}
	return r == -1 ? failure_errno(f, "lstat", "%s", path) : 0;
}

bool
way_has_link(const char *path, size_t preset)
{
	struct stat st;
	struct way w;

	if (way_begin(&w, path, preset) == -1)
		return false;
	while (way_next(&w, &st) == 1) {
		if (!S_ISLNK(st.st_mode))
			continue;
		if (st.st_uid != 0)
			return true;
		if (way_follow(&w) == -1)
			return false;
	}
	return false;
}

bool
way_is_roots(char *dir, struct stat *st)
{
	struct way w;
	int r;

	if (way_begin(&w, dir, 0) == -1 || way_is_over(&w))
		return false;
	while ((r = way_next(&w, st)) == 1) {
		if (st->st_uid != 0)
			return false;
		if (S_ISLNK(st->st_mode)) {
			if (way_follow(&w) == -1)
				return false;
		} else if (!S_ISDIR(st->st_mode) || (st->st_mode &
		    (way_is_over(&w) ? S_IWOTH : S_IWGRP | S_IWOTH)) != 0)
			return false;
	}
	strlcpy(dir, w.at, PATH_MAX);
	return r == 0;
}

int
way_exists(const char *path, size_t preset, struct failure *f)
{
	char dir[PATH_MAX];
	struct stat st;
	char *slash;

	strlcpy(dir, path, sizeof(dir));
	do {
		slash = strrchr(dir, '/');
		*slash = '\0';
	} while (slash > dir + preset && lstat(dir, &st) == -1);
	return slash > dir && stat(dir, &st) == -1 ?
	    failure_errno(f, "stat", "%s", dir) : 0;
}
