/*
 * An address to a mailbox: who the user is, and where that user's mail goes.
 * Names come from strangers; name_is_safe stands before every path.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

/* An address, the names to look up for it, in order, and what was found. */
struct lookup {
	const struct config	*cfg;
	const struct address	*address;
	size_t			 user;	/* bytes of it before the detail */
	char			 names[4][NAME_BYTES + 1];
	bool			 split[4];	/* without the detail */
	size_t			 n;
	const char		*domains[2];	/* its forms: xn--, UTF-8 */
	size_t			 ndomains;	/* 0: it has none */
	const char		*utf8;	/* for comparison with keys, or NULL */
	char			*name;		/* that was found */
	bool			 name_split;
	const char		*domain;	/* the form for %d, or NULL */
	char			*spelt;		/* where that may lie */
	char			*home;		/* NULL if there is none */
	bool			 has_id;
};

void
mailbox_free(struct mailbox *mb)
{
	free(mb->name);
	free(mb->detail);
	free(mb->folder);
	free(mb->scripts);
	free(mb->path);
	free(mb->id.groups);
	memset(mb, 0, sizeof(*mb));
}

bool
mailbox_may_be_made(const struct config *cfg, const struct mailbox *mb)
{
	return cfg->users->makes_mailboxes && mb->preset < strlen(mb->path);
}

bool
mailbox_is(const struct mailbox *a, const struct mailbox *b)
{
	return a->id.uid == b->id.uid && strcmp(a->path, b->path) == 0;
}

bool
mailbox_wants_folder(const struct config *cfg, const struct mailbox *mb)
{
	return cfg->folders && mb->detail != NULL &&
	    cfg->format->find_folder != NULL;
}

/* Adds the first len bytes of a name, unless it may not be a path's. */
static void
lookup_add(struct lookup *l, const char *name, size_t len, bool lower,
    bool split)
{
	char *p = l->names[l->n];
	size_t i;

	if (len > NAME_BYTES)
		return;
	memcpy(p, name, len);
	p[len] = '\0';
	if (lower)
		name_lower(p);
	if (!name_is_safe(p))
		return;
	for (i = 0; i < l->n; i++)
		if (strcmp(l->names[i], p) == 0)
			return;
	l->split[l->n++] = split;
}

static void
lookup_names(struct lookup *l)
{
	const char *local = l->address->local;
	size_t all = strlen(local);

	lookup_add(l, local, all, false, false);
	lookup_add(l, local, l->user, false, l->user < all);
	lookup_add(l, local, all, true, false);
	lookup_add(l, local, l->user, true, l->user < all);
}

/* The domain's forms; for a path only those that may be a part of one. */
static void
lookup_domains(struct lookup *l, bool in_path,
    char forms[2][COMMAND_MAX + 1])
{
	const char *domain = l->address->domain;
	size_t i, len = strlen(domain);

	if (!name_has_forms(domain, len) || name_domain(domain, len, true,
	    forms[0], COMMAND_MAX + 1) == -1 || name_domain(domain, len,
	    false, forms[1], COMMAND_MAX + 1) == -1) {
		memcpy(forms[0], domain, len + 1);
		memcpy(forms[1], domain, len + 1);
	}
	for (i = 0; i < 2; i++)
		if ((!in_path || name_is_safe(forms[i])) &&
		    (i == 0 || strcmp(forms[0], forms[1]) != 0))
			l->domains[l->ndomains++] = forms[i];
	l->domain = l->domains[0];
	l->utf8 = forms[1];
}

/* Name i of the list is the user's, and the system calls it so.  0 or -1. */
static int
lookup_found(struct lookup *l, size_t i, const char *name, struct failure *f)
{
	l->name_split = l->split[i];
	l->name = strdup(name);
	return l->name == NULL ? failure_errno(f, "strdup", "%s", name) : 0;
}

/*
 * The system's users and groups.  A look-up returns 1, 0 if there is nobody
 * of that name, and -1 with errno: whatever that is, ENOENT and ESRCH too,
 * it is a directory that did not answer, as «nobody» is no error.
 */

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

