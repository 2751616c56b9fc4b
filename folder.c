/*
 * Folders of a Maildir, as Maildir++ has them: which one an address or a
 * script means, and under what name it is or would be.  Nothing is made here.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "lmtpd.h"

#define SCRIPT_FOLDER	200	/* bytes of a name that a script may give */

static int
folder_fail(struct delivery *d, const char *call)
{
	return failure_errno(&d->failure, call, "%s/", d->rcpt->mailbox.path);
}

/*
 * user+a.b goes to .a.b; "a..b" would be no folder's name.  The name has fewer
 * than FOLDER_BYTES.
 */
static bool
is_folder_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && name[0] != '.' && name[len - 1] != '.' &&
	    strstr(name, "..") == NULL && strchr(name, '/') == NULL;
}

/* 1 or 0; or -1 and errno, where a disk that fails leaves it open. */
static int
is_directory(int at, const char *path)
{
	struct stat st;

	if (fstatat(at, path, &st, 0) == 0)
		return S_ISDIR(st.st_mode);
	if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG ||
	    errno == ELOOP)
		return 0;
	/* find_folder has EINVAL for a name that no folder can have. */
	if (errno == EINVAL)
		errno = EIO;
	return -1;
}

/*
 * Is it only that the user has shut it?  Then mail with a detail goes to the
 * inbox, and does not fail.  What may be open to groups that were not looked
 * up yet is not shut.
 */
static bool
is_shut(const struct delivery *d, int err)
{
	return err == EACCES &&
	    !identity_lacks_groups(d->cfg, &d->rcpt->mailbox.id, err);
}

static int
is_folder(const struct delivery *d, int dir, const char *name)
{
	char path[FOLDER_PATH];
	struct text t;
	int r;

	text_init(&t, path, sizeof(path));
	text_add(&t, ".", name, "/cur", NULL);
	r = is_directory(dir, path);
	return r == -1 && is_shut(d, errno) ? 0 : r;
}

static int
has_folder(const char *maildir, const char *name)
{
	char path[PATH_MAX];
	struct text t;

	text_init(&t, path, sizeof(path));
	text_add(&t, maildir, "/.", name, "/cur", NULL);
	return is_directory(AT_FDCWD, path);
}

/*
 * Do two folders differ in nothing but ASCII case?  Between & and - stands
 * base64, where a small letter is another character.
 */
static bool
is_same_name(const char *a, const char *b)
{
	bool base64 = false;

	for (; *a != '\0'; a++, b++) {
		if (base64 ? *a != *b : strncasecmp(a, b, 1) != 0)
			return false;
		base64 = *a == '&' || (base64 && *a != '-');
	}
	return *b == '\0';
}

/*
 * Looks for a folder whose name differs from the wanted one in case alone, and
 * writes it to name, of FOLDER_BYTES.  1, 0 or -1 with the failure.
 */
static int
find_folder_by_case(struct delivery *d, int at, const char *wanted,
    char *name)
{
	struct walk w = { .path = d->rcpt->mailbox.path,
	    .done = "searched for a folder", .watch = d->watch,
	    .failure = &d->failure };
	const char *entry;
	int r = 0;
	DIR *dir;

	if ((dir = os_open_dir(at, ".")) == NULL)
		return folder_fail(d, "read");
	walk_begin(&w);
	while ((entry = os_read_dir(dir)) != NULL) {
		if (walk_may_go_on(&w) == -1) {
			closedir(dir);
			return -1;
		}
		if (entry[0] != '.' || !is_same_name(entry + 1, wanted) ||
		    (r = is_folder(d, at, entry + 1)) == 0)
			continue;
		strlcpy(name, entry + 1, FOLDER_BYTES);
		break;
	}
	return os_close_dir(dir) == -1 || r == -1 ?
	    folder_fail(d, "read") : r;
}

/*
 * May a folder be made here for a detail, which is a stranger's?  Where the
 * Maildir is a home as well there are .ssh and .forward in it: what has the
 * name and was not begun as a folder is left alone.  1, 0 or -1 and errno.
 */
static int
is_free(int at, const char *name)
{
	char path[FOLDER_PATH];
	const char *entry;
	struct stat st;
	struct text t;
	DIR *dir;

	text_init(&t, path, sizeof(path));
	text_add(&t, ".", name, "/maildirfolder", NULL);
	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	path[strcspn(path, "/")] = '\0';
	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 1 : -1;
	if (!S_ISDIR(st.st_mode) || (dir = os_open_dir(at, path)) == NULL)
		return 0;
	/* An empty one is another delivery's, which has just begun. */
	while ((entry = os_read_dir(dir)) != NULL)
		if (strcmp(entry, ".") != 0 && strcmp(entry, "..") != 0)
			break;
	return os_close_dir(dir) == -1 ? -1 : entry == NULL;
}

