/*
 * How full a mailbox is, and one message more.  maildirsize is Maildir++'s:
 * its first line the limits, then bytes and messages for each change.
 */
#include <sys/stat.h>
#include <sys/time.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"

/* By its specification a larger file, or an older sum, is counted anew. */
#define MAILDIRSIZE_BYTES	5120
#define MAILDIRSIZE_SECONDS	(15 * 60)

#define WALK_SECONDS	5	/* that a walk may take */
#define WALK_ENTRIES	512	/* between two looks at the clock */

void
usage_text(struct text *t, const struct usage *u)
{
	text_number(t, u->used.bytes);
	text_add(t, "/", NULL);
	if (u->limit.bytes > 0)
		text_number(t, u->limit.bytes);
	else
		text_add(t, "-", NULL);
	if (u->limit.messages == 0)
		return;
	text_add(t, ",", NULL);
	text_number(t, u->used.messages);
	text_add(t, "/", NULL);
	text_number(t, u->limit.messages);
}

static bool
is_limited(const struct quota *q)
{
	return q->bytes > 0 || q->messages > 0;
}

/* The user's own limit, else that of -q.  False: else the Maildir's. */
static bool
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

bool
quota_is_set(const struct config *cfg, const struct mailbox *mb)
{
	struct quota limit;

	(void)quota_limit(cfg, mb, &limit);
	return is_limited(&limit);
}

/* A mailbox that becomes exactly full is not over its limit. */
static bool
exceeds(uint64_t used, uint64_t more, uint64_t limit)
{
	return limit > 0 && (used > limit || more > limit - used);
}

/* The only place that calls a mailbox full. */
static int
quota_decide(const struct usage *u, const struct demand *need,
    struct failure *f)
{
	if (exceeds(u->used.bytes, need->more.bytes, u->limit.bytes))
		return failure_set(f, &reply_full,
		    "%llu of %llu bytes used, %llu more wanted",
		    (unsigned long long)u->used.bytes,
		    (unsigned long long)u->limit.bytes,
		    (unsigned long long)need->more.bytes);
	if (exceeds(u->used.messages, need->more.messages,
	    u->limit.messages))
		return failure_set(f, &reply_full,
		    "%llu of %llu messages there",
		    (unsigned long long)u->used.messages,
		    (unsigned long long)u->limit.messages);
	return 0;
}

bool
quota_counts(const char *folder)
{
	/* What is in the Trash is not to keep new mail out. */
	return folder == NULL || strcmp(folder, "Trash") != 0;
}

int
quota_mbox(const struct config *cfg, const struct mailbox *mb, uint64_t used,
    const struct demand *need, struct usage *u, struct failure *f)
{
	quota_limit(cfg, mb, &u->limit);
	/* To count messages all of it would have to be read. */
	u->limit.messages = 0;
	u->used.bytes = used;
	return quota_decide(u, need, f);
}

void
walk_begin(struct walk *w)
{
	w->entries = 0;
	clock_gettime(CLOCK_MONOTONIC, &w->begun);
}

int
walk_may_go_on(struct walk *w)
{
	struct timespec now;
	const char *over;

	if (++w->entries % WALK_ENTRIES != 0)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - w->begun.tv_sec > WALK_SECONDS)
		return failure_set(w->failure, &reply_busy,
		    "%s was not %s in %d seconds", w->path, w->done,
		    WALK_SECONDS);
	if ((over = w->watch->pause(w->watch->arg, -1, 0)) != NULL)
		return failure_set(w->failure, &reply_trouble, "%s", over);
	return 0;
}

/* A sum over the directories of a Maildir, or just their latest change. */
struct count {
	struct walk		 walk;
	bool			 stat_only;
	struct quota		 sum;
	struct timespec		 latest;
};

/* It stands in the name, behind ",S="; or the file itself is asked. */
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
count_failed(struct count *c, const char *call, const char *path)
{
	return failure_errno(c->walk.failure, call, "%s/%s", c->walk.path,
	    path);
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
		    errno == ELOOP ? 0 : count_failed(c, "open", path);
	if (fstat(dirfd(dir), &st) == 0 &&
	    timespeccmp(&st.st_mtim, &c->latest, >))
		c->latest = st.st_mtim;
	while (!c->stat_only && (name = os_read_dir(dir)) != NULL) {
		if (walk_may_go_on(&c->walk) == -1) {
			closedir(dir);
			return -1;
		}
		if (name[0] == '.' || is_trashed(name))
			continue;
		/* One that is gone by now was moved or deleted. */
		if (file_size(dirfd(dir), name, &size) == -1)
			continue;
		c->sum.bytes += size;
		c->sum.messages++;
	}
	if (c->stat_only) {
		closedir(dir);
		return 0;
	}
	return os_close_dir(dir) == -1 ? count_failed(c, "read", path) : 0;
}

