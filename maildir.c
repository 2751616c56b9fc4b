/*
 * Maildir: written in tmp/, moved to new/, over nothing; folders by
 * Maildir++; directories made as needed.  All as the recipient, so that
 * links lead nowhere that the recipient could not go.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lmtpd.h"

#define DIR_FLAGS	(O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static int
wrong_kind(struct failure *f, const char *path)
{
	failure_errno(f, "open", "%s", path);
	f->reply = &reply_wrong_mailbox;
	return -1;
}

/* One of the three directories of a Maildir or its folder. */
static int
make_part(const struct delivery *d, const char *part)
{
	char path[512];

	snprintf(path, sizeof(path), "%s%s", d->folder, part);
	return mkdirat(d->dir, path, 0700) == -1 && errno != EEXIST ? -1 : 0;
}

/*
 * Those that are missing.  tmp is made last: where it is, whoever made the
 * Maildir lived until the rest of it was safe.
 */
static int
make_parts(const struct delivery *d)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	bool inbox = d->folder[0] == '\0';

	if (make_part(d, "cur") == -1 || make_part(d, "new") == -1 ||
	    (inbox && os_sync_parents(mb->path, mb->fixed) == -1) ||
	    os_sync_dir(d->dir, inbox ? "." : d->folder, true) == -1)
		return -1;
	return make_part(d, "tmp");
}

/* Opens the Maildir, and makes it if it may be made.  Descriptor or -1. */
static int
open_maildir(const struct config *cfg, const struct mailbox *mb,
    struct failure *f)
{
	int fd = open(mb->path, DIR_FLAGS);

	/* A server that was restarted knows the name still. */
	if (fd == -1 && errno == ESTALE)
		fd = open(mb->path, DIR_FLAGS);
	if (fd == -1 && errno == ENOENT && mailbox_may_be_made(cfg, mb)) {
		if (os_make_dirs(mb->path, mb->fixed, true) == -1)
			return failure_errno(f, "mkdir", "%s", mb->path);
		fd = open(mb->path, DIR_FLAGS);
	}
	if (fd == -1 && errno == ENOTDIR)
		return wrong_kind(f, mb->path);
	if (fd == -1)
		return failure_errno(f, "open", "%s", mb->path);
	return fd;
}

/* user+a.b goes to .a.b; "a..b" would be no folder's name. */
static bool
is_folder_name(const char *detail)
{
	size_t len = strlen(detail);

	return len > 0 && len < FOLDER_BYTES && detail[0] != '.' &&
	    detail[len - 1] != '.' && strstr(detail, "..") == NULL &&
	    strchr(detail, '/') == NULL;
}

static bool
has_cur(int dir, const char *folder)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%scur", folder);
	return fstatat(dir, path, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* The folder of that name, or one that differs only in case, or none. */
static int
find_folder(struct delivery *d)
{
	const char *detail = d->rcpt->mailbox.detail, *name;
	DIR *dir;

	if (!d->cfg->folders || detail == NULL || !is_folder_name(detail))
		return 0;
	snprintf(d->folder, sizeof(d->folder), ".%s/", detail);
	if (has_cur(d->dir, d->folder))
		return 0;
	d->folder[0] = '\0';
	/* Where nothing may be listed, only the exact name can be had. */
	if ((dir = os_open_dir(d->dir, ".")) == NULL)
		return errno == EACCES ? 0 : -1;
	while ((name = os_read_dir(dir)) != NULL) {
		if (name[0] != '.' || strcasecmp(name + 1, detail) != 0)
			continue;
		snprintf(d->folder, sizeof(d->folder), "%s/", name);
		if (has_cur(d->dir, d->folder)) {
			closedir(dir);
			return 0;
		}
		d->folder[0] = '\0';
	}
	return os_close_dir(dir);
}

/* The host in a file's name: / would be a path, : begins the flags. */
static void
add_name_host(struct text *t, const char *host)
{
	size_t n, end = t->len + HOST_BYTES;

	while (*host != '\0' && t->len < end) {
		n = strcspn(host, "/:");
		if (n > end - t->len)
			n = end - t->len;
		text_bytes(t, host, n);
		host += n;
		if (*host == '/' || *host == ':')
			text_add(t, *host++ == '/' ? "\\057" : "\\072", NULL);
	}
}

static void
name_tmp(struct delivery *d)
{
	struct text t;

	text_init(&t, d->tmp, sizeof(d->tmp));
	text_add(&t, d->folder, "tmp/", d->unique, ".", NULL);
	add_name_host(&t, d->cfg->host);
}

/* The same name, with the sizes that readers would have to count. */
static void
name_new(struct delivery *d, uint64_t lines)
{
	struct text t;

	text_init(&t, d->new, sizeof(d->new));
	text_add(&t, d->folder, "new/", d->tmp + strlen(d->folder) +
	    strlen("tmp/"), ",S=", NULL);
	text_number(&t, d->size, 10, 0);
	text_add(&t, ",W=", NULL);
	text_number(&t, d->size + lines, 10, 0);
}

static int
create_tmp(struct delivery *d)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

	d->fd = openat(d->dir, d->tmp, flags, 0600);
	if (d->fd == -1 && (errno == ENOENT || errno == ESTALE) &&
	    make_parts(d) == 0)
		d->fd = openat(d->dir, d->tmp, flags, 0600);
	return d->fd;
}

