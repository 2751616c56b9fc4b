/*
 * A format of mailboxes for tests alone: null:TEMPLATE keeps no message, but
 * counts each as a byte in the file that the template names.  A format is one
 * file, and one line of lmtpd.c: that is what it shows.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../lmtpd.h"

static int
null_begin(struct delivery *d, const struct step_args *a)
{
	struct stat st;

	(void)a;
	d->fd = open(d->rcpt->mailbox.path, O_WRONLY | O_CREAT | O_APPEND |
	    O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (d->fd == -1 || fstat(d->fd, &st) == -1)
		return failure_errno(&d->failure, "open", "%s",
		    d->rcpt->mailbox.path);
	d->dev = d->place_dev = st.st_dev;
	d->place_ino = st.st_ino;
	d->size = d->message->size;
	return 0;
}

static int
null_commit(struct delivery *d, const struct step_args *a)
{
	(void)a;
	return os_write(d->fd, ".", 1, NULL) == 0 ? 0 :
	    failure_errno(&d->failure, "write", "%s", d->rcpt->mailbox.path);
}

static int
null_sync(struct delivery *d, const struct step_args *a)
{
	(void)a;
	return fsync(d->fd) == 0 ? 0 : failure_errno(&d->failure, "fsync",
	    "%s", d->rcpt->mailbox.path);
}

static int
null_finish(struct delivery *d)
{
	close(d->fd);
	d->fd = -1;
	return 0;
}

static void
null_undo(struct delivery *d)
{
	if (d->fd != -1)
		close(d->fd);
	d->fd = -1;
}

static int
null_fine(struct delivery *d, const struct step_args *a)
{
	(void)d;
	(void)a;
	return 0;
}

static int
null_owner(const char *path, struct identity *id, struct failure *f)
{
	(void)path;
	(void)id;
	(void)f;
	return 0;
}

static const struct format null_format = {
	.name = "null",
	.state_size = 1,
	.syncs_itself = true,
	.owner = null_owner,
	.begin = null_begin,
	.room = null_fine,
	.commit = null_commit,
	.sync = null_sync,
	.finish = null_finish,
	.undo = null_undo,
	.check = null_fine,
};

#define FORMAT_OF_TESTS	null_format
#include "../lmtpd.c"