static int
count_folder(int at, const char *name, struct count *c)
{
	static const char *const parts[] = { "/cur", "/new" };
	char path[NAME_MAX + 8];
	struct text t;
	size_t i;

	for (i = 0; i < nitems(parts); i++) {
		text_init(&t, path, sizeof(path));
		text_add(&t, name, parts[i], NULL);
		if (count_messages(at, path, c) == -1)
			return -1;
	}
	return 0;
}

/*
 * Is the entry a folder that counts?  A link could lead back into the
 * Maildir, and have it counted as often as there are such links.
 */
static bool
is_counted_folder(int at, const char *name)
{
	struct stat st;

	return name[0] == '.' && strcmp(name, ".") != 0 &&
	    strcmp(name, "..") != 0 && quota_counts(name + 1) &&
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

/* The inbox and every folder that counts. */
static int
count_maildir(int at, struct count *c)
{
	const char *name;
	DIR *dir;

	walk_begin(&c->walk);
	if ((dir = os_open_dir(at, ".")) == NULL)
		return count_failed(c, "open", "");
	if (count_folder(at, ".", c) == -1)
		goto fail;
	while ((name = os_read_dir(dir)) != NULL)
		if (walk_may_go_on(&c->walk) == -1 ||
		    (is_counted_folder(at, name) &&
		    count_folder(at, name, c) == -1))
			goto fail;
	return os_close_dir(dir) == -1 ? count_failed(c, "read", "") : 0;
fail:
	closedir(dir);
	return -1;
}

static int
write_maildirsize(int dir, const struct usage *u, const char *tmp)
{
	char buf[128];
	struct text t;
	int fd;

	text_init(&t, buf, sizeof(buf));
	if (u->limit.bytes > 0) {
		text_number(&t, u->limit.bytes);
		text_add(&t, u->limit.messages > 0 ? "S," : "S", NULL);
	}
	if (u->limit.messages > 0) {
		text_number(&t, u->limit.messages);
		text_add(&t, "C", NULL);
	}
	text_add(&t, "\n", NULL);
	text_number(&t, u->used.bytes);
	text_add(&t, " ", NULL);
	text_number(&t, u->used.messages);
	text_add(&t, "\n", NULL);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    FILE_MODE);
	if (fd == -1)
		return -1;
	if (os_write(fd, t.buf, t.len, NULL) == -1) {
		close(fd);
		return -1;
	}
	return close(fd);
}

/* A name in tmp/ that no other process takes: pids recur in containers. */
static int
add_tmp(struct text *t)
{
	uint64_t random;

	if (getentropy(&random, sizeof(random)) == -1)
		return -1;
	text_add(t, "tmp/maildirsize.", NULL);
	text_number(t, (uint64_t)getpid());
	text_add(t, ".", NULL);
	text_digits(t, random, 16, 16);
	return 0;
}

/*
 * Counts the Maildir, and with write leaves the sum in maildirsize, unless
 * something changed meanwhile: then the next one shall count again.
 */
