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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

/* The names to look up, in order, and how it stands with them. */
struct lookup {
	const struct config	*cfg;
	const char		*domain;	/* or NULL */
	char			 names[4][NAME_BYTES + 1];
	bool			 split[4];	/* without the detail */
	size_t			 n;
	size_t			 match;
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
	return cfg->users != USERS_DIR && mb->fixed < strlen(mb->path);
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
lookup_names(struct lookup *l, const struct address *a)
{
	size_t all = strlen(a->local);
	size_t user = address_split(a->local, l->cfg->delimiters);

	if (l->cfg->users == USERS_ANY) {
		lookup_add(l, a->local, user, true, user < all);
		return;
	}
	lookup_add(l, a->local, all, false, false);
	lookup_add(l, a->local, user, false, user < all);
	lookup_add(l, a->local, all, true, false);
	lookup_add(l, a->local, user, true, user < all);
}

/* getpwnam(3) cannot tell «nobody» from «the directory is down». */
static int
passwd_get(const char *name, struct passwd *pw, char **buf,
    struct passwd **found)
{
	size_t size = 1024;
	char *p;
	int err;

	for (*buf = NULL; ; size *= 2) {
		if ((p = reallocarray(*buf, size, 1)) == NULL)
			return -1;
		*buf = p;
		err = getpwnam_r(name, pw, *buf, size, found);
		if (err == ERANGE && size < 1024 * 1024)
			continue;
		if (err == EINTR) {
			size /= 2;
			continue;
		}
		errno = err;
		return err == 0 ? 0 : -1;
	}
}

static int
group_get(const char *name, gid_t *gid)
{
	struct group *gr;

	errno = 0;
	if ((gr = getgrnam(name)) == NULL) {
		if (errno == 0)
			errno = ENOENT;
		return -1;
	}
	*gid = gr->gr_gid;
	return 0;
}

/*
 * Each that looks up returns 1 if the user was found, 0 if there is none,
 * and -1 with the failure.
 */
static int
find_passwd(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	struct passwd pw, *found;
	char *buf;
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (passwd_get(l->names[i], &pw, &buf, &found) == -1) {
			failure_errno(f, "getpwnam_r", "%s", l->names[i]);
			free(buf);
			return -1;
		}
		if (found != NULL) {
			l->match = i;
			l->has_id = true;
			mb->id.uid = pw.pw_uid;
			mb->id.gid = pw.pw_gid;
			l->home = strdup(pw.pw_dir);
			free(buf);
			return l->home == NULL ?
			    failure_errno(f, "strdup", "home") : 1;
		}
		free(buf);
	}
	return 0;
}

/* A path for one of the names, NULL and the failure if there is none. */
static char *
expand_path(const struct lookup *l, size_t i, size_t *fixed,
    struct failure *f)
{
	char path[PATH_MAX];
	struct expansion e = { .home = l->home, .name = l->names[i],
	    .domain = l->domain };
	char *copy;

	if (l->home != NULL && l->home[0] != '/' &&
	    template_has(l->cfg->template, 'h')) {
		failure_set(f, &reply_wrong_setup, "user %s has no home",
		    l->names[i]);
		return NULL;
	}
	if (template_expand(l->cfg->template, &e, path, sizeof(path),
	    fixed) == -1) {
		failure_set(f, errno == EINVAL ? &reply_wrong_setup :
		    &reply_trouble, "template %s for user %s: %s",
		    l->cfg->template, l->names[i], strerror(errno));
		return NULL;
	}
	if (l->cfg->format->name_is_taken != NULL &&
	    l->cfg->format->name_is_taken(path)) {
		failure_set(f, &reply_bad_name,
		    "%s would be taken for something else", path);
		return NULL;
	}
	if ((copy = strdup(path)) == NULL)
		failure_errno(f, "strdup", "%s", path);
	return copy;
}

/*
 * Is it only the user that is missing at path?  If it is the place itself,
 * or what a link on the way leads to, a disk may be missing.
 */
static int
only_user_missing(const char *path, size_t fixed, struct failure *f)
{
	char dir[PATH_MAX];
	struct stat st;
	char *slash;

	strlcpy(dir, path, sizeof(dir));
	do {
		slash = strrchr(dir, '/');
		*slash = '\0';
	} while (slash > dir + fixed && lstat(dir, &st) == -1);
	return slash > dir && stat(dir, &st) == -1 ?
	    failure_errno(f, "stat", "%s", dir) : 0;
}

static int
find_dir(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	size_t i, fixed;
	char *path;
	int r = 0;

	for (i = 0; r == 0 && i < l->n; i++) {
		if ((path = expand_path(l, i, &fixed, f)) == NULL)
			return -1;
		r = l->cfg->format->owner(path, &mb->id, f);
		if (r == 0 && i == l->n - 1)
			r = only_user_missing(path, fixed, f);
		free(path);
		if (r == 1) {
			l->match = i;
			l->has_id = true;
		}
	}
	return r;
}

