/*
 * How full a mailbox is, and one message more.  maildirsize is Maildir++'s:
 * its first line the limits, then bytes and messages for each change.
 */
#include <sys/stat.h>

#include <dirent.h>
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
	struct quota	 sum;
	struct timespec	 latest;
	bool		 stat_only;
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

static DIR *
open_dir(int at, const char *path)
{
	int fd, save;
	DIR *dir;

	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return NULL;
	if ((dir = fdopendir(fd)) == NULL) {
		save = errno;
		close(fd);
		errno = save;
	}
	return dir;
}

static int
count_messages(int at, const char *path, struct count *c)
{
	struct dirent *de;
	struct stat st;
	uint64_t size;
	DIR *dir;

	if ((dir = open_dir(at, path)) == NULL)
		return errno == ENOENT || errno == ENOTDIR ||
		    errno == ELOOP ? 0 : -1;
	if (fstat(dirfd(dir), &st) == 0 &&
	    (st.st_mtim.tv_sec > c->latest.tv_sec ||
	    (st.st_mtim.tv_sec == c->latest.tv_sec &&
	    st.st_mtim.tv_nsec > c->latest.tv_nsec)))
		c->latest = st.st_mtim;
	while (!c->stat_only && (de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.' || is_trashed(de->d_name))
			continue;
		/* One that is gone by now was moved or deleted. */
		if (file_size(dirfd(dir), de->d_name, &size) == -1)
			continue;
		c->sum.bytes += size;
		c->sum.messages++;
	}
	closedir(dir);
	return 0;
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
	struct dirent *de;
	DIR *dir;
	int r;

	if ((dir = open_dir(at, ".")) == NULL)
		return -1;
	r = count_folder(at, ".", c);
	while (r == 0 && (de = readdir(dir)) != NULL)
		if (de->d_name[0] == '.' && strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0 &&
		    strcmp(de->d_name, ".Trash") != 0)
			r = count_folder(at, de->d_name, c);
	closedir(dir);
	return r;
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
recount(int dir, bool write, struct usage *u, struct failure *f)
{
	struct count before = { .stat_only = false };
	struct count after = { .stat_only = true };
	char tmp[64];
	int r;

	if (count_maildir(dir, &before) == -1)
		return failure_errno(f, "count", "Maildir");
	u->used = before.sum;
	u->counted = true;
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
	if (count_maildir(dir, &after) == -1 ||
	    after.latest.tv_sec != before.latest.tv_sec ||
	    after.latest.tv_nsec != before.latest.tv_nsec)
		(void)unlinkat(dir, "maildirsize", 0);
	return 0;
}

enum size_file { SIZE_NONE, SIZE_BAD, SIZE_GOOD };

/* Reads maildirsize: *old if its sum may be believed no longer. */
static enum size_file
read_maildirsize(int dir, struct maildirsize *m, bool *old)
{
	char text[MAILDIRSIZE_BYTES + 1];
	struct stat st;
	ssize_t n = -1;
	int fd;

	fd = openat(dir, "maildirsize", O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? SIZE_NONE : SIZE_BAD;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size < MAILDIRSIZE_BYTES)
		n = read(fd, text, MAILDIRSIZE_BYTES);
	close(fd);
	if (n <= 0)
		return SIZE_BAD;
	text[n] = '\0';
	if (parse_maildirsize(text, m) == -1)
		return SIZE_BAD;
	*old = m->lines > 1 || time(NULL) - st.st_mtime > MAILDIRSIZE_SECONDS;
	return SIZE_GOOD;
}

/* *again if a count could show less than what is read. */
static int
usage_read(const struct config *cfg, const struct mailbox *mb, int dir,
    bool write, struct usage *u, bool *again, struct failure *f)
{
	struct maildirsize m;
	enum size_file file;

	memset(u, 0, sizeof(*u));
	*again = false;
	u->has_file = true;
	if (quota_limit(cfg, mb, &u->limit) && !is_limited(&u->limit))
		return 0;
	file = read_maildirsize(dir, &m, again);
	u->has_file = file != SIZE_NONE || is_limited(&u->limit);
	if (!is_limited(&u->limit)) {
		if (file != SIZE_GOOD || !is_limited(&m.limit))
			return 0;
		u->limit = m.limit;
	}
	if (file != SIZE_GOOD || m.limit.bytes != u->limit.bytes ||
	    m.limit.messages != u->limit.messages) {
		*again = false;
		return recount(dir, write, u, f);
	}
	u->used = m.used;
	u->counted = true;
	return 0;
}

int
quota_read(const struct config *cfg, const struct mailbox *mb, int dir,
    bool write, struct usage *u, struct failure *f)
{
	bool again;

	if (usage_read(cfg, mb, dir, write, u, &again, f) == -1)
		return -1;
	return u->counted ? 0 : recount(dir, false, u, f);
}

int
quota_maildir(const struct config *cfg, const struct mailbox *mb, int dir,
    uint64_t bytes, bool *counts, struct failure *f)
{
	struct usage u;
	bool again;

	if (usage_read(cfg, mb, dir, true, &u, &again, f) == -1)
		return -1;
	*counts = u.has_file;
	if (quota_check(&u, bytes, f) == 0)
		return 0;
	if (!again || recount(dir, true, &u, f) == -1)
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