static int
maildir_begin(struct delivery *d)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	struct stat st;
	struct filter filter = {
		.return_path = (d->cfg->trace & TRACE_RETURN_PATH) != 0,
		.begun = d->headlen == 0
	};

	if ((d->dir = open_maildir(d->cfg, mb, &d->failure)) == -1)
		return -1;
	if (find_folder(d) == -1)
		return failure_errno(&d->failure, "read", "%s", mb->path);
	name_tmp(d);
	if (create_tmp(d) == -1 || fstat(d->fd, &st) == -1)
		return failure_errno(&d->failure, "open", "%s/%s", mb->path,
		    d->tmp);
	d->dev = st.st_dev;
	if (message_write(d->message, d->fd, &filter, d->head, d->headlen,
	    "") == -1)
		return failure_errno(&d->failure, "write", "%s/%s", mb->path,
		    d->tmp);
	d->size = d->headlen + d->message->size - filter.dropped +
	    filter.quoted;
	name_new(d, d->headlines + d->message->data.lines - filter.lines +
	    filter.blanks);
	return 0;
}

/* Counts it, or takes it away from the count. */
static void
count(const struct delivery *d, bool less)
{
	if (d->counts && quota_add(d->dir, d->size, less) == -1)
		failure_log(d->cfg, "write", "%s/maildirsize",
		    d->rcpt->mailbox.path);
}

/* Counted at once, for the next to the same mailbox may be in the group. */
static int
maildir_commit(struct delivery *d)
{
	int r;

	/* What is in the trash is not counted, see count_maildir. */
	d->counts = strcmp(d->folder, ".Trash/") != 0;
	if (d->counts && !d->rcpt->ignorequota && quota_maildir(d->cfg,
	    &d->rcpt->mailbox, d->dir, d->size, &d->counts,
	    &d->failure) == -1)
		return -1;
	r = os_rename(d->dir, d->fd, d->tmp, d->new);
	if (r == -1 && errno == ENOENT && make_parts(d) == 0)
		r = os_rename(d->dir, d->fd, d->tmp, d->new);
	if (r == -1)
		return failure_errno(&d->failure, "rename", "%s/%s",
		    d->rcpt->mailbox.path, d->new);
	d->named = true;
	count(d, false);
	return 0;
}

/*
 * Where a journal orders all, the sync is that of the file, whose inode the
 * rename has changed: the directory could have been exchanged meanwhile by
 * its owner for one that needs no sync, and others rely on this one.
 */
static int
maildir_sync(struct delivery *d)
{
	char path[512];
	struct text t;

	if (d->order != ORDER_EACH && fsync(d->fd) == -1)
		return failure_errno(&d->failure, "fsync", "%s/%s",
		    d->rcpt->mailbox.path, d->new);
	if (d->order == ORDER_JOURNAL)
		return 0;
	text_init(&t, path, sizeof(path));
	text_add(&t, d->folder, "new", NULL);
	if (os_sync_dir(d->dir, path, false) == -1)
		return failure_errno(&d->failure, "fsync", "%s/%s",
		    d->rcpt->mailbox.path, path);
	return 0;
}

