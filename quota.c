/*
 * How full a mailbox is, and one message more.  maildirsize is Maildir++'s:
 * its first line the limits, then bytes and messages for each change.
 */
#include <sys/stat.h>
#include <sys/time.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"

/* By its specification a larger file, or an older sum, is counted anew. */
#define MAILDIRSIZE_BYTES	5120
#define MAILDIRSIZE_SECONDS	(15 * 60)

bool
quota_limit(const struct config *cfg, const struct mailbox *mb,
    struct quota *limit)
{
	if (mb->has_quota)
		*limit = mb->quota;
	else if (cfg->has_quota)
		*limit = cfg->quota;
	else
		memset(limit, 0, sizeof(*limit));
	return mb->has_quota || cfg->has_quota;
}

static bool
is_limited(const struct quota *q)
{
	return q->bytes > 0 || q->messages > 0;
}

int
quota_check(const struct usage *u, uint64_t bytes, struct failure *f)
{
	if (u->limit.bytes > 0 && (u->used.bytes > u->limit.bytes ||
	    bytes > u->limit.bytes - u->used.bytes))
		return failure_set(f, &reply_full,
		    "%llu of %llu bytes used, %llu more wanted",
		    (unsigned long long)u->used.bytes,
		    (unsigned long long)u->limit.bytes,
		    (unsigned long long)bytes);
	if (u->limit.messages > 0 && u->used.messages >= u->limit.messages)
		return failure_set(f, &reply_full,
		    "%llu of %llu messages there",
		    (unsigned long long)u->used.messages,
		    (unsigned long long)u->limit.messages);
	return 0;
}

/* A sum over the directories of a Maildir, or just their latest change. */
struct count {
	const char	*path;		/* the Maildir's, for the log */
	struct failure	*failure;
	bool		 stat_only;
	struct quota	 sum;
	struct timespec	 latest;
};

/* Both have the size in the name, or the file must say. */
static int
file_size(int dir, const char *name, uint64_t *size)
{
	const char *s = strstr(name, ",S=");
	struct stat st;
	char digits[24];
	size_t n;

	if (s != NULL) {
		n = strspn(s + 3, "0123456789");
		if (n < sizeof(digits)) {
			memcpy(digits, s + 3, n);
			digits[n] = '\0';
			if (parse_size(digits, false, size) == 0)
				return 0;
		}
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	*size = (uint64_t)st.st_size;
	return 0;
}

/* What is marked as trashed is not counted. */
static bool
is_trashed(const char *name)
{
	const char *flags = strstr(name, ":2,");

	return flags != NULL && strchr(flags, 'T') != NULL;
}

static int
count_messages(int at, const char *path, struct count *c)
{
	const char *name;
	struct stat st;
	uint64_t size;
	DIR *dir;

	if ((dir = os_open_dir(at, path)) == NULL)
		return errno == ENOENT || errno == ENOTDIR ||
		    errno == ELOOP ? 0 : failure_errno(c->failure, "open",
		    "%s/%s", c->path, path);
	if (fstat(dirfd(dir), &st) == 0 &&
	    timespeccmp(&st.st_mtim, &c->latest, >))
		c->latest = st.st_mtim;
	if (c->stat_only) {
		closedir(dir);
		return 0;
	}
	while ((name = os_read_dir(dir)) != NULL) {
		if (name[0] == '.' || is_trashed(name))
			continue;
		/* One that is gone by now was moved or deleted. */
		if (file_size(dirfd(dir), name, &size) == -1)
			continue;
		c->sum.bytes += size;
		c->sum.messages++;
	}
	return os_close_dir(dir) == -1 ? failure_errno(c->failure, "read",
	    "%s/%s", c->path, path) : 0;
}

static int
count_folder(int at, const char *name, struct count *c)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/cur", name);
	if (count_messages(at, path, c) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s/new", name);
	return count_messages(at, path, c);
}

/* The inbox and every folder but Trash. */
static int
count_maildir(int at, struct count *c)
{
	const char *name;
	DIR *dir;

	if ((dir = os_open_dir(at, ".")) == NULL)
		return failure_errno(c->failure, "open", "%s", c->path);
	if (count_folder(at, ".", c) == -1)
		goto fail;
	while ((name = os_read_dir(dir)) != NULL)
		if (name[0] == '.' && strcmp(name, ".") != 0 &&
		    strcmp(name, "..") != 0 && strcmp(name, ".Trash") != 0 &&
		    count_folder(at, name, c) == -1)
			goto fail;
	return os_close_dir(dir) == -1 ? failure_errno(c->failure, "read",
	    "%s", c->path) : 0;
fail:
	closedir(dir);
	return -1;
}

static int
write_maildirsize(int dir, const struct usage *u, const char *tmp)
{
	char text[128];
	int fd, n = 0;

	if (u->limit.bytes > 0)
		n = snprintf(text, sizeof(text), "%lluS",
		    (unsigned long long)u->limit.bytes);
	if (u->limit.messages > 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%lluC",
		    n > 0 ? "," : "", (unsigned long long)u->limit.messages);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "\n%llu %llu\n",
	    (unsigned long long)u->used.bytes,
	    (unsigned long long)u->used.messages);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (os_write(fd, text, (size_t)n) == -1) {
		close(fd);
		return -1;
	}
	return close(fd);
}