/* The best line of a passwd-file: keys earlier in order are better. */
struct scan {
	char	*line;
	size_t	 key;		/* 2i: name i with the domain; 2i + 1: alone */
	size_t	 number;
	bool	 cut;		/* it was longer than the block */
	size_t	 lens[4];	/* of the names */
};

/* The key of the line, or s->key if that is as good. */
static size_t
line_key(const struct lookup *l, const struct scan *s, const char *line,
    size_t len)
{
	size_t i, n;

	for (i = 0; 2 * i < s->key; i++) {
		/* Of a million lines all but a few end here. */
		n = s->lens[i];
		if (len < n ||
		    (len > n && line[n] != ':' && line[n] != '@') ||
		    line[n - 1] != l->names[i][n - 1])
			continue;
		if (l->domain != NULL && parse_passwd_key(line, len,
		    l->names[i], l->domain))
			return 2 * i;
		if (parse_passwd_key(line, len, l->names[i], NULL))
			return 2 * i + 1;
	}
	return s->key;
}

static int
scan_line(const struct lookup *l, struct scan *s, const char *line,
    size_t len, size_t number, bool cut)
{
	size_t key = line_key(l, s, line, len);
	char *copy;

	if (key >= s->key)
		return 0;
	if ((copy = strndup(line, len)) == NULL)
		return -1;
	free(s->line);
	s->line = copy;
	s->key = key;
	s->number = number;
	s->cut = cut;
	return 0;
}

/*
 * Reads the file once for all names, in blocks: one of a million lines is
 * neither copied nor kept.  A line that does not fit into a block is cut.
 */
static int
scan_file(const struct lookup *l, struct scan *s, int fd)
{
	char buf[65536];
	size_t have = 0, number = 0, i, len;
	ssize_t n;
	const char *lf;
	bool rest = false;

	s->key = 2 * l->n;
	for (i = 0; i < l->n; i++)
		s->lens[i] = strlen(l->names[i]);
	do {
		n = read(fd, buf + have, sizeof(buf) - have);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		have += (size_t)n;
		for (i = 0; i < have && s->key > 0; i += len + 1) {
			lf = memchr(buf + i, '\n', have - i);
			if (lf == NULL && n > 0 && have - i < sizeof(buf))
				break;
			len = (size_t)((lf == NULL ? buf + have : lf) -
			    (buf + i));
			if (!rest && scan_line(l, s, buf + i, len, ++number,
			    lf == NULL && n > 0) == -1)
				return -1;
			rest = lf == NULL;
		}
		/* A line that ends with the block has no LF behind it. */
		if (i > have)
			i = have;
		have -= i;
		memmove(buf, buf + i, have);
	} while (n != 0 && s->key > 0);
	return 0;
}

static int
line_id(const struct passwd_line *p, struct identity *id)
{
	const char *error;
	struct passwd pw, *found;
	char *buf;

	id->uid = (uid_t)strtonum(p->uid, 0, UINT32_MAX - 1, &error);
	if (error != NULL) {
		if (passwd_get(p->uid, &pw, &buf, &found) == -1) {
			free(buf);
			return -1;
		}
		if (found != NULL)
			id->uid = pw.pw_uid;
		free(buf);
		if (found == NULL) {
			errno = ENOENT;
			return -1;
		}
	}
	id->gid = (gid_t)strtonum(p->gid, 0, UINT32_MAX - 1, &error);
	return error != NULL ? group_get(p->gid, &id->gid) : 0;
}

/* What the line says becomes the mailbox's; or what is wrong with it. */
static int
use_line(struct lookup *l, struct scan *s, struct mailbox *mb,
    struct failure *f)
{
	const struct config *cfg = l->cfg;
	const char *wrong;
	struct passwd_line p;

	if (s->cut) {
		wrong = "it is too long";
		goto bad;
	}
	if ((wrong = parse_passwd_line(s->line, &p)) != NULL)
		goto bad;
	l->match = s->key / 2;
	mb->quota = p.quota;
	mb->has_quota = p.has_quota;
	if ((l->home = strdup(p.home)) == NULL)
		return failure_errno(f, "strdup", "home");
	if (cfg->has_user)
		return 1;
	l->has_id = p.uid[0] != '\0' && p.gid[0] != '\0';
	if (!l->has_id) {
		wrong = "without -u it needs a uid and a gid";
		goto bad;
	}
	if (line_id(&p, &mb->id) == -1) {
		if (errno != ENOENT)
			return failure_errno(f, "lookup of uid and gid", "%s",
			    s->line);
		wrong = "there is no such uid or gid";
		goto bad;
	}
	return 1;
bad:
	return failure_set(f, &reply_wrong_setup, "%s line %zu: %s",
	    cfg->users_path, s->number, wrong);
}