static int
maildir_finish(struct delivery *d)
{
	int fd = d->fd;

	d->fd = -1;
	if (close(fd) == -1)
		return failure_errno(&d->failure, "close", "%s/%s",
		    d->rcpt->mailbox.path, d->new);
	close(d->dir);
	d->dir = -1;
	return 0;
}

static void
maildir_undo(struct delivery *d)
{
	const char *path = d->named ? d->new : d->tmp;

	/* One that a reader has moved to cur/ already is out of reach. */
	if (d->named || d->fd != -1) {
		if (unlinkat(d->dir, path, 0) == 0) {
			if (d->named)
				count(d, true);
		} else if (errno != ENOENT)
			failure_log(d->cfg, "unlink", "%s/%s",
			    d->rcpt->mailbox.path, path);
	}
	d->named = false;
	if (d->fd != -1)
		close(d->fd);
	if (d->dir != -1)
		close(d->dir);
	d->fd = d->dir = -1;
}

static int
maildir_quota(const struct config *cfg, const struct mailbox *mb,
    uint64_t bytes, struct failure *f)
{
	struct usage u;
	char path[PATH_MAX];
	struct text t;
	bool counts;
	int dir, r;

	memset(&u, 0, sizeof(u));
	/* Most have no limit and no maildirsize: one look tells. */
	if (!quota_limit(cfg, mb, &u.limit)) {
		text_init(&t, path, sizeof(path));
		text_add(&t, mb->path, "/maildirsize", NULL);
		if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == -1)
			return 0;
	}
	if ((dir = open(mb->path, DIR_FLAGS)) != -1) {
		r = quota_maildir(cfg, mb, dir, bytes, &counts, f);
		close(dir);
		return r;
	}
	/* What else is wrong with it is said when it is written. */
	return errno == ENOENT ? quota_check(&u, bytes, f) : 0;
}

/* What is missing must be possible to make. */
static int
check_part(const struct delivery *d, const char *part, struct failure *f)
{
	char path[512];
	int r;

	snprintf(path, sizeof(path), "%s%s/.", d->folder, part);
	r = faccessat(d->dir, path, W_OK | X_OK, AT_EACCESS);
	if (r == -1 && errno == ENOENT)
		r = faccessat(d->dir, d->folder[0] == '\0' ? "." : d->folder,
		    W_OK | X_OK, AT_EACCESS);
	return r == 0 ? 0 : failure_errno(f, "access", "%s/%s%s",
	    d->rcpt->mailbox.path, d->folder, part);
}

static int
maildir_check(struct delivery *d, struct usage *u)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	struct failure *f = &d->failure;
	struct stat st;
	int r;

	memset(u, 0, sizeof(*u));
	quota_limit(d->cfg, mb, &u->limit);
	if ((d->dir = open(mb->path, DIR_FLAGS)) == -1) {
		if (errno == ENOTDIR)
			return wrong_kind(f, mb->path);
		/* A link that leads nowhere is in the way of it. */
		if (errno != ENOENT || !mailbox_may_be_made(d->cfg, mb) ||
		    lstat(mb->path, &st) == 0 ||
		    os_may_make(mb->path, mb->fixed) == -1)
			return failure_errno(f, "open", "%s", mb->path);
		return quota_check(u, 1, f);
	}
	r = quota_read(d->cfg, mb, d->dir, u, f);
	if (r == 0 && (r = find_folder(d)) == -1)
		failure_errno(f, "read", "%s", mb->path);
	if (r == 0)
		r = check_part(d, "tmp", f);
	if (r == 0)
		r = check_part(d, "new", f);
	if (r == 0)
		r = quota_check(u, 1, f);
	close(d->dir);
	d->dir = -1;
	return r;
}

const struct format_ops maildir_ops = {
	.begin = maildir_begin,
	.commit = maildir_commit,
	.sync = maildir_sync,
	.finish = maildir_finish,
	.undo = maildir_undo,
	.check = maildir_check,
	.quota = maildir_quota,
};