/*
 * The folder that is to be made for a detail, in name of FOLDER_BYTES; ""
 * for the inbox.  What IMAP servers would not show must not get mail: .INBOX,
 * which is the inbox to them in any case, a first ~, which is a home, and
 * what is no UTF-8.  0, or -1 and errno.
 */
static int
name_new_folder(int at, const char *detail, char *name)
{
	size_t prefix = strlen("INBOX.");
	int r = 0;

	while (strncasecmp(detail, "INBOX.", prefix) == 0)
		detail += prefix;
	if (strcasecmp(detail, "INBOX") != 0 && detail[0] != '~' &&
	    name_folder(detail, name, FOLDER_BYTES) == 0)
		r = at == -1 ? 1 : is_free(at, name);
	if (r != 1)
		name[0] = '\0';
	return r == -1 ? -1 : 0;
}

/*
 * A folder that is to be made gets the name that an earlier recipient of the
 * message gives it, if that differs only in case, as it would be found if it
 * were there already.
 */
static void
as_others_name_it(const struct delivery *d, char *name)
{
	const struct rcpt *r;

	for (r = d->rcpts; r < d->rcpt; r++) {
		if (r->mailbox.folder == NULL ||
		    !is_same_name(r->mailbox.folder, name) ||
		    !mailbox_is(&r->mailbox, &d->rcpt->mailbox))
			continue;
		strlcpy(name, r->mailbox.folder, FOLDER_BYTES);
		return;
	}
}

/*
 * The folder that a detail means, in name of FOLDER_BYTES: of that very
 * name, of that in IMAP's encoding, of one that differs in case, or with -F
 * of that with which it will be made.  "" where there is none: the inbox.  0,
 * or -1 with the failure.  at is the open Maildir, or -1 where there is none.
 */
static int
find_for_detail(struct delivery *d, int at, const char *detail, char *name)
{
	char imap[FOLDER_BYTES];
	int r = 0;

	if (name_folder(detail, imap, sizeof(imap)) == -1)
		strlcpy(imap, detail, sizeof(imap));
	if (at != -1 && (r = is_folder(d, at, detail)) == 1)
		strlcpy(name, detail, FOLDER_BYTES);
	else if (at != -1 && r == 0 && (r = is_folder(d, at, imap)) == 1)
		strlcpy(name, imap, FOLDER_BYTES);
	if (r == -1)
		return folder_fail(d, "read");
	if (at != -1 && r == 0)
		r = find_folder_by_case(d, at, imap, name);
	if (r == 0 && d->cfg->makes_folders) {
		if (name_new_folder(at, detail, name) == -1)
			return folder_fail(d, "read");
		as_others_name_it(d, name);
	}
	return r == -1 ? -1 : 0;
}

int
folder_settle(struct delivery *d, int at)
{
	struct mailbox *mb = &d->rcpt->mailbox;
	char name[FOLDER_BYTES] = "";

	if (mb->folder != NULL)
		return 0;
	if (mailbox_wants_folder(d->cfg, mb) && is_folder_name(mb->detail) &&
	    find_for_detail(d, at, mb->detail, name) == -1)
		return -1;
	mb->folder = strdup(name);
	return mb->folder == NULL ? folder_fail(d, "strdup") : 0;
}

/*
 * A script's name: UTF-8, with / or . between the parts.  INBOX is no part of
 * a name on the disk, unless there is such a folder.
 */
int
folder_for_script(const char *path, const char *name, char *folder)
{
	char utf8[FOLDER_BYTES];
	size_t prefix = strlen("INBOX.");
	char *s;
	int r;

	if (strcasecmp(name, "INBOX") == 0) {
		folder[0] = '\0';
		return 1;
	}
	if (strlcpy(utf8, name, sizeof(utf8)) >= sizeof(utf8))
		goto bad;
	for (s = utf8; *s != '\0'; s++)
		if (*s == '/')
			*s = '.';
	if (!is_folder_name(utf8) ||
	    name_folder(utf8, folder, SCRIPT_FOLDER + 1) == -1)
		goto bad;
	if ((r = has_folder(path, folder)) != 0 ||
	    strncasecmp(utf8, "INBOX.", prefix) != 0)
		return r;
	/* The rest of a name that is good is good, and is encoded by itself. */
	memmove(folder, folder + prefix, strlen(folder + prefix) + 1);
	return has_folder(path, folder);
bad:
	errno = EINVAL;
	return -1;
}