/* By the uid if name is NULL.  The caller frees *buf in any case. */
static int
passwd_get(const char *name, uid_t uid, struct passwd *pw, char **buf)
{
	struct passwd *found = NULL;
	size_t size = 1024;
	int err = 0;

	*buf = NULL;
	do {
		if (buffer_grow(buf, &size, err) == -1)
			return -1;
		err = name != NULL ?
		    getpwnam_r(name, pw, *buf, size, &found) :
		    getpwuid_r(uid, pw, *buf, size, &found);
	} while (err == ERANGE || err == EINTR);
	errno = err;
	return err != 0 ? -1 : found != NULL;
}

static int
group_get(const char *name, gid_t *gid)
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

/* A failure of those; no errno of a directory is one of the mailbox. */
static int
directory_failed(struct failure *f, const char *call, const char *name)
{
	failure_errno(f, call, "%s", name);
	f->reply = &reply_trouble;
	return -1;
}

/*
 * Each that looks up returns 1 if the user was found, 0 if there is none,
 * and -1 with the failure.
 */
static int
try_passwd(struct lookup *l, size_t i, const char *name, struct mailbox *mb,
    struct failure *f)
{
	struct passwd pw;
	char *buf;
	int r;

	r = passwd_get(name, 0, &pw, &buf);
	if (r == -1)
		directory_failed(f, "getpwnam_r", name);
	if (r == 1) {
		l->has_id = true;
		mb->id.uid = pw.pw_uid;
		mb->id.gid = pw.pw_gid;
		/* To one that ignores case ALICE is alice. */
		if ((l->home = strdup(pw.pw_dir)) == NULL)
			r = failure_errno(f, "strdup", "home");
		else if (lookup_found(l, i, pw.pw_name, f) == -1)
			r = -1;
	}
	free(buf);
	return r;
}

/*
 * Where /etc/passwd cannot be opened glibc asks the next source, which may
 * know nobody: that is no answer.  0, or -1 and the failure.
 */
static int
passwd_is_there(struct failure *f)
{
	static const char path[] = "/etc/passwd";
	int fd, r = 0;
	char c;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		r = errno == ENOENT ? 0 : directory_failed(f, "open", path);
	else if (read(fd, &c, 1) == -1)
		r = directory_failed(f, "read", path);
	if (fd != -1)
		close(fd);
	return r;
}

/* The names, and then as directories have them that qualify theirs. */
static int
find_passwd(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	char name[NAME_BYTES + 1 + NAME_BYTES + 1];
	struct text t;
	size_t i, k;
	int r = 0;

	for (i = 0; r == 0 && i < l->n; i++)
		r = try_passwd(l, i, l->names[i], mb, f);
	for (i = 0; r == 0 && i < l->n; i++)
		for (k = 0; r == 0 && k < l->ndomains; k++) {
			if (strlen(l->domains[k]) > NAME_BYTES)
				continue;
			text_init(&t, name, sizeof(name));
			text_add(&t, l->names[i], "@", l->domains[k], NULL);
			r = try_passwd(l, i, name, mb, f);
			if (r == 1)
				l->domain = l->domains[k];
		}
	return r == 0 ? passwd_is_there(f) : r;
}

static int
find_any(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	const char *local = l->address->local;

	(void)mb;
	l->n = 0;
	lookup_add(l, local, l->user, true, local[l->user] != '\0');
	if (l->n == 0)
		return failure_set(f, &reply_bad_name,
		    "no mailbox can be named for %s", l->address->raw);
	return lookup_found(l, 0, l->names[0], f) == -1 ? -1 : 1;
}

/* May the name and the domain of l be in this path?  0 or -1. */
static int
path_check(const struct lookup *l, const char *name, const char *path,
    struct failure *f)
{
	const char *template = l->cfg->template;
	bool u = template_has(template, 'u');

	/* Names of the address were looked at; a directory may have others. */
	if ((u || template_has(template, 'n')) && !name_is_safe(name))
		return failure_set(f, &reply_wrong_setup,
		    "user %s has a name that no mailbox can have", name);
	if ((u || template_has(template, 'd')) && l->domain != NULL &&
	    !name_is_safe(l->domain))
		return failure_set(f, &reply_bad_name,
		    "no mailbox can be named for %s", l->address->raw);
	if (!name_fits(path))
		return failure_set(f, &reply_bad_name,
		    "%s has a component of more than %d bytes", path,
		    COMPONENT_BYTES);
	if (l->cfg->format->name_is_taken != NULL &&
	    l->cfg->format->name_is_taken(path))
		return failure_set(f, &reply_bad_name,
		    "%s would be taken for something else", path);
	return 0;
}

