/*
 * Maildir: written in tmp/, moved to new/, over nothing; directories made
 * as needed, those of a folder too.  All as the recipient, so that links
 * lead nowhere that the recipient could not go.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

#define DIR_FLAGS	(O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define FILE_PATH	512	/* of a message, below the Maildir */

struct maildir {
	int	 dir;			/* the Maildir's, 0 for none */
	char	 folder[FOLDER_PATH];	/* "" or ".name/" */
	char	 name[FOLDER_BYTES];	/* of the folder; "" the inbox */
	bool	 makes_folder;
	char	 flags[sizeof(((struct filing *)0)->flags)];
	char	 tmp[FILE_PATH];
	char	 new[FILE_PATH];
	uint64_t bare_lfs;		/* LF with no CR before them */
	bool	 named;			/* it has its place */
	bool	 counted;		/* in maildirsize */
};

static int
maildir_wrong_kind(struct failure *f, const char *path)
{
	failure_errno(f, "open", "%s", path);
	f->reply = &reply_wrong_mailbox;
	return -1;
}

/*
 * Fails for a file of the Maildir.  Where a part of it is no directory the
 * mailbox is wrong, and not ours to mend.
 */
static int
maildir_fail(struct delivery *d, const char *call, const char *file)
{
	failure_errno(&d->failure, call, "%s/%s", d->rcpt->mailbox.path, file);
	if (d->failure.err == ENOTDIR)
		d->failure.reply = &reply_wrong_mailbox;
	return -1;
}

/* The path of a part of the folder, below the Maildir. */
static void
part_path(const char *folder, const char *part, char path[FOLDER_PATH])
{
	struct text t;

	text_init(&t, path, FOLDER_PATH);
	text_add(&t, folder, part, NULL);
}

static int
make_part(const struct maildir *m, const char *folder, const char *part)
{
	char path[FOLDER_PATH];

	part_path(folder, part, path);
	return mkdirat(m->dir, path, DIR_MODE) == -1 && errno != EEXIST ?
	    -1 : 0;
}

/*
 * Makes the parts that are missing.  tmp is made last: where there is one, who
 * made the Maildir was not killed before the rest of it was safe.
 */
static int
make_parts(const struct delivery *d, const char *folder)
{
	const struct mailbox *mb = &d->rcpt->mailbox;
	const struct maildir *m = d->state;
	bool inbox = folder[0] == '\0';

	if (make_part(m, folder, "cur") == -1 ||
	    make_part(m, folder, "new") == -1 ||
	    (inbox && volume_sync_parents(mb->path, mb->preset, m->dir,
	    d->volumes) == -1) || volume_sync_dir(m->dir,
	    inbox ? "." : folder, d->volumes) == -1)
		return -1;
	return make_part(m, folder, "tmp");
}

/*
 * A folder that is missing, as Maildir++ has them.  The Maildir may be as new,
 * and no server takes it for one without its own parts.  Whatever has the
 * mark's name will do for it, and is not opened: of a pipe the user would keep
 * the other end.
 */
static int
make_folder(const struct delivery *d)
{
	const struct maildir *m = d->state;
	char path[FOLDER_PATH];
	int fd;

	if (make_parts(d, "") == -1)
		return -1;
	part_path(m->folder, "", path);
	if (mkdirat(m->dir, path, DIR_MODE) == -1 && errno != EEXIST)
		return -1;
	part_path(m->folder, "maildirfolder", path);
	fd = openat(m->dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    FILE_MODE);
	if (fd == -1 ? errno != EEXIST : close(fd) == -1)
		return -1;
	if (volume_sync_dir(m->dir, ".", d->volumes) == -1)
		return -1;
	return make_parts(d, m->folder);
}

/* Opens the Maildir, and makes it if it may be made.  Descriptor or -1. */
static int
maildir_open(const struct config *cfg, const struct mailbox *mb,
    struct failure *f)
{
	int fd = open(mb->path, DIR_FLAGS);

	/* NFS: the server was restarted, and still knows the name. */
	if (fd == -1 && errno == ESTALE)
		fd = open(mb->path, DIR_FLAGS);
	if (fd == -1 && errno == ENOENT && mailbox_may_be_made(cfg, mb)) {
		if (os_make_dirs(mb->path, mb->preset, true) == -1)
			return failure_errno(f, "mkdir", "%s", mb->path);
		fd = open(mb->path, DIR_FLAGS);
	}
	if (fd == -1 && errno == ENOTDIR)
		return maildir_wrong_kind(f, mb->path);
	if (fd == -1)
		return failure_errno(f, "open", "%s", mb->path);
	return fd;
}