/*
 * Counts the Maildir, and with write leaves the sum in maildirsize, unless
 * something changed meanwhile: then the next one shall count again.
 */
static int
recount(const struct mailbox *mb, int dir, bool write, struct usage *u,
    struct failure *f)
{
	struct count before = { .path = mb->path, .failure = f };
	struct count after = before;
	char tmp[64];
	int r;

	if (count_maildir(dir, &before) == -1)
		return -1;
	u->used = before.sum;
	if (!write || !is_limited(&u->limit))
		return 0;
	snprintf(tmp, sizeof(tmp), "tmp/maildirsize.%ld.%lld", (long)getpid(),
	    (long long)time(NULL));
	r = write_maildirsize(dir, u, tmp);
	if (r == 0)
		r = renameat(dir, tmp, dir, "maildirsize");
	if (r == -1) {
		(void)unlinkat(dir, tmp, 0);
		return 0;
	}
	after.stat_only = true;
	if (count_maildir(dir, &after) == -1 ||
	    timespeccmp(&after.latest, &before.latest, !=))
		(void)unlinkat(dir, "maildirsize", 0);
	return 0;
}

enum size_file { SIZE_NONE, SIZE_BAD, SIZE_GOOD };

/*
 * Reads maildirsize: *old if its sum may be believed no longer.  Of one that
 * is bad the limit counts all the same, and for a large one that is usual.
 */
static enum size_file
read_maildirsize(int dir, struct maildirsize *m, bool *old)
{
	char text[MAILDIRSIZE_BYTES + 1];
	struct stat st;
	ssize_t n = -1;
	int fd;

	memset(m, 0, sizeof(*m));
	fd = openat(dir, "maildirsize", O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? SIZE_NONE : SIZE_BAD;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, MAILDIRSIZE_BYTES);
	close(fd);
	if (n <= 0)
		return SIZE_BAD;
	text[n] = '\0';
	if (parse_maildirsize(text, m) == -1 ||
	    st.st_size >= MAILDIRSIZE_BYTES)
		return SIZE_BAD;
	*old = m->lines > 1 || time(NULL) - st.st_mtime > MAILDIRSIZE_SECONDS;
	return SIZE_GOOD;
}

/* What is known of a Maildir without counting it. */
struct known {
	bool	 has_file;	/* a maildirsize that is to be kept in step */
	bool	 counted;	/* its sum is in the usage, */
	bool	 old;		/* but a count could show less */
};

static void
usage_read(const struct config *cfg, const struct mailbox *mb, int dir,
    struct usage *u, struct known *k)
{
	struct maildirsize m;
	enum size_file file;

	memset(u, 0, sizeof(*u));
	memset(k, 0, sizeof(*k));
	k->has_file = true;
	if (quota_limit(cfg, mb, &u->limit) && !is_limited(&u->limit))
		return;
	file = read_maildirsize(dir, &m, &k->old);
	if (!is_limited(&u->limit))
		u->limit = m.limit;
	k->has_file = file != SIZE_NONE || is_limited(&u->limit);
	k->counted = file == SIZE_GOOD &&
	    m.limit.bytes == u->limit.bytes &&
	    m.limit.messages == u->limit.messages;
	if (k->counted)
		u->used = m.used;
}

int
quota_read(const struct config *cfg, const struct mailbox *mb, int dir,
    struct usage *u, struct failure *f)
{
	struct known k;

	usage_read(cfg, mb, dir, u, &k);
	if (k.counted || recount(mb, dir, false, u, f) == 0)
		return 0;
	/* Where nothing is limited, a delivery does not count either. */
	return is_limited(&u->limit) ? -1 : 0;
}

int
quota_maildir(const struct config *cfg, const struct mailbox *mb, int dir,
    uint64_t bytes, bool *counts, struct failure *f)
{
	struct usage u;
	struct known k;

	usage_read(cfg, mb, dir, &u, &k);
	*counts = k.has_file;
	if (!is_limited(&u.limit))
		return 0;
	if (k.counted && quota_check(&u, bytes, f) == 0)
		return 0;
	if (k.counted && !k.old)
		return -1;
	if (recount(mb, dir, true, &u, f) == -1)
		return -1;
	return quota_check(&u, bytes, f);
}

int
quota_add(int dir, uint64_t bytes, bool less)
{
	char text[48];
	int fd, n, r;

	fd = openat(dir, "maildirsize", O_WRONLY | O_APPEND | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	n = snprintf(text, sizeof(text), less ? "-%llu -1\n" : "%llu 1\n",
	    (unsigned long long)bytes);
	r = os_write(fd, text, (size_t)n);
	return close(fd) == -1 ? -1 : r;
}