/* A path for the name, NULL and the failure if there is none. */
static char *
expand_path(const struct lookup *l, const char *name, size_t *preset,
    struct failure *f)
{
	char path[PATH_MAX];
	struct expansion e = { .home = l->home, .name = name,
	    .domain = l->domain };
	char *copy;

	if (l->home != NULL && l->home[0] != '/' &&
	    template_has(l->cfg->template, 'h')) {
		failure_set(f, &reply_wrong_setup, "user %s has no home",
		    name);
		return NULL;
	}
	if (template_expand(l->cfg->template, &e, path, sizeof(path),
	    preset) == -1) {
		failure_set(f, errno == EINVAL ? &reply_wrong_setup :
		    &reply_trouble, "template %s for user %s: %s",
		    l->cfg->template, name, strerror(errno));
		return NULL;
	}
	if (path_check(l, name, path, f) == -1)
		return NULL;
	if ((copy = strdup(path)) == NULL)
		failure_errno(f, "strdup", "%s", path);
	return copy;
}

/*
 * Is it only the user that is missing at path?  If it is the place itself,
 * or what a link on the way leads to, a disk may be missing.
 */
static int
only_user_missing(const char *path, size_t preset, struct failure *f)
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

/*
 * A way to a mailbox, one component after the other, links followed by hand.
 */
struct way {
	char		 own[PATH_MAX];	/* of the template, "" for the root */
	char		 at[PATH_MAX];	/* so far, no link in it */
	char		 rest[PATH_MAX];
	unsigned int	 links;
};