/*
 * A recipient can have the Maildir lead into one that we hold open for
 * another, by /proc/self/fd: it would be written to with that one's rights.
 */
static int
check_place(struct delivery *d, int dir)
{
	const struct delivery *other;
	struct stat st;

	if (fstat(dir, &st) == -1)
		return maildir_fail(d, "fstat", "");
	d->place_dev = st.st_dev;
	d->place_ino = st.st_ino;
	for (other = d->group; other < d; other++)
		if (other->place_ino == st.st_ino &&
		    other->place_dev == st.st_dev && other->ok &&
		    other->id.uid != d->id.uid)
			return failure_set(&d->failure, &reply_wrong_mailbox,
			    "%s is the Maildir of another recipient too",
			    d->rcpt->mailbox.path);
	return 0;
}

/*
 * Names.
 */

/* The host in a file's name: it has no /, and : would begin the flags. */
static void
add_host(struct text *t, const char *host)
{
	size_t n, end = t->len + HOST_BYTES;

	while (*host != '\0' && t->len < end) {
		n = strcspn(host, ":");
		if (n > end - t->len)
			n = end - t->len;
		text_bytes(t, host, n);
		host += n;
		if (*host == ':') {
			text_add(t, "\\072", NULL);
			host++;
		}
	}
}

static void
name_tmp(struct maildir *m, const char *unique, const char *host)
{
	struct text t;

	text_init(&t, m->tmp, sizeof(m->tmp));
	text_add(&t, m->folder, "tmp/", unique, ".", NULL);
	add_host(&t, host);
}

/* What has flags has been seen by somebody: it is no new mail. */
static const char *
final_part(const struct maildir *m)
{
	return m->flags[0] == '\0' ? "new" : "cur";
}

/* The same name, with the sizes, which else readers would have to count. */
static void
name_new(struct maildir *m, uint64_t size, uint64_t lines)
{
	struct text t;

	text_init(&t, m->new, sizeof(m->new));
	text_add(&t, m->folder, final_part(m), "/", m->tmp +
	    strlen(m->folder) + strlen("tmp/"), ",S=", NULL);
	text_number(&t, size);
	text_add(&t, ",W=", NULL);
	text_number(&t, size + lines);
	if (m->flags[0] != '\0')
		text_add(&t, ":2,", m->flags, NULL);
}

/*
 * The delivery.
 */
static int
create_tmp(struct delivery *d)
{
	struct maildir *m = d->state;
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;
	int r;

	d->fd = openat(m->dir, m->tmp, flags, FILE_MODE);
	if (d->fd == -1 && (errno == ENOENT || errno == ESTALE)) {
		r = m->folder[0] != '\0' && m->makes_folder ?
		    make_folder(d) : make_parts(d, m->folder);
		if (r == 0)
			d->fd = openat(m->dir, m->tmp, flags, FILE_MODE);
	}
	if (d->fd == -1 || fstat(d->fd, &st) == -1)
		return maildir_fail(d, "open", m->tmp);
	d->dev = st.st_dev;
	return 0;
}

static int
write_tmp(struct delivery *d, const struct draft *draft)
{
	struct maildir *m = d->state;
	struct filter filter = {
		.return_path = (d->cfg->trace & TRACE_RETURN_PATH) != 0,
		.begun = draft->trace.len == 0
	};

	if (message_write(d->message, d->fd, &filter, &draft->trace, "",
	    &d->size) == -1)
		return maildir_fail(d, "write", m->tmp);
	m->bare_lfs = draft->trace_lines - filter.dropped_lfs + filter.blanks;
	return 0;
}

static void
maildir_undo(struct delivery *d)
{
	struct maildir *m = d->state;
	const char *path = m->named ? m->new : m->tmp;

	/* Another copy of this recipient's may fail when this one is done. */
	if (m->named && m->dir == 0)
		m->dir = open(d->rcpt->mailbox.path, DIR_FLAGS);
	/* One that a reader has moved to cur/ already is out of reach. */
	if (m->named || d->fd != -1) {
		if (unlinkat(m->dir, path, 0) == 0) {
			if (m->counted && quota_add(m->dir, d->size,
			    true) == -1)
				failure_log(d->cfg, "write",
				    "%s/maildirsize", d->rcpt->mailbox.path);
		} else if (errno != ENOENT)
			failure_log(d->cfg, "unlink", "%s/%s",
			    d->rcpt->mailbox.path, path);
	}
	if (d->fd != -1)
		close(d->fd);
	if (m->dir > 0)
		close(m->dir);
	d->fd = -1;
	m->dir = 0;
}

