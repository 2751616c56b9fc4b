/*
 * An address to a mailbox: who the user is, and where that user's mail goes.
 * Names come from strangers; name_is_safe stands before every path.
 */
#include <errno.h>
#include <fcntl.h>
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
	const char		*name;		/* that was found */
	bool			 name_split;
	const char		*domain;	/* the form for %d, or NULL */
	const char		*home;		/* NULL if there is none */
	char			*text;		/* where these may lie */
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
	if (l->user < all)
		lookup_add(l, local, l->user, false, true);
	lookup_add(l, local, all, true, false);
	if (l->user < all)
		lookup_add(l, local, l->user, true, true);
}

/* The domain's forms; for a path only those that may be a part of one. */
static void
lookup_domains(struct lookup *l, bool in_path,
    char forms[2][COMMAND_MAX])
{
	const char *domain = l->address->domain;
	size_t i, len = strlen(domain);

	if (!name_has_forms(domain, len) || name_domain(domain, len, true,
	    forms[0], COMMAND_MAX) == -1 || name_domain(domain, len,
	    false, forms[1], COMMAND_MAX) == -1) {
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

/* Name i of the list is the user's, and the source calls it so. */
static void
lookup_found(struct lookup *l, size_t i, const char *name)
{
	l->name_split = l->split[i];
	l->name = name;
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

	r = account_passwd(name, 0, &pw, &buf);
	if (r == -1)
		account_failed(f, "getpwnam_r", name);
	if (r != 1) {
		free(buf);
		return r;
	}
	l->text = buf;
	l->has_id = true;
	mb->id.uid = pw.pw_uid;
	mb->id.gid = pw.pw_gid;
	l->home = pw.pw_dir;
	/* To one that ignores case ALICE is alice. */
	lookup_found(l, i, pw.pw_name);
	return 1;
}

/* The names, and then as directories have them that qualify theirs. */
static int
find_passwd(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	char name[COMMAND_MAX];
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
	return r == 0 ? nss_has_answered(l->names[0], f) : r;
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
	lookup_found(l, 0, l->names[0]);
	return 1;
}

/* Is there a path that takes this of the address: -d, of -U file, of -S? */
static bool
paths_have(const struct config *cfg, char conversion)
{
	return template_has(cfg->template, conversion) ||
	    (cfg->users_path != NULL &&
	    template_has(cfg->users_path, conversion)) ||
	    (cfg->scripts != NULL && template_has(cfg->scripts, conversion));
}

/* May the name and the domain of l be in this path?  0 or -1. */
static int
path_check(const struct lookup *l, const char *name, const char *path,
    struct failure *f)
{
	const struct config *cfg = l->cfg;

	/* Names of the address were looked at; a directory may have others. */
	if (!name_is_safe(name) &&
	    (paths_have(cfg, 'u') || paths_have(cfg, 'n')))
		return failure_set(f, &reply_wrong_setup,
		    "user %s has a name that no mailbox can have", name);
	if (l->domain != NULL && !name_is_safe(l->domain) &&
	    (paths_have(cfg, 'u') || paths_have(cfg, 'd')))
		return failure_set(f, &reply_bad_name,
		    "no mailbox can be named for %s", l->address->raw);
	if (!name_fits(path))
		return failure_set(f, &reply_bad_name,
		    "%s has a component of more than %d bytes", path,
		    COMPONENT_BYTES);
	if (cfg->format->name_is_taken != NULL &&
	    cfg->format->name_is_taken(path))
		return failure_set(f, &reply_bad_name,
		    "%s would be taken for a lock", path);
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

/* Is there a mailbox, and whose?  1, 0 or -1, of which see way_has_link. */
static int
dir_look(const struct lookup *l, const char *path, size_t preset,
    struct identity *id, struct failure *f)
{
	int r = l->cfg->format->owner(path, id, f);

	if (!l->cfg->each_as_itself)
		return r;
	if (r == 1)
		return way_check(path, preset, id->uid, f) == -1 ? -1 : 1;
	if (!way_has_link(path, preset))
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
	size_t i, k, preset, last_preset = 0;
	char *path, *last = NULL;
	int r = 0;

	for (i = 0; r == 0 && i < l->n; i++)
		for (k = 0; r == 0 && (k == 0 || k < l->ndomains); k++) {
			l->domain = l->domains[k];
			path = expand_path(l, l->names[i], &preset, f);
			/* Another name may be shorter. */
			if (path == NULL && f->reply == &reply_bad_name)
				continue;
			r = path == NULL ? -1 :
			    dir_look(l, path, preset, &mb->id, f);
			if (r == 1)
				lookup_found(l, i, l->names[i]);
			free(last);
			last = path;
			last_preset = preset;
		}
	l->has_id = r == 1;
	if (r == 0)
		r = last == NULL ? -1 : way_exists(last, last_preset, f);
	free(last);
	return r;
}

/* 1, 0 if there is no such user or group, or -1 with the failure. */
static int
line_id(const struct passwd_line *p, struct identity *id, struct failure *f)
{
	struct passwd pw;
	uint64_t n;
	char *buf;
	int r = 1;

	if (parse_size(p->uid, false, &n) == 0 && n < UINT32_MAX)
		id->uid = (uid_t)n;
	else {
		r = account_passwd(p->uid, 0, &pw, &buf);
		if (r == -1)
			account_failed(f, "getpwnam_r", p->uid);
		if (r == 1)
			id->uid = pw.pw_uid;
		free(buf);
	}
	if (r != 1)
		return r;
	if (parse_size(p->gid, false, &n) == 0 && n < UINT32_MAX)
		id->gid = (gid_t)n;
	else if ((r = account_group(p->gid, &id->gid)) == -1)
		account_failed(f, "getgrnam_r", p->gid);
	return r;
}

static int
wrong_line(const struct passwd_scan *s, const char *wrong, struct failure *f)
{
	return failure_set(f, &reply_wrong_setup, "%s line %zu: %s", s->path,
	    passwd_number(s), wrong);
}

/* What the line says becomes the mailbox's; or what is wrong with it. */
static int
use_line(struct lookup *l, struct passwd_scan *s, struct mailbox *mb,
    struct failure *f)
{
	size_t rank = s->match.best, i = rank / 2;
	const char *wrong = s->wrong;
	struct passwd_line p;
	char *domain;
	int r;

	if (wrong == NULL)
		wrong = parse_passwd_line(s->line, &p);
	if (wrong != NULL)
		return wrong_line(s, wrong, f);
	mb->quota = p.quota;
	mb->has_quota = p.has_quota;
	l->home = p.home;
	lookup_found(l, i, l->names[i]);
	/* %d is the domain as the key has it, where it has one. */
	if (rank % 2 == 0) {
		domain = s->line + s->keys.lens[i] + 1;
		name_lower(domain);
		l->domain = domain;
	}
	if (l->cfg->one_user)
		return 1;
	if (p.uid[0] == '\0' || p.gid[0] == '\0')
		return wrong_line(s, "without -u it needs a uid and a gid",
		    f);
	l->has_id = true;
	r = line_id(&p, &mb->id, f);
	return r != 0 ? r : wrong_line(s, "there is no such uid or gid", f);
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
		/* A pipe would hold up everybody, SIGTERM too. */
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd != -1) {
			l->domain = e.domain;
			return fd;
		}
		if (errno != ENOENT || !template_has(template, 'd'))
			return -1;
	}
	return way_exists(path, preset, f) == -1 ? -1 : -2;
}

static int
find_file(struct lookup *l, struct mailbox *mb, struct failure *f)
{
	char path[PATH_MAX];
	struct passwd_scan s;
	size_t i;
	int r;

	memset(&s, 0, sizeof(s));
	s.path = path;
	s.match.best = 2 * l->n;
	s.keys.n = l->n;
	for (i = 0; i < l->n; i++) {
		s.keys.names[i] = l->names[i];
		s.keys.lens[i] = strlen(l->names[i]);
	}
	s.keys.domain = l->utf8;
	s.fd = open_users(l, path, f);
	if (s.fd == -2)
		return 0;
	if (s.fd == -1 || passwd_scan(&s) == -1) {
		failure_errno(f, "read", "%s", path);
		f->reply = &reply_wrong_setup;
		r = -1;
	} else if (s.is_empty)
		r = failure_set(f, &reply_wrong_setup, "%s is empty", path);
	else if (s.line != NULL)
		r = use_line(l, &s, mb, f);
	else if (s.has_nul)
		/* A crash, or a copy that is not done, where lines will be. */
		r = failure_set(f, &reply_wrong_setup, "%s has NUL bytes, as "
		    "if it were being written", path);
	else
		r = !s.torn ? 0 : wrong_line(&s, PASSWD_NO_NEWLINE, f);
	l->text = s.line;
	if (s.fd != -1)
		close(s.fd);
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
		    "user %s has uid 0, and only -U passwd and -u root "
		    "deliver as root", name);
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
	if ((mb->name = strdup(l->name)) == NULL)
		return failure_errno(f, "strdup", "name");
	/* One too long for a folder is not kept: there may be a thousand. */
	split = l->name_split && l->cfg->folders &&
	    strlen(local + l->user + 1) < FOLDER_BYTES;
	if (split && (mb->detail = strdup(local + l->user + 1)) == NULL)
		return failure_errno(f, "strdup", "detail");
	return mailbox_set_identity(l, mb, f);
}

/* Looks up the names and domains of l.  0, or -1 and the failure. */
static int
lookup_run(struct lookup *l, char forms[2][COMMAND_MAX],
    struct mailbox *mb, struct failure *f)
{
	const struct config *cfg = l->cfg;
	bool has_domain = l->address->domain[0] != '\0';
	bool wants_domain = paths_have(cfg, 'd');

	if (wants_domain && !has_domain)
		return failure_set(f, &reply_bad_name,
		    "%s has no domain, and a template has %%d",
		    l->address->raw);
	lookup_names(l);
	if (has_domain)
		lookup_domains(l, wants_domain || paths_have(cfg, 'u'),
		    forms);
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
	char forms[2][COMMAND_MAX];
	int r;

	memset(mb, 0, sizeof(*mb));
	l.user = address_split(a->local, cfg->delimiters);
	r = lookup_run(&l, forms, mb, f);
	free(l.text);
	return r;
}