/* Begins behind the preset bytes of the path.  0, or -1 and errno. */
static int
way_begin(struct way *w, const char *path, size_t preset)
{
	char own[PATH_MAX];

	if (preset >= sizeof(own) || strlcpy(w->rest, path + preset,
	    sizeof(w->rest)) >= sizeof(w->rest)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(own, path, preset);
	own[preset] = '\0';
	if (realpath(preset == 0 ? "/" : own, w->own) == NULL)
		return -1;
	if (strcmp(w->own, "/") == 0)
		w->own[0] = '\0';
	strlcpy(w->at, w->own, sizeof(w->at));
	w->links = 0;
	return 0;
}

static int
way_stat(const struct way *w, struct stat *st)
{
	return lstat(w->at[0] == '\0' ? "/" : w->at, st);
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
	if (++w->links > 40) {
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

/* Is it on the way to the template's own part, or there? */
static bool
way_is_own(const struct way *w)
{
	size_t n = strlen(w->at);

	return strncmp(w->own, w->at, n) == 0 &&
	    (w->own[n] == '\0' || w->own[n] == '/');
}

/*
 * Who may lead others astray at this component: whoever owns it, or all, if
 * they may make what is missing in it.  0, or -1 with the failure.
 */
static int
way_check(const struct way *w, const struct stat *st, uid_t owner,
    struct failure *f)
{
	if (st->st_uid != 0 && st->st_uid != owner && !way_is_own(w))
		return failure_set(f, &reply_wrong_mailbox,
		    "%s belongs to uid %ld, neither to root nor to the owner "
		    "of the mailbox, uid %ld", w->at, (long)st->st_uid,
		    (long)owner);
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_IWOTH) != 0 &&
	    w->rest[strspn(w->rest, "/")] != '\0')
		return failure_set(f, &reply_wrong_mailbox,
		    "%s may be written by everybody, so that the owner of a "
		    "mailbox could be anybody", w->at);
	return 0;
}

/*
 * Root finds a mailbox where users have the directories above it: is it its
 * owner's by the whole way?  0, or -1 with the failure.
 */
static int
dir_check_way(const char *path, size_t preset, uid_t owner, struct failure *f)
{
	struct stat st;
	struct way w;
	int r;

	r = way_begin(&w, path, preset);
	if (r == 0 && (r = way_stat(&w, &st)) == 0)
		r = 1;
	for (; r == 1; r = way_next(&w, &st)) {
		if (way_check(&w, &st, owner, f) == -1)
			return -1;
		if (S_ISLNK(st.st_mode) && way_follow(&w) == -1) {
			r = -1;
			break;
		}
	}
	return r == -1 ? failure_errno(f, "lstat", "%s", path) : 0;
}

/*
 * Is there a link of a user's before the way ends?  Then nobody may learn
 * whether there is anything behind it: root sees what that user may not.
 */
static bool
dir_has_link(const char *path, size_t preset)
{
	struct stat st;
	struct way w;

	if (way_begin(&w, path, preset) == -1)
		return false;
	while (way_next(&w, &st) == 1)
		if (S_ISLNK(st.st_mode) && (st.st_uid != 0 ||
		    way_follow(&w) == -1))
			return st.st_uid != 0;
	return false;
}

/* Is there a mailbox, and whose?  1, 0 or -1, of which see dir_has_link. */
static int
dir_look(const struct lookup *l, const char *path, size_t preset,
    struct identity *id, struct failure *f)
{
	int r = l->cfg->format->owner(path, id, f);

	if (!l->cfg->each_as_itself)
		return r;
	if (r == 1)
		return dir_check_way(path, preset, id->uid, f) == -1 ? -1 : 1;
	if (!dir_has_link(path, preset))
		return r;
	if (r == 0)
		return failure_set(f, &reply_wrong_mailbox,
		    "a link on the way to %s leads to no mailbox", path);
	f->reply = &reply_wrong_mailbox;
	return -1;
}

/* The first of the names, in the forms of the domain, that has a mailbox. */
static int
find_dir(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	size_t i, k, preset, last_fixed = 0;
	char *path, *last = NULL;
	int r = 0;

	for (i = 0; r == 0 && i < l->n; i++)
		for (k = 0; r == 0 && (k == 0 || k < l->ndomains); k++) {
			l->domain = l->domains[k];
			path = expand_path(l, l->names[i], &preset, f);
			/* Another name may be shorter. */
			if (path == NULL && f->reply == &reply_bad_name)
				continue;
			if (path == NULL)
				r = -1;
			else if ((r = dir_look(l, path, preset, &mb->id,
			    f)) == 1 && lookup_found(l, i, l->names[i],
			    f) == -1)
				r = -1;
			free(last);
			last = path;
			last_fixed = preset;
		}
	l->has_id = r == 1;
	if (r == 0)
		r = last == NULL ? -1 : only_user_missing(last, last_fixed,
		    f);
	free(last);
	return r;
}

/* A passwd-file while it is read. */
struct scan {
	const char		*path;
	struct passwd_keys	 keys;
	struct passwd_match	 match;
	char			*line;	/* a copy of the best */
	size_t			 number;
	const char		*wrong;	/* with its form, or NULL */
	bool			 is_empty;
	bool			 torn;	/* the user may be in the last line */
};

#define NO_NEWLINE	"it has no newline, as if it were being written"

/* Keeps the line that was matched, if one was. */
static int
scan_keep(struct scan *s, const char *wrong)
{
	char *copy;

	if (s->match.line == NULL)
		return 0;
	copy = strndup(s->match.line, s->match.len);
	/* It lies in a block that the next one overwrites. */
	s->match.line = NULL;
	if (copy == NULL)
		return -1;
	free(s->line);
	s->line = copy;
	s->number = s->match.lines;
	s->wrong = wrong;
	return 1;
}

/* A line that has no LF within the block, or in the file. */
static int
scan_part(struct scan *s, const char *line, size_t len, const char *wrong)
{
	size_t rank = parse_passwd_key(line, len, &s->keys, s->match.best);

	s->match.lines++;
	s->match.line = rank < s->match.best ? line : NULL;
	s->match.len = len;
	s->match.best = rank;
	return scan_keep(s, wrong) == -1 ? -1 : 0;
}

/* The whole lines of a block.  How many bytes these are, or -1 and errno. */
static ssize_t
scan_lines(struct scan *s, const char *buf, size_t len)
{
	size_t i = 0;
	int r;

	do {
		i += parse_passwd_lines(buf + i, len - i, &s->keys,
		    &s->match);
		if ((r = scan_keep(s, NULL)) == -1)
			return -1;
	} while (r == 1 && s->match.best > 0);
	return (ssize_t)i;
}

/* Bytes of the byte order mark with which some editors begin a file. */
static size_t
byte_order_mark(const char *buf, size_t len)
{
	return len >= 3 && memcmp(buf, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/*
 * Reads the file once for all names, in blocks: one of a million lines is
 * neither copied nor kept.  A line that does not fit into a block is cut.
 */
static int
scan_file(struct scan *s, int fd)
{
	char buf[65536];
	size_t have = 0, i;
	bool first = true, rest = false;
	const char *lf;
	ssize_t n, used;

	do {
		n = read(fd, buf + have, sizeof(buf) - have);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		have += (size_t)n;
		i = first ? byte_order_mark(buf, have) : 0;
		if (first)
			s->is_empty = have == i;
		first = false;
		lf = rest ? memchr(buf, '\n', have) : NULL;
		if (rest)
			i = lf == NULL ? have : (size_t)(lf - buf) + 1;
		rest = rest && lf == NULL;
		used = scan_lines(s, buf + i, have - i);
		if (used == -1)
			return -1;
		have -= i + (size_t)used;
		memmove(buf, buf + i + used, have);
		if (have == sizeof(buf)) {
			if (scan_part(s, buf, have, "it is too long") == -1)
				return -1;
			rest = true;
			have = 0;
		}
	} while (n != 0 && s->match.best > 0);
	if (have == 0 || s->match.best == 0)
		return 0;
	s->torn = parse_passwd_torn(buf, have, &s->keys);
	return scan_part(s, buf, have, NO_NEWLINE);
}

/* 1, 0 if there is no such user or group, or -1 with the failure. */
static int
line_id(const struct passwd_line *p, struct identity *id, struct failure *f)
{
	const char *error;
	struct passwd pw;
	char *buf;
	int r = 1;

	id->uid = (uid_t)strtonum(p->uid, 0, UINT32_MAX - 1, &error);
	if (error != NULL) {
		r = passwd_get(p->uid, 0, &pw, &buf);
		if (r == -1)
			directory_failed(f, "getpwnam_r", p->uid);
		if (r == 1)
			id->uid = pw.pw_uid;
		free(buf);
	}
	if (r != 1)
		return r;
	id->gid = (gid_t)strtonum(p->gid, 0, UINT32_MAX - 1, &error);
	if (error != NULL && (r = group_get(p->gid, &id->gid)) == -1)
		directory_failed(f, "getgrnam_r", p->gid);
	return r;
}

/* %d is the domain as the key has it, where it has one. */
static int
line_domain(struct lookup *l, const char *name, size_t i, struct failure *f)
{
	size_t n = strlen(l->names[i]);

	if (name[n] != '@')
		return 0;
	if ((l->spelt = strdup(name + n + 1)) == NULL)
		return failure_errno(f, "strdup", "domain");
	name_lower(l->spelt);
	l->domain = l->spelt;
	return 0;
}

static int
wrong_line(const struct scan *s, size_t number, const char *wrong,
    struct failure *f)
{
	return failure_set(f, &reply_wrong_setup, "%s line %zu: %s", s->path,
	    number, wrong);
}

/* What the line says becomes the mailbox's; or what is wrong with it. */
static int
use_line(struct lookup *l, struct scan *s, struct mailbox *mb,
    struct failure *f)
{
	size_t rank = s->match.best, i = rank / 2;
	const char *wrong = s->wrong;
	struct passwd_line p;
	int r;

	if (wrong == NULL)
		wrong = parse_passwd_line(s->line, &p);
	if (wrong != NULL)
		return wrong_line(s, s->number, wrong, f);
	mb->quota = p.quota;
	mb->has_quota = p.has_quota;
	if ((l->home = strdup(p.home)) == NULL)
		return failure_errno(f, "strdup", "home");
	if (lookup_found(l, i, l->names[i], f) == -1 ||
	    (rank % 2 == 0 && line_domain(l, p.name, i, f) == -1))
		return -1;
	if (l->cfg->one_user)
		return 1;
	if (p.uid[0] == '\0' || p.gid[0] == '\0')
		return wrong_line(s, s->number,
		    "without -u it needs a uid and a gid", f);
	l->has_id = true;
	r = line_id(&p, &mb->id, f);
	return r != 0 ? r : wrong_line(s, s->number,
	    "there is no such uid or gid", f);
}

/*
 * The passwd-file, or that of the domain, in the first of its forms that
 * there is one for.  A descriptor, -1 with errno, or -2 where a domain has
 * none.
 */
static int
open_users(struct lookup *l, char path[PATH_MAX], struct failure *f)
{
	const char *template = l->cfg->users_path;
	struct expansion e = { .name = NULL };
	size_t k, preset;
	int fd;

	for (k = 0; k == 0 || k < l->ndomains; k++) {
		e.domain = l->domains[k];
		if (template_expand(template, &e, path, PATH_MAX, &preset) ==
		    -1)
			return -1;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd != -1) {
			l->domain = e.domain;
			return fd;
		}
		if (errno != ENOENT || !template_has(template, 'd'))
			return -1;
	}
	return only_user_missing(path, preset, f) == -1 ? -1 : -2;
}

static int
find_file(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	char path[PATH_MAX] = "";
	struct scan s;
	size_t i;
	int fd, r;

	memset(&s, 0, sizeof(s));
	s.path = path;
	s.match.best = 2 * l->n;
	s.keys.n = l->n;
	for (i = 0; i < l->n; i++) {
		s.keys.names[i] = l->names[i];
		s.keys.lens[i] = strlen(l->names[i]);
	}
	s.keys.domain = l->utf8;
	fd = open_users(l, path, f);
	if (fd == -2)
		return 0;
	if (fd == -1 || scan_file(&s, fd) == -1) {
		failure_errno(f, "read", "%s", path);
		f->reply = &reply_wrong_setup;
		r = -1;
	} else if (s.is_empty)
		r = failure_set(f, &reply_wrong_setup, "%s is empty", path);
	else if (s.line != NULL)
		r = use_line(l, &s, mb, f);
	else
		r = s.torn ? wrong_line(&s, s.match.lines, NO_NEWLINE, f) : 0;
	free(s.line);
	if (fd != -1)
		close(fd);
	return r;
}

/*
 * The sources.
 */
static const struct source sources[] = {
	{ .name = "passwd", .find = find_passwd, .has_home = true,
	    .makes_mailboxes = true, .is_system = true, .asks_nss = true },
	{ .name = "file", .find = find_file, .takes_path = true,
	    .has_home = true, .makes_mailboxes = true, .names_ids = true },
	{ .name = "dir", .find = find_dir },
	{ .name = "any", .find = find_any, .makes_mailboxes = true,
	    .root_wants_u = true }
};

const char *
user_source(const char *arg, struct config *cfg)
{
	size_t i, len = strcspn(arg, ":");
	const struct source *s;
	const char *p;

	for (i = 0; i < nitems(sources); i++) {
		s = &sources[i];
		if (strlen(s->name) != len ||
		    strncmp(arg, s->name, len) != 0 ||
		    s->takes_path != (arg[len] == ':'))
			continue;
		cfg->users = s;
		if (!s->takes_path)
			return NULL;
		cfg->users_path = arg + len + 1;
		for (p = cfg->users_path; (p = strchr(p, '%')) != NULL; p += 2)
			if (p[1] != 'd' && p[1] != '%')
				return "in the path of -U file stand only %d "
				    "and %%";
		if (cfg->users_path[0] == '/')
			return NULL;
		break;
	}
	return "-U takes passwd, dir, any or file:/PATH";
}

bool
user_asks_nss(const struct config *cfg)
{
	return cfg->users->asks_nss ||
	    (cfg->users->names_ids && !cfg->one_user);
}

/* As whom the mailbox is to be written, if that can be. */
static int
mailbox_set_identity(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	const struct config *cfg = l->cfg;
	const char *name = mb->name;

	if (!cfg->each_as_itself) {
		if (l->has_id && !cfg->one_user && mb->id.uid != cfg->uid)
			return failure_set(f, &reply_trouble,
			    "user %s has uid %ld, and without root all is "
			    "done as uid %ld", name, (long)mb->id.uid,
			    (long)cfg->uid);
		mb->id.uid = cfg->uid;
		mb->id.gid = cfg->gid;
		return 0;
	}
	/* To setresuid(2) it means «as it is», and that is root. */
	if (mb->id.uid == (uid_t)-1 || mb->id.gid == (gid_t)-1)
		return failure_set(f, &reply_wrong_setup,
		    "user %s has an id that is none", name);
	if (cfg->users->is_system)
		mb->id.name = mb->name;
	else if (mb->id.uid == 0)
		return failure_set(f, &reply_wrong_setup,
		    "user %s would be root", name);
	return 0;
}

/* Where the user's scripts are, if there are any. */
static int
expand_scripts(const struct lookup *l, struct mailbox *mb,
    struct failure *f)
{
	char template[PATH_MAX], path[PATH_MAX], all[2 * PATH_MAX];
	const char *s = l->cfg->scripts;
	struct expansion e = { .home = l->home,
	    .name = l->name, .domain = l->domain };
	struct text t, one;
	size_t len, preset;

	text_init(&t, all, sizeof(all));
	for (; s != NULL; s = s[len] == ':' ? s + len + 1 : NULL) {
		len = strcspn(s, ":");
		text_init(&one, template, sizeof(template));
		text_bytes(&one, s, len);
		if (template_expand(template, &e, path, sizeof(path),
		    &preset) == -1)
			return failure_set(f, &reply_wrong_setup,
			    "script %s for user %s: %s", template, e.name,
			    strerror(errno));
		text_add(&t, t.len > 0 ? ":" : "", path, NULL);
	}
	mb->scripts = strdup(all);
	return mb->scripts == NULL ?
	    failure_errno(f, "strdup", "scripts") : 0;
}

static int
mailbox_set(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	const char *local = l->address->local;
	bool split;

	mb->path = expand_path(l, l->name, &mb->preset, f);
	if (mb->path == NULL)
		return -1;
	if (l->cfg->scripts != NULL && expand_scripts(l, mb, f) == -1)
		return -1;
	mb->name = l->name;
	l->name = NULL;
	/* One too long for a folder is not kept: there may be a thousand. */
	split = l->name_split && l->cfg->folders &&
	    strlen(local + l->user + 1) < FOLDER_BYTES;
	if (split && (mb->detail = strdup(local + l->user + 1)) == NULL)
		return failure_errno(f, "strdup", "detail");
	return mailbox_set_identity(l, mb, f);
}

/* Looks up the names and domains of l.  0, or -1 and the failure. */
static int
lookup_run(struct lookup *l, char forms[2][COMMAND_MAX + 1],
    struct mailbox *mb, struct failure *f)
{
	const struct config *cfg = l->cfg;
	bool has_domain = l->address->domain[0] != '\0';
	bool wants_domain = template_has(cfg->template, 'd') ||
	    (cfg->users_path != NULL && template_has(cfg->users_path, 'd'));

	if (wants_domain && !has_domain)
		return failure_set(f, &reply_bad_name,
		    "%s has no domain, and a path wants one",
		    l->address->raw);
	lookup_names(l);
	if (has_domain)
		lookup_domains(l, wants_domain ||
		    template_has(cfg->template, 'u'), forms);
	if (l->n == 0 || (has_domain && l->ndomains == 0))
		return failure_set(f, &reply_bad_name,
		    "no mailbox can be named for %s", l->address->raw);
	switch (cfg->users->find(l, mb, f)) {
	case 1:
		return mailbox_set(l, mb, f);
	case 0:
		return failure_set(f, &reply_no_user, "no user for %s",
		    l->address->raw);
	default:
		return -1;
	}
}

int
user_find(const struct config *cfg, const struct address *a,
    struct mailbox *mb, struct failure *f)
{
	struct lookup l = { .cfg = cfg, .address = a };
	char forms[2][COMMAND_MAX + 1];
	int r;

	memset(mb, 0, sizeof(*mb));
	l.user = address_split(a->local, cfg->delimiters);
	r = lookup_run(&l, forms, mb, f);
	free(l.name);
	free(l.home);
	free(l.spelt);
	return r;
}

/*
 * A name or a number, and the login name that goes with it if any.  Two
 * numbers say all: nobody is asked who that is.
 */
int
user_option(const char *s, struct config *cfg, char **name)
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
	if (error != NULL || colon == NULL) {
		r = passwd_get(error != NULL ? user : NULL, cfg->uid, &pw,
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
	return error == NULL ? 1 : group_get(colon + 1, &cfg->gid);
}