/* Where the copy goes: as the script says, or as the address does. */
static void
choose_folder(struct delivery *d, const struct filing *f)
{
	struct maildir *m = d->state;
	struct text t;

	if (f == NULL || f->keep)
		strlcpy(m->name, d->rcpt->mailbox.folder, sizeof(m->name));
	else
		strlcpy(m->name, f->folder, sizeof(m->name));
	m->makes_folder = f == NULL || f->keep ? d->cfg->makes_folders :
	    f->create;
	if (f != NULL)
		strlcpy(m->flags, f->flags, sizeof(m->flags));
	text_init(&t, m->folder, sizeof(m->folder));
	if (m->name[0] != '\0')
		text_add(&t, ".", m->name, "/", NULL);
}

static int
maildir_try_begin(struct delivery *d, const struct draft *draft)
{
	struct mailbox *mb = &d->rcpt->mailbox;
	struct maildir *m = d->state;

	if ((m->dir = maildir_open(d->cfg, mb, &d->failure)) == -1)
		return -1;
	if ((!d->alone && check_place(d, m->dir) == -1) ||
	    folder_settle(d, m->dir) == -1)
		return -1;
	choose_folder(d, draft->filing);
	name_tmp(m, draft->unique, d->cfg->host);
	if (create_tmp(d) == -1)
		return -1;
	return write_tmp(d, draft);
}

static int
maildir_begin(struct delivery *d, const struct step_args *a)
{
	if (maildir_try_begin(d, a->draft) == 0)
		return 0;
	maildir_undo(d);
	return -1;
}

/*
 * Counted at once: the next one to the same mailbox may be in the group.
 * Where maildirsize is kept it is kept in step, whatever has a limit.
 */
static int
maildir_commit(struct delivery *d, const struct step_args *a)
{
	struct maildir *m = d->state;
	int r;

	(void)a;
	name_new(m, d->size, m->bare_lfs + d->message->data.bare_lfs);
	d->file = m->new;
	r = volume_rename(d->volume, m->dir, d->fd, m->tmp, m->new);
	if (r == -1 && errno == ENOENT && make_parts(d, m->folder) == 0)
		r = volume_rename(d->volume, m->dir, d->fd, m->tmp, m->new);
	if (r == -1)
		return maildir_fail(d, "rename", m->new);
	m->named = true;
	m->counted = (d->usage.kept || d->rcpt->ignorequota) &&
	    quota_counts(m->name);
	if (m->counted && quota_add(m->dir, d->size, false) == -1)
		failure_log(d->cfg, "write", "%s/maildirsize",
		    d->rcpt->mailbox.path);
	return 0;
}

/*
 * Where a journal orders all, the sync is that of the file: the directory
 * could have been exchanged by its owner for one that needs no sync.  Nor is
 * it enough that the file was renamed, for its owner can have done that, and
 * synced it, before the others had their names: so where they rely on it the
 * inode is changed once more, by us.
 */
static int
maildir_sync(struct delivery *d, const struct step_args *a)
{
	struct maildir *m = d->state;
	char path[FOLDER_PATH];
	int r = 0;

	/* Where that cannot be had, each has its own sync from here on. */
	if (a->carries && volume_touch(d->fd) == -1)
		d->volume->policy = SYNC_AGAIN;
	if (d->volume->policy != SYNC_JOURNAL) {
		part_path(m->folder, final_part(m), path);
		if ((r = volume_sync_dir(m->dir, path, NULL)) == -1)
			return maildir_fail(d, "fsync", path);
	}
	if ((r == 1 || d->volume->policy != SYNC_EACH) && fsync(d->fd) == -1)
		return maildir_fail(d, "fsync", m->new);
	return 0;
}

static int
maildir_finish(struct delivery *d)
{
	struct maildir *m = d->state;
	int fd = d->fd;

	d->fd = -1;
	if (close(fd) == -1)
		return maildir_fail(d, "close", m->new);
	close(m->dir);
	m->dir = 0;
	return 0;
}

/*
 * Room, and what -c asks.
 */
static int
maildir_room(struct delivery *d, const struct step_args *a)
{
	struct mailbox *mb = &d->rcpt->mailbox;
	struct maildir *m = d->state;
	int dir, r = 0;

	if (m->dir == 0 && mailbox_wants_folder(d->cfg, mb)) {
		dir = open(mb->path, DIR_FLAGS);
		if (dir != -1 || errno == ENOENT)
			r = folder_settle(d, dir);
		else if (identity_lacks_groups(d->cfg, &mb->id, errno))
			return maildir_fail(d, "open", "");
		/* A delivery says what else is wrong with it. */
		if (dir != -1)
			close(dir);
	}
	if (r == -1 || d->rcpt->ignorequota ||
	    !quota_counts(m->dir == 0 ? mb->folder : m->name))
		return r;
	return quota_maildir(d->cfg, mb, m->dir == 0 ? -1 : m->dir,
	    a->demand, d->watch, &d->usage, &d->failure);
}