static int
recount(const struct mailbox *mb, int dir, bool write,
    const struct watch *watch, struct usage *u, struct failure *f)
{
	struct count before = { .walk = { .path = mb->path,
	    .done = "counted", .watch = watch, .failure = f } };
	struct count after = before;
	char tmp[64];
	struct text t;
	int r;

	if (count_maildir(dir, &before) == -1)
		return -1;
	u->used = before.sum;
	if (!write || !is_limited(&u->limit))
		return 0;
	text_init(&t, tmp, sizeof(tmp));
	if (add_tmp(&t) == -1)
		return 0;
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

/* Of SIZE_CLOSED, which could not be opened, errno has the reason. */
enum size_file { SIZE_NONE, SIZE_CLOSED, SIZE_BAD, SIZE_GOOD };

/*
 * May the sum of a maildirsize of that time be believed no longer?  By the
 * clock of the file system, which may not be ours, unless no file can be made
 * there or -c must not make one; a time ahead of it says nothing of the age.
 */
static bool
is_old(const struct mailbox *mb, int dir, bool write, time_t mtime)
{
	char path[PATH_MAX + 64];
	struct text t;
	struct timespec clock;
	time_t now;

	/* For an absolute path it makes no difference what dir is. */
	text_init(&t, path, sizeof(path));
	if (dir == -1)
		text_add(&t, mb->path, "/", NULL);
	if (!write || add_tmp(&t) == -1 ||
	    os_time_beside(dir, path, &now) == -1) {
		clock_gettime(CLOCK_REALTIME, &clock);
		now = clock.tv_sec;
	}
	return mtime > now || mtime < now - MAILDIRSIZE_SECONDS;
}

/*
 * Reads maildirsize, and when it was changed.  Of one that is bad the limit
 * counts all the same, and for a large one that is usual.
 */
static enum size_file
read_maildirsize(int at, const char *path, struct maildirsize *m,
    time_t *mtime)
{
	char text[MAILDIRSIZE_BYTES + 1];
	struct stat st;
	ssize_t n = -1;
	int fd;

	memset(m, 0, sizeof(*m));
	fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? SIZE_NONE : SIZE_CLOSED;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, MAILDIRSIZE_BYTES);
	close(fd);
	if (n <= 0)
		return SIZE_BAD;
	text[n] = '\0';
	/*
	 * What is added to a line that was torn would be part of it.  With the
	 * limit alone, as who sets one by hand leaves it, or with the NULs of
	 * a crash, a mailbox that is full would pass for empty.
	 */
	if (parse_maildirsize(text, m) == -1 || m->lines == 0 ||
	    strlen(text) != (size_t)n || text[n - 1] != '\n' ||
	    st.st_size >= MAILDIRSIZE_BYTES)
		return SIZE_BAD;
	*mtime = st.st_mtime;
	return SIZE_GOOD;
}

/* Counts the Maildir, where nothing else tells how much is in it. */
static int
count_usage(const struct config *cfg, const struct mailbox *mb, int dir,
    const struct demand *need, const struct watch *watch, struct usage *u,
    struct failure *f)
{
	int at = dir, r;

	if (dir == -1 && (at = open(mb->path, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC)) == -1)
		/* A delivery says what else is wrong with it. */
		return identity_lacks_groups(cfg, &mb->id, errno) ?
		    failure_errno(f, "open", "%s", mb->path) : 0;
	r = recount(mb, at, need->write, watch, u, f);
	if (dir == -1)
		close(at);
	/* Where nothing is limited only -c wants to know. */
	return is_limited(&u->limit) ? r : 0;
}

int
quota_maildir(const struct config *cfg, const struct mailbox *mb, int dir,
    const struct demand *need, const struct watch *watch, struct usage *u,
    struct failure *f)
{
	char path[PATH_MAX];
	struct maildirsize m;
	enum size_file file;
	struct text t;
	time_t mtime = 0;
	bool ours;

	ours = quota_limit(cfg, mb, &u->limit);
	text_init(&t, path, sizeof(path));
	if (dir == -1)
		text_add(&t, mb->path, "/", NULL);
	text_add(&t, "maildirsize", NULL);
	file = read_maildirsize(dir, path, &m, &mtime);
	if (file == SIZE_CLOSED && identity_lacks_groups(cfg, &mb->id, errno))
		return failure_errno(f, "open", "%s", path);
	if (!ours)
		u->limit = m.limit;
	u->kept = file != SIZE_NONE || is_limited(&u->limit);
	/* A sum that goes with other limits may be one by other rules. */
	if (file == SIZE_GOOD && (!is_limited(&u->limit) ||
	    (m.limit.bytes == u->limit.bytes &&
	    m.limit.messages == u->limit.messages))) {
		u->used = m.used;
		if (quota_decide(u, need, f) == 0)
			return 0;
		if (m.lines <= 1 && !is_old(mb, dir, need->write, mtime))
			return -1;
	} else if (!is_limited(&u->limit) && need->write)
		return 0;
	if (count_usage(cfg, mb, dir, need, watch, u, f) == -1)
		return -1;
	return quota_decide(u, need, f);
}

int
quota_add(int dir, uint64_t bytes, bool less)
{
	char buf[48];
	struct text t;
	int fd, r;

	fd = openat(dir, "maildirsize", O_WRONLY | O_APPEND | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	text_init(&t, buf, sizeof(buf));
	text_add(&t, less ? "-" : "", NULL);
	text_number(&t, bytes);
	text_add(&t, less ? " -1\n" : " 1\n", NULL);
	r = os_write(fd, t.buf, t.len, NULL);
	return close(fd) == -1 ? -1 : r;
}