static int
find_file(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	struct scan s;
	int fd, r;

	memset(&s, 0, sizeof(s));
	fd = open(l->cfg->users_path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || scan_file(l, &s, fd) == -1) {
		failure_errno(f, "read", "%s", l->cfg->users_path);
		f->reply = &reply_wrong_setup;
		r = -1;
	} else
		r = s.line == NULL ? 0 : use_line(l, &s, mb, f);
	free(s.line);
	if (fd != -1)
		close(fd);
	return r;
}

static int
find(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	switch (l->cfg->users) {
	case USERS_PASSWD:
		return find_passwd(l, mb, f);
	case USERS_DIR:
		return find_dir(l, mb, f);
	case USERS_FILE:
		return find_file(l, mb, f);
	case USERS_ANY:
		break;
	}
	return 1;
}

/* As whom the mailbox is to be written, if that can be. */
static int
mailbox_set_identity(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	const struct config *cfg = l->cfg;
	const char *name = l->names[l->match];

	if (!cfg->switches) {
		if (l->has_id && !cfg->has_user && mb->id.uid != cfg->uid)
			return failure_set(f, &reply_trouble,
			    "user %s has uid %ld, and without root all is "
			    "done as uid %ld", name, (long)mb->id.uid,
			    (long)cfg->uid);
		mb->id.uid = cfg->uid;
		mb->id.gid = cfg->gid;
		return 0;
	}
	/* To setresuid(2) it means «as it is»: root. */
	if (mb->id.uid == (uid_t)-1 || mb->id.gid == (gid_t)-1)
		return failure_set(f, &reply_wrong_setup,
		    "user %s has an id that is none", name);
	if (cfg->users == USERS_PASSWD)
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
	    .name = l->names[l->match], .domain = l->domain };
	struct text t, one;
	size_t len, fixed;

	text_init(&t, all, sizeof(all));
	for (; s != NULL; s = s[len] == ':' ? s + len + 1 : NULL) {
		len = strcspn(s, ":");
		text_init(&one, template, sizeof(template));
		text_bytes(&one, s, len);
		if (template_expand(template, &e, path, sizeof(path),
		    &fixed) == -1)
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
mailbox_set(struct lookup *l, const struct address *a, struct mailbox *mb,
    struct failure *f)
{
	size_t user = address_split(a->local, l->cfg->delimiters);
	bool split;

	mb->path = expand_path(l, l->match, &mb->fixed, f);
	if (mb->path == NULL)
		return -1;
	mb->name = strdup(l->names[l->match]);
	if (l->cfg->scripts != NULL && expand_scripts(l, mb, f) == -1)
		return -1;
	/* A thousand long ones would be much to keep for nothing. */
	split = l->split[l->match] && l->cfg->folders &&
	    strlen(a->local + user + 1) < FOLDER_BYTES;
	if (split)
		mb->detail = strdup(a->local + user + 1);
	if (mb->name == NULL || (split && mb->detail == NULL))
		return failure_errno(f, "strdup", "name");
	return mailbox_set_identity(l, mb, f);
}

int
user_find(const struct config *cfg, const struct address *a,
    struct mailbox *mb, struct failure *f)
{
	struct lookup l = { .cfg = cfg };
	bool needs_domain = template_has(cfg->template, 'd');
	int r;

	memset(mb, 0, sizeof(*mb));
	if (a->domain[0] != '\0')
		l.domain = a->domain;
	lookup_names(&l, a);
	if (needs_domain && l.domain == NULL)
		return failure_set(f, &reply_bad_name,
		    "%s has no domain, and the template wants one", a->raw);
	if (l.n == 0 || (l.domain != NULL && !name_is_safe(l.domain) &&
	    (needs_domain || template_has(cfg->template, 'u'))))
		return failure_set(f, &reply_bad_name,
		    "no mailbox can be named for %s", a->raw);
	switch (find(&l, mb, f)) {
	case 1:
		r = mailbox_set(&l, a, mb, f);
		break;
	case 0:
		r = failure_set(f, &reply_no_user, "no user for %s", a->raw);
		break;
	default:
		r = -1;
		break;
	}
	free(l.home);
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
	struct passwd *pw = NULL;
	char *user;

	if ((user = strndup(s, colon == NULL ? strlen(s) :
	    (size_t)(colon - s))) == NULL)
		return -1;
	*name = NULL;
	cfg->uid = (uid_t)strtonum(user, 0, UINT32_MAX - 1, &error);
	if (error != NULL)
		pw = getpwnam(user);
	else if (colon == NULL)
		pw = getpwuid(cfg->uid);
	free(user);
	if (pw != NULL) {
		cfg->uid = pw->pw_uid;
		cfg->gid = pw->pw_gid;
		if ((*name = strdup(pw->pw_name)) == NULL)
			return -1;
	} else if (error != NULL || colon == NULL)
		return -1;
	if (colon == NULL)
		return 0;
	cfg->gid = (gid_t)strtonum(colon + 1, 0, UINT32_MAX - 1, &error);
	return error == NULL ? 0 : group_get(colon + 1, &cfg->gid);
}