/* Is nothing there, not even a link that leads nowhere? */
static bool
is_missing(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == -1;
}

/*
 * May the part of the folder, which is "." for the inbox, be written to?  0,
 * or -1 and errno.
 */
static int
access_part(int dir, const char *folder, const char *path, bool makes_folder)
{
	char part[FOLDER_PATH];
	int r;

	part_path(path, "/.", part);
	r = os_access(dir, part, W_OK | X_OK);
	if (r == 0 || errno != ENOENT || !is_missing(dir, path))
		return r;
	/* What is missing must be possible to make. */
	r = os_access(dir, folder, W_OK | X_OK);
	if (r == 0 || errno != ENOENT || !makes_folder ||
	    !is_missing(dir, folder))
		return r;
	return os_access(dir, ".", W_OK | X_OK);
}

static int
check_part(struct delivery *d, int dir, const char *part)
{
	const char *name = d->rcpt->mailbox.folder;
	char folder[FOLDER_PATH], path[FOLDER_PATH];
	struct text t;

	text_init(&t, folder, sizeof(folder));
	text_add(&t, ".", name, NULL);
	text_init(&t, path, sizeof(path));
	text_add(&t, name[0] == '\0' ? "" : ".", name,
	    name[0] == '\0' ? "" : "/", part, NULL);
	return access_part(dir, folder, path, d->cfg->makes_folders) == -1 ?
	    maildir_fail(d, "access", path) : 0;
}

static int
maildir_check(struct delivery *d, const struct step_args *a)
{
	struct mailbox *mb = &d->rcpt->mailbox;
	struct failure *f = &d->failure;
	struct stat st;
	int dir, r;

	(void)a;
	if ((dir = open(mb->path, DIR_FLAGS)) == -1) {
		if (errno == ENOTDIR)
			return maildir_wrong_kind(f, mb->path);
		/* A link that leads nowhere is in the way of it. */
		if (errno != ENOENT || !mailbox_may_be_made(d->cfg, mb) ||
		    lstat(mb->path, &st) == 0 ||
		    os_may_make(mb->path, mb->preset) == -1)
			return failure_errno(f, "open", "%s", mb->path);
		return 0;
	}
	r = folder_settle(d, dir);
	if (r == 0)
		r = check_part(d, dir, "tmp");
	if (r == 0)
		r = check_part(d, dir, "new");
	close(dir);
	return r;
}

/*
 * With -U dir: is it a Maildir, and whose?
 */

/* 1, 0 or -1 with the failure. */
static int
is_maildir(const char *path, struct failure *f)
{
	static const char *const parts[] = { "cur", "new", "tmp" };
	char sub[PATH_MAX + 8];
	struct stat st;
	struct text t;
	size_t i;

	for (i = 0; i < nitems(parts); i++) {
		text_init(&t, sub, sizeof(sub));
		text_add(&t, path, "/", parts[i], NULL);
		if (stat(sub, &st) == 0) {
			if (S_ISDIR(st.st_mode))
				return 1;
		} else if (errno != ENOENT && errno != ENOTDIR)
			return failure_errno(f, "stat", "%s", sub);
	}
	return 0;
}

static int
maildir_owner(const char *path, struct identity *id, struct failure *f)
{
	struct stat st;
	int r;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : failure_errno(f, "lstat", "%s",
		    path);
	/* A link to what is not there may lead to a disk that is not. */
	if (S_ISLNK(st.st_mode) && stat(path, &st) == -1)
		return maildir_wrong_kind(f, path);
	if ((r = is_maildir(path, f)) == -1)
		return -1;
	if (r == 0)
		return failure_set(f, &reply_wrong_mailbox,
		    "%s is no Maildir", path);
	id->uid = st.st_uid;
	id->gid = st.st_gid;
	return 1;
}

const struct format maildir_format = {
	.name = "maildir",
	.state_size = sizeof(struct maildir),
	.keeps_quota = true,
	.follows_links = true,
	.takes_more = true,
	.owner = maildir_owner,
	.begin = maildir_begin,
	.room = maildir_room,
	.commit = maildir_commit,
	.sync = maildir_sync,
	.finish = maildir_finish,
	.undo = maildir_undo,
	.check = maildir_check,
	.find_folder = folder_for_script,
};
