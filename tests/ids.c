/*
 * As whom, and who could lead others astray: what only root does, in a world
 * that this program makes up.  The calls below take the place of libc's, so
 * that an ordinary user sees what root would do: a process has the ids that
 * it was given, and a file below the test's own directory belongs to whom the
 * first letter of its name says.  Prints a line for each row that fails, and
 * a count.
 */
/* It makes inline functions of some of these calls. */
#undef _FORTIFY_SOURCE

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/capability.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../lmtpd.h"

#define ANN	1001	/* whose files begin with an a */
#define BEN	1002	/* with a b; all others are root's */
#define NONE	((uid_t)-1)

#define ROW(good)	row(__LINE__, good, #good)

static size_t passed, failed;
static char top[] = "/tmp/lmtpd-ids.XXXXXX";

static void
row(int line, bool good, const char *what)
{
	if (good) {
		passed++;
		return;
	}
	failed++;
	printf("%s:%d: not so: %s\n", __FILE__, line, what);
}

/* The test itself cannot go on. */
static void __attribute__((__noreturn__))
err_out(const char *what)
{
	perror(what);
	exit(1);
}

/*
 * The world.
 */
static struct {
	uid_t		 uids[3];	/* real, effective, saved */
	gid_t		 gids[3];
	gid_t		 groups[64];
	int		 ngroups;
	unsigned int	 calls;		/* that would change any of these */
	char		 fails;		/* g roups, i d of group, u id, c hown;
					 * or 0 */
	int		 err;		/* with that */
	bool		 lax;		/* anybody may become root */
	bool		 filtered;	/* the newer faccessat is forbidden */
	bool		 forgets;	/* the groups when asked */
	uid_t		 owner;		/* of each file that is open; or NONE */
	bool		 no_fstat;
	bool		 given_by_root;	/* a file, the last time */
	ino_t		 synced[32];
	size_t		 nsynced;
	/* What is put in a file before its next rename, and in its place. */
	const char	*replaced, *made_anew;
	time_t		 monotonic;	/* unless it is 0 */
	time_t		 stored_at;	/* files are, unless it is 0 */
	bool		 other_disk;	/* to lstat */
	const char	*comes;		/* there once lstat has answered */
	/* Capabilities, and those that an exec may give. */
	struct __user_cap_data_struct caps[2];
	uint64_t	 bounding;
	bool		 caps_changed;
	int		 no_caps;	/* SYS_capget or SYS_capset fails */
	bool		 no_new_privs;
	bool		 no_prctl;
	/* What NSS has: one user, one group, and the groups of the user. */
	uid_t		 nss_uid;
	const char	*nss_home;
	size_t		 nss_bytes;	/* of a buffer that is large enough */
	int		 nss_err;	/* or fails so, for n, u or g */
	char		 nss_fails;
	unsigned int	 nss_interrupted;	/* so often, first */
	int		 nss_groups, nss_more;	/* and so many the next time */
	bool		 nss_broken;	/* says too few */
} k;

static void
world_begin(void)
{
	memset(&k, 0, sizeof(k));
	k.owner = NONE;
	k.nss_uid = ANN;
	k.nss_home = "/home";
}

static bool
world_fails(char what)
{
	k.calls++;
	if (k.fails == what) {
		k.fails = '\0';
		errno = k.err;
		return true;
	}
	/* A call that succeeds may leave anything there. */
	errno = EDOM;
	return false;
}

static int
world_set(unsigned int ids[3], unsigned int r, unsigned int e, unsigned int s)
{
	unsigned int want[3] = { r, e, s }, new[3];
	bool free = k.uids[1] == 0 || k.lax;
	size_t i;

	for (i = 0; i < 3; i++) {
		new[i] = want[i] == NONE ? ids[i] : want[i];
		if (!free && new[i] != ids[0] && new[i] != ids[1] &&
		    new[i] != ids[2]) {
			errno = EPERM;
			return -1;
		}
	}
	memcpy(ids, new, sizeof(new));
	return 0;
}

int
setresuid(uid_t r, uid_t e, uid_t s)
{
	return world_fails('u') ? -1 : world_set(k.uids, r, e, s);
}

int
setresgid(gid_t r, gid_t e, gid_t s)
{
	return world_fails('i') ? -1 : world_set(k.gids, r, e, s);
}

int
setgroups(size_t n, const gid_t *groups)
{
	if (world_fails('g'))
		return -1;
	if (k.uids[1] != 0 || n > 64) {
		errno = k.uids[1] != 0 ? EPERM : EINVAL;
		return -1;
	}
	k.ngroups = (int)n;
	if (n > 0)
		memcpy(k.groups, groups, n * sizeof(*groups));
	return 0;
}

int
getgroups(int n, gid_t *groups)
{
	if (n == 0)
		return k.ngroups;
	if (k.forgets) {
		errno = EINVAL;
		return -1;
	}
	memcpy(groups, k.groups, (size_t)k.ngroups * sizeof(*groups));
	return k.ngroups;
}

int
getresuid(uid_t *r, uid_t *e, uid_t *s)
{
	*r = k.uids[0];
	*e = k.uids[1];
	*s = k.uids[2];
	return 0;
}

int
getresgid(gid_t *r, gid_t *e, gid_t *s)
{
	*r = k.gids[0];
	*e = k.gids[1];
	*s = k.gids[2];
	return 0;
}

int
getgrouplist(const char *name, gid_t gid, gid_t *groups, int *n)
{
	int i, room = *n, all = k.nss_groups;

	(void)name;
	k.nss_groups += k.nss_more;
	k.nss_more = 0;
	if (k.nss_broken)
		return -1;
	for (i = 0; i < all && i < room; i++)
		groups[i] = gid + (gid_t)i;
	*n = all;
	return all <= room ? all : -1;
}

/* The same of a user and a group: 1, 0 or an error as -1 and *err. */
static int
nss_answers(char what, bool known, size_t size, int *err)
{
	errno = EDOM;
	*err = 0;
	if (k.nss_interrupted > 0) {
		k.nss_interrupted--;
		*err = EINTR;
	} else if (k.nss_fails == what)
		*err = k.nss_err;
	else if (!known)
		return 0;
	else if (size < k.nss_bytes)
		*err = ERANGE;
	return *err == 0 ? 1 : -1;
}

static int
nss_passwd(char what, bool known, struct passwd *pw, char *buf, size_t size,
    struct passwd **found)
{
	static char name[] = "ann", home[2 * PATH_MAX];
	int err;

	*found = NULL;
	if (nss_answers(what, known, size, &err) != 1)
		return err;
	memset(buf, 'x', size);
	memset(pw, 0, sizeof(*pw));
	strlcpy(home, k.nss_home, sizeof(home));
	pw->pw_name = name;
	pw->pw_dir = home;
	pw->pw_uid = k.nss_uid;
	pw->pw_gid = 100;
	*found = pw;
	return 0;
}

int
getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t size,
    struct passwd **found)
{
	return nss_passwd('n', strcmp(name, "ann") == 0, pw, buf, size, found);
}

int
getpwuid_r(uid_t uid, struct passwd *pw, char *buf, size_t size,
    struct passwd **found)
{
	return nss_passwd('u', uid == k.nss_uid, pw, buf, size, found);
}

int
getgrnam_r(const char *name, struct group *gr, char *buf, size_t size,
    struct group **found)
{
	int err;

	*found = NULL;
	if (nss_answers('g', strcmp(name, "staff") == 0, size, &err) != 1)
		return err;
	memset(buf, 'x', size);
	memset(gr, 0, sizeof(*gr));
	gr->gr_gid = 50;
	*found = gr;
	return 0;
}

int
faccessat(int at, const char *path, int mode, int flags)
{
	(void)at;
	(void)flags;
	if (k.filtered) {
		errno = EPERM;
		return -1;
	}
	return access(path, mode);
}

/* No other calls than these: for all of them there is a second way. */
long
syscall(long n, ...)
{
	struct __user_cap_data_struct *caps;
	const char *path;
	va_list ap;
	long r = -1;

	errno = n == k.no_caps ? EPERM : ENOSYS;
	va_start(ap, n);
	if (n == SYS_faccessat) {
		(void)va_arg(ap, int);
		path = va_arg(ap, const char *);
		r = access(path, va_arg(ap, int));
	} else if ((n == SYS_capget || n == SYS_capset) && n != k.no_caps) {
		(void)va_arg(ap, void *);
		caps = va_arg(ap, struct __user_cap_data_struct *);
		r = 0;
		if (n == SYS_capget)
			memcpy(caps, k.caps, sizeof(k.caps));
		else
			memcpy(k.caps, caps, sizeof(k.caps));
		k.caps_changed = k.caps_changed || n == SYS_capset;
	}
	va_end(ap);
	return r;
}

int
prctl(int option, ...)
{
	int args[4] = { 0 };
	size_t i;
	va_list ap;

	if (k.no_prctl) {
		errno = EPERM;
		return -1;
	}
	va_start(ap, option);
	for (i = 0; i < nitems(args); i++)
		args[i] = va_arg(ap, int);
	va_end(ap);
	if (option == PR_CAPBSET_DROP && args[0] < 64)
		k.bounding &= ~((uint64_t)1 << args[0]);
	else if (option == PR_SET_NO_NEW_PRIVS) {
		if (args[0] != 1 || args[1] != 0 || args[2] != 0 ||
		    args[3] != 0) {
			errno = EINVAL;
			return -1;
		}
		k.no_new_privs = true;
	}
	return 0;
}

int
lstat(const char *path, struct stat *st)
{
	const char *name = strrchr(path, '/');

	if (fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	st->st_uid = 0;
	/* From where we are nobody should look. */
	if (path[0] != '/')
		return 0;
	st->st_dev += k.other_disk;
	if (k.comes != NULL) {
		if (rename(k.comes, path) == -1)
			err_out(path);
		k.comes = NULL;
	}
	if (strncmp(path, top, strlen(top)) != 0)
		st->st_mode &= ~(mode_t)(S_IWGRP | S_IWOTH);
	else if (name != NULL && (name[1] == 'a' || name[1] == 'b'))
		st->st_uid = name[1] == 'a' ? ANN : BEN;
	return 0;
}

int
fstat(int fd, struct stat *st)
{
	if (k.no_fstat) {
		errno = EIO;
		return -1;
	}
	if (fstatat(fd, "", st, AT_EMPTY_PATH) == -1)
		return -1;
	if (k.owner != NONE)
		st->st_uid = k.owner;
	if (k.stored_at != 0)
		st->st_mtim.tv_sec = k.stored_at;
	return 0;
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (clock != CLOCK_MONOTONIC || k.monotonic == 0)
		return timespec_get(ts, TIME_UTC) == TIME_UTC ? 0 : -1;
	*ts = (struct timespec){ k.monotonic, 0 };
	return 0;
}

#ifdef STATX_BASIC_STATS
/* An old kernel has none, and is asked by fstat. */
int
statx(int at, const char *restrict path, int flags, unsigned int mask,
    struct statx *restrict sx)
{
	(void)at;
	(void)path;
	(void)flags;
	(void)mask;
	(void)sx;
	errno = ENOSYS;
	return -1;
}
#endif

int
fchown(int fd, uid_t uid, gid_t gid)
{
	(void)fd;
	(void)gid;
	if (world_fails('c'))
		return -1;
	k.owner = uid;
	k.given_by_root = k.uids[1] == 0;
	return 0;
}

int
fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && k.nsynced < nitems(k.synced))
		k.synced[k.nsynced++] = st.st_ino;
	return 0;
}

/* The path for calls that know no open directories. */
static const char *
path_at(int at, const char *path, char buf[PATH_MAX])
{
	if (at == AT_FDCWD || path[0] == '/')
		return path;
	snprintf(buf, PATH_MAX, "/proc/self/fd/%d/%s", at, path);
	return buf;
}

int
unlinkat(int at, const char *path, int flags)
{
	char buf[PATH_MAX];

	if ((flags & ~AT_REMOVEDIR) != 0) {
		errno = EINVAL;
		return -1;
	}
	path = path_at(at, path, buf);
	if ((flags == 0 ? unlink(path) : rmdir(path)) == -1)
		return -1;
	errno = EDOM;
	return 0;
}

static void make_file(const char *path, const char *text, mode_t mode);

int
renameat(int from_at, const char *from, int to_at, const char *to)
{
	char from_buf[PATH_MAX], to_buf[PATH_MAX];
	const char *put = k.replaced, *next = k.made_anew;

	k.replaced = k.made_anew = NULL;
	if (put != NULL)
		make_file(from + strlen(top), put, 0600);
	if (rename(path_at(from_at, from, from_buf),
	    path_at(to_at, to, to_buf)) == -1)
		return -1;
	if (next != NULL)
		make_file(from + strlen(top), next, 0600);
	return 0;
}

static bool
ids_are(uid_t r, uid_t e, uid_t s, gid_t egid, int ngroups)
{
	return k.uids[0] == r && k.uids[1] == e && k.uids[2] == s &&
	    k.gids[1] == egid && k.ngroups == ngroups;
}

static bool
all_are(uid_t uid, gid_t gid, int ngroups)
{
	return ids_are(uid, uid, uid, gid, ngroups) && k.gids[0] == gid &&
	    k.gids[2] == gid;
}

/* Which of the first descriptors are open, a bit for each. */
static uint32_t
open_fds(void)
{
	uint32_t are = 0;
	int fd;

	for (fd = 0; fd < 32; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			are |= (uint32_t)1 << fd;
	return are;
}

/* What a script's child says in place of what it would. */
static struct {
	size_t	 len;
	char	 bytes[40000];
} said;

/*
 * It calls this before its work, when it has become ann for good and has no
 * descriptors but two.
 */
void
confine_limits(void)
{
	if (all_are(ANN, ANN, 0) && open_fds() == 3)
		(void)!write(STDIN_FILENO, said.bytes, said.len);
	_exit(0);
}

/*
 * Becoming somebody, and root again.
 */
static void
test_assume(void)
{
	gid_t many[] = { BEN, 7 };
	struct config cfg = { .each_as_itself = false };
	struct credentials c = { .cfg = &cfg };
	struct identity ann = { .uid = ANN, .gid = ANN },
	    ben = { .uid = BEN, .gid = BEN },
	    rich = { .uid = BEN, .gid = BEN, .groups = many, .ngroups = 2 },
	    other = { .uid = ANN, .gid = BEN },
	    root = { .uid = 0, .gid = 0 },
	    no_uid = { .uid = NONE, .gid = 1 },
	    no_gid = { .uid = 1, .gid = NONE };
	unsigned int calls;

	/* Who is not root stays who it is. */
	world_begin();
	ROW(identity_assume(&c, &ann) == 0 && k.calls == 0);
	cfg.each_as_itself = true;
	/* A call for the gid and one for the uid. */
	ROW(identity_assume(&c, &ann) == 0 && ids_are(0, ANN, 0, ANN, 0) &&
	    k.calls == 2);
	calls = k.calls;
	ROW(identity_assume(&c, &ann) == 0 && k.calls == calls);
	ROW(identity_assume(&c, &ben) == 0 && ids_are(0, BEN, 0, BEN, 0));
	ROW(identity_assume(&c, &rich) == 0 && ids_are(0, BEN, 0, BEN, 2) &&
	    k.groups[1] == 7);
	k.ngroups = 0;
	ROW(identity_assume(&c, &rich) == 0 && ids_are(0, BEN, 0, BEN, 2));
	ROW(identity_assume(&c, &ben) == 0 && ids_are(0, BEN, 0, BEN, 0));
	ROW(identity_assume(&c, &rich) == 0 && ids_are(0, BEN, 0, BEN, 2));
	ROW(identity_assume(&c, &ann) == 0 && ids_are(0, ANN, 0, ANN, 0));
	ROW(identity_assume(&c, &other) == 0 && ids_are(0, ANN, 0, BEN, 0));
	ROW(identity_assume(&c, &ben) == 0 && ids_are(0, BEN, 0, BEN, 0));
	identity_resume(&c);
	ROW(ids_are(0, 0, 0, BEN, 0));
	calls = k.calls;
	identity_resume(&c);
	ROW(k.calls == calls);
	ROW(identity_assume(&c, &ben) == 0 && ids_are(0, BEN, 0, BEN, 0));
	ROW(identity_assume(&c, &root) == 0 && ids_are(0, 0, 0, 0, 0));
	/* What setresuid(2) would take for «as it is». */
	ROW(identity_assume(&c, &ann) == 0);
	ROW(identity_assume(&c, &no_uid) == -1 && errno == EINVAL &&
	    ids_are(0, 0, 0, ANN, 0) && !c.assumed);
	ROW(identity_assume(&c, &ann) == 0);
	ROW(identity_assume(&c, &no_gid) == -1 && errno == EINVAL &&
	    ids_are(0, 0, 0, ANN, 0));
}

/* Each call fails: then the process is root, and may try again. */
static void
test_assume_fails(void)
{
	gid_t many[] = { BEN, 7 };
	struct config cfg = { .each_as_itself = true };
	struct credentials c = { .cfg = &cfg };
	struct identity ann = { .uid = ANN, .gid = ANN },
	    rich = { .uid = BEN, .gid = BEN, .groups = many, .ngroups = 2 };

	world_begin();
	ROW(identity_assume(&c, &ann) == 0);
	k.err = EIO;
	k.fails = 'g';
	ROW(identity_assume(&c, &rich) == -1 && errno == EIO &&
	    ids_are(0, 0, 0, ANN, 0));
	k.fails = 'i';
	ROW(identity_assume(&c, &rich) == -1 && errno == EIO &&
	    ids_are(0, 0, 0, ANN, 2));
	ROW(identity_assume(&c, &ann) == 0 && ids_are(0, ANN, 0, ANN, 0));
	identity_resume(&c);
	k.fails = 'u';
	ROW(identity_assume(&c, &rich) == -1 && errno == EIO &&
	    ids_are(0, 0, 0, BEN, 2));
	ROW(identity_assume(&c, &rich) == 0 && ids_are(0, BEN, 0, BEN, 2));
	/* Where no groups can be set: some cannot be taken away, none can. */
	k.fails = 'g';
	k.err = EPERM;
	ROW(identity_assume(&c, &ann) == -1 && errno == EPERM &&
	    ids_are(0, 0, 0, BEN, 2));
	k.fails = 'g';
	k.ngroups = 0;
	ROW(identity_assume(&c, &ann) == 0 && ids_are(0, ANN, 0, ANN, 0));
}

static int
resume_fails(void)
{
	struct config cfg = { .each_as_itself = true, .log_stderr = true };
	struct credentials c = { .cfg = &cfg };
	struct identity ann = { .uid = ANN, .gid = ANN };
	int status = 0;
	pid_t pid;

	world_begin();
	if ((pid = fork()) == 0) {
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		identity_assume(&c, &ann);
		k.fails = 'u';
		identity_resume(&c);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_shed(void)
{
	gid_t many[] = { BEN, 7 };
	struct config cfg = { .uid = BEN, .gid = BEN };
	struct credentials c = { .cfg = &cfg };
	struct identity ann = { .uid = ANN, .gid = ANN },
	    rich = { .uid = BEN, .gid = BEN, .groups = many, .ngroups = 2 },
	    root = { .uid = 0, .gid = 0 };
	const char *s;

	world_begin();
	ROW(identity_shed(&c, &ann) == 0 && all_are(BEN, BEN, 0));
	cfg.each_as_itself = true;
	world_begin();
	ROW(identity_assume(&c, &ann) == 0);
	ROW(identity_shed(&c, &rich) == 0 && all_are(BEN, BEN, 2));
	world_begin();
	c.assumed = false;
	c.groups = false;
	ROW(identity_shed(&c, &root) == 0 && all_are(0, 0, 0));
	for (s = "giu"; *s != '\0'; s++) {
		world_begin();
		c = (struct credentials){ .cfg = &cfg };
		k.fails = *s;
		k.err = EIO;
		ROW(identity_shed(&c, &rich) == -1 && errno == EIO);
	}
	/* The calls of those who cannot be root again. */
	cfg.each_as_itself = false;
	for (s = "iu"; *s != '\0'; s++) {
		world_begin();
		k.fails = *s;
		k.err = EIO;
		ROW(identity_shed(&c, &ann) == -1 && errno == EIO);
	}
	world_begin();
	k.lax = true;
	ROW(identity_shed(&c, &ann) == -1 && errno == EPERM);
	/* What root lends is root's. */
	cfg.each_as_itself = true;
	c = (struct credentials){ .cfg = &cfg };
	world_begin();
	ROW(identity_assume_directory(&c, &ann) == 0 &&
	    ids_are(0, ANN, 0, ANN, 0));
	k.fails = 'i';
	ROW(identity_assume_directory(&c, &rich) == -1);
	cfg.root_lends = LEND_GROUP;
	ROW(identity_assume_directory(&c, &ann) == 0 &&
	    ids_are(0, ANN, 0, ANN, 0));
	cfg.root_lends = LEND_ROOT;
	ROW(identity_assume_directory(&c, &ann) == 0 &&
	    ids_are(0, 0, 0, ANN, 0));
	ROW(resume_fails() == EX_OSERR);
}

static void
test_become(void)
{
	const char *s;

	world_begin();
	k.ngroups = 3;
	k.gids[0] = k.gids[1] = k.gids[2] = 9;
	ROW(identity_drop_groups() == 0 && all_are(0, 0, 0));
	for (s = "gi"; *s != '\0'; s++) {
		world_begin();
		k.fails = *s;
		k.err = EIO;
		ROW(identity_drop_groups() == -1 && errno == EIO);
	}
	world_begin();
	k.ngroups = 3;
	ROW(identity_become(NULL, ANN, 9) == 0 && all_are(ANN, 9, 1) &&
	    k.groups[0] == 9);
	world_begin();
	k.nss_groups = 40;
	ROW(identity_become("ann", ANN, 9) == 0 && all_are(ANN, 9, 40) &&
	    k.groups[39] == 48);
	world_begin();
	k.nss_broken = true;
	ROW(identity_become("ann", ANN, 9) == -1 && all_are(0, 0, 0));
	world_begin();
	ROW(identity_become(NULL, NONE, 9) == -1 && errno == EINVAL &&
	    k.calls == 0);
	ROW(identity_become(NULL, ANN, NONE) == -1 && errno == EINVAL &&
	    k.calls == 0);
	for (s = "giu"; *s != '\0'; s++) {
		world_begin();
		k.fails = *s;
		k.err = EIO;
		k.nss_groups = 1;
		ROW(identity_become(*s == 'g' ? NULL : "ann", ANN, 9) == -1 &&
		    errno == EIO);
		world_begin();
		k.fails = *s;
		k.err = EIO;
		k.nss_groups = 1;
		ROW(identity_become("ann", ANN, 9) == -1 && errno == EIO);
	}
}

static void
test_groups(void)
{
	struct config cfg = { .each_as_itself = true };
	struct identity id = { .uid = ANN, .gid = 9, .name = "ann" };
	gid_t groups[1];
	int n;

	for (n = 1; n <= 64; n++) {
		world_begin();
		k.nss_groups = n;
		ROW(identity_groups(&id) == 0 && id.ngroups == n &&
		    id.groups[n - 1] == (gid_t)(8 + n));
	}
	/* They become more while they are counted. */
	world_begin();
	k.nss_groups = 20;
	k.nss_more = 30;
	ROW(identity_groups(&id) == 0 && id.ngroups == 50);
	world_begin();
	k.nss_broken = true;
	ROW(identity_groups(&id) == -1 && errno == EINVAL && id.ngroups == 0);
	free(id.groups);
	id.groups = NULL;
	ROW(identity_lacks_groups(&cfg, &id, EACCES));
	ROW(!identity_lacks_groups(&cfg, &id, EPERM));
	id.groups = groups;
	ROW(!identity_lacks_groups(&cfg, &id, EACCES));
	id.groups = NULL;
	id.name = NULL;
	ROW(!identity_lacks_groups(&cfg, &id, EACCES));
	id.name = "ann";
	cfg.each_as_itself = false;
	ROW(!identity_lacks_groups(&cfg, &id, EACCES));
}

/*
 * What root keeps.
 */
#define CAP(name)	((uint32_t)1 << CAP_##name)
#define LOOKS		(CAP(DAC_OVERRIDE) | CAP(DAC_READ_SEARCH))
#define BECOMES		(CAP(SETUID) | CAP(SETGID))
#ifdef STATIC
#define ASKS		0
#else
#define ASKS		CAP(NET_BIND_SERVICE)
#endif

/* What was logged of it, or "". */
static const char *
confined(struct config *cfg)
{
	static char line[200];
	struct log log;
	int ends[2], err = dup(STDERR_FILENO);
	ssize_t n;

	if (err == -1 || pipe(ends) == -1 || dup2(ends[1], STDERR_FILENO) == -1)
		err_out("pipe");
	close(ends[1]);
	cfg->verbose = cfg->log_stderr = true;
	cfg->program = "ids";
	(void)log_open(&log, cfg, true);
	confine(cfg);
	dup2(err, STDERR_FILENO);
	close(err);
	n = read(ends[0], line, sizeof(line) - 1);
	close(ends[0]);
	line[n > 0 ? n : 0] = '\0';
	return line;
}

static bool
caps_are(uint32_t first, uint32_t second)
{
	return k.caps[0].permitted == first && k.caps[0].effective == first &&
	    k.caps[1].permitted == second && k.caps[1].effective == second;
}

static void
test_capabilities(void)
{
	static const struct {
		const char	*users;
		uid_t		 uid;
		bool		 each;
		unsigned int	 lends;
		uint32_t	 has, keeps;
	} rows[] = {
		{ "any", 0, false, LEND_NONE, UINT32_MAX, LOOKS },
		{ "any", 0, false, LEND_GROUP, UINT32_MAX, LOOKS },
		{ "any", 0, true, LEND_GROUP, UINT32_MAX, LOOKS | BECOMES },
		{ "any", 0, true, LEND_ROOT, UINT32_MAX, LOOKS | BECOMES |
		    CAP(CHOWN) },
		{ "passwd", 0, true, LEND_NONE, UINT32_MAX, LOOKS | BECOMES |
		    ASKS },
		{ "passwd", 0, true, LEND_NONE, BECOMES | CAP(SYS_ADMIN),
		    BECOMES },
		{ "any", ANN, false, LEND_NONE, CAP(KILL), CAP(KILL) },
	};
	struct config cfg;
	const char *line;
	size_t i;

	for (i = 0; i < nitems(rows) + 2; i++) {
		/* The first once more, where a call fails. */
		size_t j = i < nitems(rows) ? i : 0;
		bool lets = !SANITIZED && i < nitems(rows) &&
		    rows[j].uid == 0;

		world_begin();
		memset(k.caps, 0xff, sizeof(k.caps));
		k.caps[0].permitted = k.caps[0].effective = rows[j].has;
		k.caps[1].permitted = k.caps[1].effective = 1;
		k.no_caps = i == nitems(rows) ? SYS_capget :
		    i > nitems(rows) ? SYS_capset : -1;
		memset(&cfg, 0, sizeof(cfg));
		cfg.format = &maildir_format;
		cfg.uid = rows[j].uid;
		cfg.each_as_itself = rows[j].each;
		cfg.root_lends = rows[j].lends;
		ROW(user_source(rows[j].users, &cfg) == NULL);
		line = confined(&cfg);
		ROW(SANITIZED || strstr(line, lets ?
		    "confine=no-new-privs,no-dump,capabilities\n" :
		    "confine=no-new-privs,no-dump\n") != NULL);
		ROW(k.caps_changed == lets && (!lets ||
		    (caps_are(rows[j].keeps, 0) &&
		    k.caps[0].inheritable == 0)));
	}
	k.no_prctl = true;
	ROW(strstr(confined(&cfg), "confine=none\n") != NULL);
}

/* What is left to the program that starttls becomes. */
static void
test_shed_caps(void)
{
	uint32_t wanted = CAP(CHOWN) | CAP(DAC_OVERRIDE) |
	    CAP(DAC_READ_SEARCH) | CAP(FOWNER) | CAP(FSETID) | CAP(KILL) |
	    CAP(SETGID) | CAP(SETUID) | CAP(SETPCAP) | CAP(NET_BIND_SERVICE) |
	    CAP(IPC_LOCK) | CAP(SYS_CHROOT) | CAP(SYS_NICE) |
	    CAP(SYS_RESOURCE) | CAP(AUDIT_WRITE);

	world_begin();
	memset(k.caps, 0xff, sizeof(k.caps));
	k.bounding = UINT64_MAX;
	os_shed();
	ROW(caps_are(wanted, 0) && k.bounding == wanted && k.no_new_privs);
	world_begin();
	k.no_caps = SYS_capget;
	os_shed();
	ROW(!k.caps_changed);
}

/*
 * Whom NSS knows.
 */
static void
test_accounts(void)
{
	struct passwd pw;
	char *buf;
	size_t n;
	gid_t gid;

	for (n = 0; n < 6000; n += 500) {
		world_begin();
		k.nss_bytes = n;
		ROW(account_passwd("ann", 0, &pw, &buf) == 1 &&
		    pw.pw_uid == ANN);
		free(buf);
		ROW(account_group("staff", &gid) == 1 && gid == 50);
	}
	/* One that never has enough is given 16 MiB. */
	k.nss_bytes = 16 << 20;
	ROW(account_passwd("ann", 0, &pw, &buf) == 1);
	free(buf);
	k.nss_bytes = (16 << 20) + 1;
	ROW(account_passwd("ann", 0, &pw, &buf) == -1 && errno == ERANGE);
	free(buf);
	ROW(account_group("staff", &gid) == -1 && errno == ERANGE);
	world_begin();
	k.nss_interrupted = 2;
	ROW(account_passwd("ann", 0, &pw, &buf) == 1);
	free(buf);
	k.nss_interrupted = 2;
	ROW(account_group("staff", &gid) == 1);
	ROW(account_passwd("eve", 0, &pw, &buf) == 0);
	free(buf);
	ROW(account_group("eves", &gid) == 0);
	ROW(account_passwd(NULL, ANN, &pw, &buf) == 1 && pw.pw_gid == 100);
	free(buf);
	ROW(account_passwd(NULL, BEN, &pw, &buf) == 0);
	free(buf);
	k.nss_err = ENOENT;
	k.nss_fails = 'n';
	ROW(account_passwd("eve", 0, &pw, &buf) == -1 && errno == ENOENT);
	free(buf);
	k.nss_fails = 'g';
	ROW(account_group("eves", &gid) == -1 && errno == ENOENT);
}

static void
test_option(void)
{
	static const struct {
		const char	*in;
		int		 r;
		uid_t		 uid;
		gid_t		 gid;
		bool		 named;
		char		 fails;
	} rows[] = {
		{ "ann", 1, ANN, 100, true, 0 },
		{ "ann:7", 1, ANN, 7, true, 0 },
		{ "ann:staff", 1, ANN, 50, true, 0 },
		{ "ann:nobodys", 0, 0, 0, true, 0 },
		{ "ann:staff", -1, 0, 0, true, 'g' },
		{ "eve", 0, 0, 0, false, 0 },
		{ "eve:7", 0, 0, 0, false, 0 },
		{ "ann", -1, 0, 0, false, 'n' },
		{ "1001", 1, ANN, 100, true, 0 },
		{ "1002", 0, 0, 0, false, 0 },
		{ "1001", -1, 0, 0, false, 'u' },
		{ "1002:3", 1, BEN, 3, false, 'u' },
		{ "1002:staff", 1, BEN, 50, false, 0 },
		{ "0:0", 1, 0, 0, false, 0 },
		{ "4294967294:4294967294", 1, NONE - 1, NONE - 1, false, 0 },
		{ "4294967295:1", 0, 0, 0, false, 0 },
		{ "1:4294967295", 0, 0, 0, false, 0 },
		{ "-1:1", 0, 0, 0, false, 0 },
	};
	struct config cfg;
	char *name;
	size_t i;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		world_begin();
		k.nss_fails = rows[i].fails;
		k.nss_err = EIO;
		memset(&cfg, 0, sizeof(cfg));
		r = account_option(rows[i].in, &cfg, &name);
		row(__LINE__, r == rows[i].r && (name != NULL) ==
		    rows[i].named && (r != 1 || (cfg.uid == rows[i].uid &&
		    cfg.gid == rows[i].gid)), rows[i].in);
		free(name);
	}
}

/*
 * Files.
 */

/* A path below the test's directory, good until the fourth next one. */
static char *
below(const char *path)
{
	static char paths[4][PATH_MAX];
	static size_t n;
	char *s = paths[n++ % 4];

	snprintf(s, PATH_MAX, "%s%s", top, path);
	return s;
}

static void
make_dir(const char *path, mode_t mode)
{
	if (mkdir(below(path), 0700) == -1 || chmod(below(path), mode) == -1)
		err_out(path);
}

static void
make_link(const char *to, const char *path)
{
	if (symlink(to, below(path)) == -1)
		err_out(path);
}

static void
make_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(below(path), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) == -1 ||
	    fchmod(fd, mode) == -1 || close(fd) == -1)
		err_out(path);
}

/* Where the newer call is forbidden, the mode says who may what. */
static void
test_access(void)
{
	static const struct {
		uid_t	 euid;	/* 0: the owner of the file */
		char	 by;	/* which group is its: e ffective, f irst or
				 * l ast of the others, o nly, or none */
		mode_t	 mode;
		int	 wants;
		bool	 good;
	} rows[] = {
		{ 0, '-', 0700, R_OK | W_OK, true },
		{ 0, '-', 0700, X_OK, true },
		{ BEN, 'e', 0770, W_OK, true },
		{ BEN, 'e', 0707, W_OK, false },
		{ BEN, 'f', 0770, W_OK, true },
		{ BEN, 'f', 0707, W_OK, false },
		{ BEN, 'l', 0770, W_OK, true },
		{ BEN, 'l', 0707, W_OK, false },
		{ BEN, 'o', 0770, W_OK, true },		/* the only one */
		{ BEN, 'x', 0770, W_OK, false },	/* cannot be had */
		{ BEN, 'x', 0707, W_OK, true },
		{ BEN, '-', 0770, W_OK, false },
		{ BEN, '-', 0707, W_OK, true },
		{ BEN, '-', 0705, R_OK, true },
		{ BEN, '-', 0705, R_OK | W_OK, false },
		{ BEN, 'e', 0750, R_OK | X_OK, true },
		{ BEN, 'e', 0750, R_OK | W_OK, false },
		{ BEN, '-', 0700, F_OK, true },
	};
	char *path = below("/file");
	struct stat st;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		char by = rows[i].by;

		world_begin();
		make_file("/file", "", rows[i].mode);
		path = below("/file");
		if (stat(path, &st) == -1)
			err_out(path);
		k.uids[0] = BEN + 1;
		k.uids[1] = rows[i].euid == 0 ? st.st_uid : BEN;
		k.gids[1] = by == 'e' ? st.st_gid : st.st_gid + 1;
		if (by != 'e' && by != '-') {
			k.ngroups = by == 'o' ? 1 : 3;
			k.groups[0] = k.groups[1] = k.groups[2] = st.st_gid + 2;
			k.groups[by == 'l' ? 2 : 0] = st.st_gid;
			k.forgets = by == 'x';
		}
		k.filtered = true;
		errno = 0;
		row(__LINE__, os_access(AT_FDCWD, path,
		    rows[i].wants) == (rows[i].good ? 0 : -1) &&
		    errno == (rows[i].good ? errno : EACCES), "access");
		/* Who is who it was is asked for by the older call. */
		k.uids[0] = k.uids[1];
		ROW(os_access(AT_FDCWD, path, rows[i].wants) == 0);
	}
	ROW(os_access(AT_FDCWD, below("/none"), F_OK) == -1 &&
	    errno == ENOENT);
	k.filtered = false;
	k.uids[0] = BEN + 1;
	ROW(os_access(AT_FDCWD, path, R_OK) == 0);
	ROW(os_access(AT_FDCWD, below("/none"), F_OK) == -1 &&
	    errno == ENOENT);
	if (unlink(path) == -1)
		err_out(path);
}

/* text, n times. */
static const char *
times(const char *text, size_t n)
{
	static char s[3 * PATH_MAX];
	size_t len = strlen(text), i;

	for (i = 0; i < n; i++)
		memcpy(s + i * len, text, len);
	s[n * len] = '\0';
	return s;
}

static void
make_world(void)
{
	make_dir("/m", 0755);
	make_dir("/m/ann", 0700);
	make_dir("/m/ann/ax", 0700);
	make_dir("/m/ann/bx", 0700);
	make_dir("/m/ben", 0700);
	make_dir("/m/root", 0755);
	make_dir("/m/root/ax", 0700);
	make_dir("/m/open", 0777);
	make_dir("/m/open/ax", 0700);
	make_dir("/m/c.", 0755);
	make_dir("/m/c./ax", 0755);
	make_dir("/m/.c", 0755);
	make_dir("/m/.c/ax", 0755);
	make_dir("/m/group", 0775);
	make_dir("/m/group/root", 0755);
	make_file("/m/file", "", 0600);
	make_dir("/bens", 0755);
	make_dir("/bens/bown", 0755);
	make_dir("/bens/bown/ax", 0700);
	make_dir("/bens/bow", 0755);
	make_dir("/bens/bow/ax", 0755);
	make_dir("/wide", 0777);
	make_dir("/wide/ax", 0700);
	make_link("ann/ax", "/m/along");
	make_link("ann/ax", "/m/blong");
	make_link("ann/ax", "/m/long");
	make_link("./../m//ann", "/m/adots");
	make_link(".", "/m/self");
	make_link("loop", "/m/loop");
	make_link("nowhere", "/m/lost");
	make_link("nowhere", "/m/alost");
	make_link("root", "/m/link");
	make_link("ann", "/m/toann");
	make_link("along", "/m/second");
	make_link(below("/m/ann"), "/m/absolute");
	make_link("m", "/entry");
	make_link("/", "/m/slash");
	/* Two hundred bytes of path that lead to where they are. */
	make_link(times("./", 1000), "/m/wordy");
}

static void
test_way_check(void)
{
	static const struct {
		const char	*preset;	/* below top; NULL: none */
		const char	*path;		/* behind that */
		uid_t		 owner;
		const char	*wrong;		/* NULL: nothing */
	} rows[] = {
		{ "/m", "/ann", ANN, NULL },
		{ "/m", "/ann/", ANN, NULL },
		{ "/m", "/ann/ax", ANN, NULL },
		{ "/m", "/ann", BEN, "/m/ann belongs to uid 1001, neither to "
		    "root nor to the owner of the mailbox, uid 1002" },
		{ "/m", "/ann/bx", ANN, "/m/ann/bx belongs to uid 1002, " },
		{ "/m", "/root/ax", ANN, NULL },
		{ "/m", "/root", ANN, NULL },
		{ "/m", "/ben", ANN, "/m/ben belongs to uid 1002" },
		{ "/m", "/open/ax", ANN, "/m/open may be written by every" },
		{ "/m", "/open", ANN, NULL },
		{ "/m", "/open//", ANN, NULL },
		{ "/m", "/open/.", ANN, "/m/open may be written by every" },
		{ "/m", "/group/root", ANN, NULL },
		{ "/m", "/along", ANN, NULL },
		{ "/m", "/along", BEN, "/m/along belongs to uid 1001" },
		{ "/m", "/blong", ANN, "/m/blong belongs to uid 1002" },
		{ "/m", "/long", ANN, NULL },
		{ "/m", "/long", BEN, "/m/ann belongs to uid 1001" },
		{ "/m", "/second", ANN, NULL },
		{ "/m", "/adots/ax", ANN, NULL },
		{ "/m", "/absolute/ax", ANN, NULL },
		{ "/m", "/absolute/bx", ANN, "/m/ann/bx belongs to uid" },
		{ "/m", "/slash/../usr", ANN, NULL },
		{ "/m", "/ann/../ann/./ax", ANN, NULL },
		{ "/m", "/ann/...", ANN, "lstat " },
		{ "/m", "/../../../../../..", ANN, NULL },
		{ "/m", "/lost", ANN, "No such file" },
		{ "/m", "/c./ax", ANN, NULL },
		{ "/m", "/.c/ax", ANN, NULL },
		{ "/m", "/none/ax", ANN, "No such file" },
		{ "/m", "/file/x", ANN, "lstat " },
		{ "/m", "/loop", ANN, "lstat " },
		{ "/none", "/x", ANN, "lstat " },
		{ "", "/m/ann", ANN, NULL },
		{ NULL, "/", ANN, NULL },
		{ NULL, "/usr", ANN, NULL },
		{ "/entry", "/ann/ax", ANN, NULL },
		/* The administrator's own may be anybody's, and all above. */
		{ "/bens/bown", "/ax", ANN, NULL },
		{ "/bens/bown", "/../bown/ax", ANN, NULL },
		{ "/bens/bown", "/../bow/ax", ANN, "/bow belongs to uid" },
		{ "/bens", "/bown/ax", ANN, "/bown belongs to uid 1002" },
		{ "/wide", "/ax", ANN, "/wide may be written by everybody" },
		{ "/wide", "", ANN, NULL },
	};
	char path[5 * PATH_MAX], preset[PATH_MAX];
	struct failure f;
	size_t i, n;
	int r;

	for (i = 0; i < nitems(rows); i++) {
		preset[0] = '\0';
		if (rows[i].preset != NULL)
			strlcpy(preset, below(rows[i].preset), PATH_MAX);
		snprintf(path, sizeof(path), "%s%s", preset, rows[i].path);
		f.reason[0] = '\0';
		f.reply = NULL;
		r = way_check(path, strlen(preset), rows[i].owner, &f);
		row(__LINE__, rows[i].wrong == NULL ? r == 0 : r == -1 &&
		    strstr(f.reason, rows[i].wrong) != NULL &&
		    (f.reply == &reply_wrong_mailbox) ==
		    (strstr(f.reason, "lstat ") == NULL), path);
	}
	/* As many links as Linux follows. */
	n = strlen(below("/m"));
	snprintf(path, sizeof(path), "%s%s", below("/m"), times("/self", 40));
	ROW(way_check(path, n, ANN, &f) == 0);
	snprintf(path, sizeof(path), "%s%s", below("/m"), times("/self", 41));
	ROW(way_check(path, n, ANN, &f) == -1 && f.err == ELOOP);
	/* A path that fits grows by a link. */
	snprintf(path, sizeof(path), "%s/wordy%s", below("/m"),
	    times("/.", 1000));
	ROW(way_check(path, n, ANN, &f) == 0);
	snprintf(path, sizeof(path), "%s/wordy%s", below("/m"),
	    times("/.", 1040));
	ROW(way_check(path, n, ANN, &f) == 0);
	for (i = 1041; i < 1060; i++) {
		snprintf(path, sizeof(path), "%s/wordy%s", below("/m"),
		    times("/.", i));
		r = way_check(path, n, ANN, &f);
		/* Two thousand bytes and a slash, before i times two. */
		ROW(r == (2001 + 2 * i < PATH_MAX ? 0 : -1) &&
		    (r == 0 || f.err == ENAMETOOLONG));
	}
	snprintf(path, sizeof(path), "%s/wordy%s/", below("/m"),
	    times("/.", 1047));
	ROW(way_check(path, n, ANN, &f) == -1 && f.err == ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/%s", below("/m"),
	    times("x", PATH_MAX - 2));
	errno = 0;
	ROW(way_check(path, n, ANN, &f) == -1 && f.err == ENAMETOOLONG);
	/* What stands behind the preset, and the preset, are paths. */
	for (i = PATH_MAX - 3; i < PATH_MAX + 3; i++) {
		snprintf(path, sizeof(path), "%s%s", below("/m"),
		    times("/", i));
		r = way_check(path, n, ANN, &f);
		ROW(r == (i < PATH_MAX ? 0 : -1) &&
		    (r == 0 || f.err == ENAMETOOLONG));
		r = way_check(times("/", i), i, ANN, &f);
		ROW(r == (i < PATH_MAX ? 0 : -1) &&
		    (r == 0 || f.err == ENAMETOOLONG));
	}
}

static void
test_way_others(void)
{
	static const struct {
		const char	*path;	/* below m */
		bool		 has;	/* a link of a user's */
	} links[] = {
		{ "/ann/ax", false }, { "/along", true }, { "/long", false },
		{ "/link/along", false }, { "/self/along", true },
		{ "/second", true }, { "/lost", false }, { "/alost", true },
		{ "/absolute/ax", true }, { "/loop", false },
		{ "/none/along", false }, { "/self/self/blong/x", true },
		{ "", false },
	};
	static const struct {
		const char	*path;	/* below top */
		const char	*leads;	/* NULL: not root's */
	} roots[] = {
		{ "/m", "/m" }, { "/m/", "/m" }, { "/m/root", "/m/root" },
		{ "/m/link", "/m/root" }, { "/entry/self/link", "/m/root" },
		{ "/m/ann", NULL }, { "/m/toann", NULL },
		{ "/m/along", NULL }, { "/m/open", NULL },
		{ "/m/group", "/m/group" }, { "/m/group/root", NULL },
		{ "/m/group/", "/m/group" }, { "/m/file", NULL },
		{ "/m/file/x", NULL }, { "/m/none", NULL },
		{ "/m/loop", NULL }, { "/m/lost", NULL },
		{ "/wide/ax", NULL }, { "/m/root/../link", "/m/root" },
	};
	static const struct {
		const char	*preset;
		const char	*path;
		bool		 good;
	} exist[] = {
		{ "/m", "/none", true }, { "/m", "/none/x/y", true },
		{ "/m", "/link/none", true }, { "/m", "/lost/x", false },
		{ "/m", "/lost/x/y", false }, { "/m/none", "/x", false },
		{ "/m/none", "/x/y", false }, { "/m", "/ann/none/x", true },
		{ "/m", "/lost", true },
	};
	char path[PATH_MAX];
	struct stat st, want;
	struct failure f;
	size_t i;
	bool good;

	for (i = 0; i < nitems(links); i++) {
		snprintf(path, sizeof(path), "%s/m%s", top, links[i].path);
		row(__LINE__, way_has_link(path, strlen(top) + 2) ==
		    links[i].has, path);
	}
	ROW(!way_has_link(below("/none/along"), strlen(top) + 5));
	for (i = 0; i < nitems(roots); i++) {
		strlcpy(path, below(roots[i].path), sizeof(path));
		good = way_is_roots(path, &st);
		row(__LINE__, good == (roots[i].leads != NULL) && (!good ||
		    (strcmp(path, below(roots[i].leads)) == 0 &&
		    stat(path, &want) == 0 && want.st_ino == st.st_ino)),
		    roots[i].path);
	}
	strlcpy(path, "/", sizeof(path));
	ROW(!way_is_roots(path, &st));
	strlcpy(path, "/usr", sizeof(path));
	ROW(way_is_roots(path, &st));
	for (i = 0; i < nitems(exist); i++) {
		snprintf(path, sizeof(path), "%s%s%s", top, exist[i].preset,
		    exist[i].path);
		row(__LINE__, way_exists(path, strlen(top) +
		    strlen(exist[i].preset), &f) == (exist[i].good ? 0 : -1),
		    path);
	}
}

/*
 * Users, as root finds them.
 */
static struct {
	int		 r;
	struct identity	 id;
} owner;

static int
tell_owner(const char *path, struct identity *id, struct failure *f)
{
	id->uid = owner.id.uid;
	id->gid = owner.id.gid;
	return owner.r == -1 ? failure_set(f, &reply_trouble, "%s", path) :
	    owner.r;
}

static const struct reply *
find(const struct config *cfg, const char *local, struct mailbox *mb,
    struct failure *f)
{
	static struct address a;

	memset(&a, 0, sizeof(a));
	strlcpy(a.local, local, sizeof(a.local));
	strlcpy(a.raw, local, sizeof(a.raw));
	if (strchr(local, '@') != NULL) {
		strlcpy(a.domain, strchr(local, '@') + 1, sizeof(a.domain));
		a.local[strcspn(a.local, "@")] = '\0';
	}
	f->reply = NULL;
	return user_find(cfg, &a, mb, f) == 0 ? NULL : f->reply;
}

static void
test_find_dir(void)
{
	static const struct {
		const char		*name;
		int			 r;	/* what the format says */
		uid_t			 uid;
		gid_t			 gid;
		const struct reply	*reply;	/* NULL: found */
	} rows[] = {
		{ "ann", 1, ANN, 5, NULL },
		{ "ann", 1, BEN, 5, &reply_wrong_mailbox },
		{ "toann", 1, ANN, 5, NULL },
		{ "along", 1, BEN, 5, &reply_wrong_mailbox },
		{ "root", 1, 0, 5, &reply_wrong_setup },
		{ "root", 1, NONE, 5, &reply_wrong_setup },
		{ "root", 1, 1, NONE, &reply_wrong_setup },
		{ "root", 1, 1, 0, NULL },
		{ "root", 1, 1, 1, NULL },
		{ "none", 0, 1, 1, &reply_no_user },
		{ "none", -1, 1, 1, &reply_trouble },
		{ "alost", 0, 1, 1, &reply_wrong_mailbox },
		{ "alost", -1, 1, 1, &reply_wrong_mailbox },
		{ "lost", -1, 1, 1, &reply_trouble },
	};
	const struct format format = { .owner = tell_owner };
	struct config cfg = { .format = &format, .each_as_itself = true,
	    .delimiters = "+" };
	char template[PATH_MAX];
	struct mailbox mb;
	struct failure f;
	size_t i;

	snprintf(template, sizeof(template), "%s/m/%%n", top);
	cfg.template = template;
	ROW(user_source("dir", &cfg) == NULL);
	for (i = 0; i < nitems(rows); i++) {
		owner.r = rows[i].r;
		owner.id.uid = rows[i].uid;
		owner.id.gid = rows[i].gid;
		row(__LINE__, find(&cfg, rows[i].name, &mb, &f) ==
		    rows[i].reply && (rows[i].reply != NULL ||
		    (mb.id.uid == rows[i].uid && mb.id.gid == rows[i].gid &&
		    mb.id.name == NULL)), rows[i].name);
		/* A link is named only where the format has nothing to say. */
		if (f.reply == &reply_wrong_mailbox && rows[i].r != 1)
			row(__LINE__, (strstr(f.reason, "a link on the way") !=
			    NULL) == (rows[i].r == 0), rows[i].name);
		mailbox_free(&mb);
	}
}

static void
test_find_passwd(void)
{
	const struct format format = { .owner = tell_owner };
	struct config cfg = { .format = &format, .each_as_itself = true,
	    .delimiters = "+", .template = "%h/Mail" };
	struct mailbox mb;
	struct failure f;

	world_begin();
	ROW(user_source("passwd", &cfg) == NULL);
	ROW(find(&cfg, "ann", &mb, &f) == NULL && mb.id.uid == ANN &&
	    mb.id.gid == 100 && mb.id.name == mb.name &&
	    strcmp(mb.path, "/home/Mail") == 0 && mb.preset == 5);
	mailbox_free(&mb);
	k.nss_uid = 0;
	ROW(find(&cfg, "ann", &mb, &f) == NULL && mb.id.uid == 0);
	mailbox_free(&mb);
	k.nss_uid = NONE;
	ROW(find(&cfg, "ann", &mb, &f) == &reply_wrong_setup);
	mailbox_free(&mb);
	k.nss_uid = ANN;
	/* A home that no path has room for. */
	k.nss_home = times("/home", 1000);
	ROW(find(&cfg, "ann", &mb, &f) == &reply_trouble &&
	    strstr(f.reason, "template %h/Mail for user ann: ") != NULL);
	mailbox_free(&mb);
	cfg.template = "/m/%n";
	cfg.scripts = "/s:%h/s";
	ROW(find(&cfg, "ann", &mb, &f) == &reply_wrong_setup &&
	    strstr(f.reason, "script %h/s for user ann: ") != NULL);
	mailbox_free(&mb);
}

static void
test_find_file(void)
{
	static const struct {
		const char		*line;
		const struct reply	*reply;
		uid_t			 uid;
		gid_t			 gid;
		char			 fails;
		const char		*reason;
	} rows[] = {
		{ "x::7:8::/h:", NULL, 7, 8, 0, NULL },
		{ "x::ann:staff::/h:", NULL, ANN, 50, 0, NULL },
		{ "x::eve:staff::/h:", &reply_wrong_setup, 0, 0, 0, NULL },
		{ "x::ann:eves::/h:", &reply_wrong_setup, 0, 0, 0, NULL },
		{ "x::ann:8::/h:", &reply_trouble, 0, 0, 'n',
		    "getpwnam_r ann: " },
		{ "x::7:staff::/h:", &reply_trouble, 0, 0, 'g',
		    "getgrnam_r staff: " },
		{ "x::0:8::/h:", &reply_wrong_setup, 0, 0, 0, NULL },
		{ "x::7:0::/h:", NULL, 7, 0, 0, NULL },
		{ "x::4294967294:8::/h:", NULL, NONE - 1, 8, 0, NULL },
		{ "x::4294967295:8::/h:", &reply_wrong_setup, 0, 0, 0, NULL },
		{ "x::7:4294967294::/h:", NULL, 7, NONE - 1, 0, NULL },
		{ "x::7:4294967295::/h:", &reply_wrong_setup, 0, 0, 0, NULL },
	};
	const struct format format = { .owner = tell_owner };
	struct config cfg = { .format = &format, .each_as_itself = true,
	    .delimiters = "+", .template = "/m/%n" };
	char arg[PATH_MAX], line[2000], domain[500], name[600];
	struct mailbox mb;
	struct failure f;
	size_t i;

	snprintf(arg, sizeof(arg), "file:%s/users", top);
	ROW(user_source(arg, &cfg) == NULL);
	for (i = 0; i < nitems(rows); i++) {
		world_begin();
		k.nss_fails = rows[i].fails;
		k.nss_err = EIO;
		snprintf(line, sizeof(line), "%s\n", rows[i].line);
		make_file("/users", line, 0600);
		row(__LINE__, find(&cfg, "x", &mb, &f) == rows[i].reply &&
		    (rows[i].reply != NULL || (mb.id.uid == rows[i].uid &&
		    mb.id.gid == rows[i].gid && mb.id.name == NULL)) &&
		    (rows[i].reason == NULL ||
		    strstr(f.reason, rows[i].reason) != NULL), rows[i].line);
		mailbox_free(&mb);
	}
	/* A key's domain that is too long for a path, but in its other form. */
	snprintf(domain, sizeof(domain), "%s", times("\xe6\xbc\xa2", 30));
	snprintf(line, sizeof(line), "x@%s.%s.%s::7:8::/h:\n", domain, domain,
	    domain);
	make_file("/users", line, 0600);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, ":"), line);
	ROW(find(&cfg, name, &mb, &f) == NULL);
	mailbox_free(&mb);
	cfg.template = "/m/%d/%n";
	ROW(find(&cfg, name, &mb, &f) == &reply_bad_name);
	mailbox_free(&mb);
	cfg.template = "/m/%u";
	ROW(find(&cfg, name, &mb, &f) == &reply_bad_name);
	mailbox_free(&mb);
}

/*
 * A script's child, which may have become anything.
 */
#define SAYS(...)	((struct says[]){ __VA_ARGS__, { .text = NULL } })
#define LONG		(1U << 31)

/* What it says, as filter.c has it. */
struct record {
	unsigned int	 kind;
	unsigned char	 create;
	unsigned int	 line;
	char		 flags[6];
	size_t		 len;
};

enum { KEEP, FILE_INTO, REFUSE, ERROR, TROUBLE };

struct says {
	const char	*text;
	unsigned int	 kind;
	size_t		 more;		/* bytes that it says it has */
	char		 flags[7];
	bool		 create;
};

static int
find_folder(const char *path, const char *name, char *folder)
{
	(void)path;
	strlcpy(folder, name, FOLDER_BYTES);
	errno = strcmp(name, "bad") == 0 ? EINVAL : EIO;
	return strcmp(name, "bad") == 0 || strcmp(name, "disk") == 0 ? -1 :
	    name[0] == 'm' ? 0 : 1;
}

static void
say(const void *bytes, size_t n)
{
	if (n > sizeof(said.bytes) - said.len)
		err_out("say");
	memcpy(said.bytes + said.len, bytes, n);
	said.len += n;
}

/* Records, and rest bytes more. */
static void
say_all(const struct says *s, size_t rest)
{
	struct record r;
	size_t n = sizeof(n);

	memset(&said, 0, sizeof(said));
	said.len = sizeof(n);
	for (; s->text != NULL; s++) {
		memset(&r, 0, sizeof(r));
		r.kind = s->kind;
		r.create = s->create;
		r.line = 7;
		memcpy(r.flags, s->flags, sizeof(r.flags));
		r.len = strlen(s->text) + 1 + s->more;
		say(&r, sizeof(r));
		say(s->text, strlen(s->text) + 1);
	}
	said.len += rest;
	n = said.len - sizeof(n);
	memcpy(said.bytes, &n, sizeof(n));
}

static const char *
pause_over(void *arg, int fd, long us)
{
	(void)arg;
	(void)fd;
	(void)us;
	return "over";
}

/* What is made of what is said: this, and with the words of sieve=. */
static struct verdict verdict;
static struct failure failure;
static char sieve[4096];

static int
heed_while(const char *(*pause)(void *, int, long))
{
	static const struct envelope env;
	const struct format format = { .find_folder = find_folder };
	struct config cfg = { .format = &format, .each_as_itself = true };
	struct credentials c = { .cfg = &cfg };
	struct rcpt r = { .mailbox = { .path = below("/m/ann"),
	    .scripts = below("/script") } };
	struct watch watch = { pause, NULL };
	struct delivery d = { .cfg = &cfg, .cred = &c, .rcpt = &r,
	    .watch = &watch, .id = { .uid = ANN, .gid = ANN }, .fd = -1 };
	struct text trace = { .len = 0 };
	uint32_t before = open_fds();
	int result;

	/* As of the last message. */
	memset(&verdict, 1, sizeof(verdict));
	r.sieve = strdup("the script of another one");
	result = filter_run(&d, &env, &trace, 0, false, &verdict);
	ROW(open_fds() == before);
	failure = d.failure;
	strlcpy(sieve, r.sieve == NULL ? "" : r.sieve + strlen(below("")),
	    sizeof(sieve));
	free(r.sieve);
	return result;
}

static int
heed(void)
{
	return heed_while(client_none);
}

static bool
errs(const char *why)
{
	char want[200];

	snprintf(want, sizeof(want), "/script%s", why);
	return heed() == 0 && verdict.kind == VERDICT_ERROR &&
	    strcmp(sieve, want) == 0;
}

static bool
is_nonsense(const struct says *s, size_t rest)
{
	say_all(s, rest);
	return errs(": error: its child says nonsense");
}

static bool
is_cut(void)
{
	return errs(": error: its child died or took too long");
}

static void
test_child(void)
{
	char copies[FILINGS + 2][8], refusal[6000];
	struct says all[FILINGS + 2] = { { .text = NULL } };
	size_t i, n;

	world_begin();
	k.owner = ANN;
	make_file("/script", "keep;", 0600);
	say_all(SAYS({ .text = "", .kind = KEEP, .flags = "DFRST" },
	    { .text = "a", .kind = FILE_INTO },
	    { .text = "mb", .kind = FILE_INTO, .create = true },
	    { .text = "a", .kind = FILE_INTO, .flags = "S" }), 0);
	ROW(heed() == 0 && verdict.kind == VERDICT_FILE && verdict.n == 3 &&
	    strcmp(sieve, "/script") == 0);
	ROW(verdict.filings[0].keep && !verdict.filings[1].keep &&
	    strcmp(verdict.filings[0].flags, "DFRST") == 0 &&
	    strcmp(verdict.filings[1].flags, "S") == 0 &&
	    strcmp(verdict.filings[2].folder, "mb") == 0);
	/* Each of its bytes may be the last one; one more is too many. */
	n = said.len;
	for (i = 0; i < n; i += i < 10 ? 1 : 9) {
		said.len = i;
		ROW(is_cut());
	}
	said.len = n + 1;
	ROW(is_cut());
	said.len = sizeof(said.bytes);
	ROW(is_cut());
	/* It says that there are fewer. */
	said.len = n;
	said.bytes[0]--;
	said.bytes[sizeof(size_t) - 1]--;
	ROW(is_cut());
	say_all(SAYS({ .text = NULL }), 0);
	ROW(heed() == 0 && verdict.kind == VERDICT_FILE && verdict.n == 0);
	ROW(heed_while(pause_over) == -1 &&
	    failure.reply == &reply_trouble &&
	    strcmp(failure.reason, "over") == 0);

	for (i = 1; i < 2 * sizeof(struct record); i++) {
		ROW(is_nonsense(SAYS({ .text = NULL }), i));
		ROW(is_nonsense(SAYS({ .text = "" }), i));
	}
	ROW(is_nonsense(SAYS({ .text = "", .kind = TROUBLE + 1 }), 0));
	ROW(is_nonsense(SAYS({ .text = "", .kind = LONG }), 0));
	ROW(is_nonsense(SAYS({ .text = "", .more = 1 }), 0));
	ROW(is_nonsense(SAYS({ .text = "", .more = (size_t)-1 }), 0));
	ROW(is_nonsense(SAYS({ .text = "", .more = (size_t)-2 }), 0));
	/* A text with a NUL in it, and one without. */
	ROW(is_nonsense(SAYS({ .text = "a", .kind = FILE_INTO, .more = 1 }),
	    1));
	ROW(is_nonsense(SAYS({ .text = "ab", .kind = FILE_INTO,
	    .more = (size_t)-1 }), 0));
	ROW(is_nonsense(SAYS({ .text = "", .flags = "DX" }), 0));
	ROW(is_nonsense(SAYS({ .text = "", .flags = "DFRSTD" }), 0));

	for (i = 0; i <= FILINGS; i++) {
		snprintf(copies[i], sizeof(copies[i]), "a%zu", i);
		all[i] = (struct says){ .text = i < FILINGS ? copies[i] : NULL,
		    .kind = FILE_INTO };
	}
	say_all(all, 0);
	ROW(heed() == 0 && verdict.kind == VERDICT_FILE &&
	    verdict.n == FILINGS);
	all[FILINGS].text = copies[FILINGS];
	ROW(is_nonsense(all, 0));

	/* Behind an error nothing counts. */
	say_all(SAYS({ .text = "why", .kind = ERROR }, { .text = "",
	    .kind = TROUBLE }), 3);
	ROW(heed() == 0 && verdict.kind == VERDICT_ERROR);
	say_all(SAYS({ .text = "bad", .kind = FILE_INTO }), 0);
	ROW(errs(":7: error: no folder can be called bad"));
	say_all(SAYS({ .text = "bad", .kind = FILE_INTO, .create = true }), 0);
	ROW(errs(":7: error: no folder can be called bad"));
	say_all(SAYS({ .text = "mb", .kind = FILE_INTO }), 0);
	ROW(errs(":7: error: there is no folder mb"));
	say_all(SAYS({ .text = "disk", .kind = FILE_INTO }), 0);
	ROW(heed() == -1 && failure.err == EIO &&
	    strncmp(failure.reason, "stat disk of /tmp/", 18) == 0);
	say_all(SAYS({ .text = "read %s", .kind = TROUBLE }), 0);
	ROW(heed() == -1 && failure.err == 7 &&
	    failure.reply == &reply_trouble &&
	    strcmp(failure.reason, "read %s") == 0);
	memset(refusal, 'x', sizeof(refusal) - 1);
	refusal[sizeof(refusal) - 1] = '\0';
	say_all(SAYS({ .text = refusal, .kind = REFUSE }), 0);
	ROW(heed() == 0 && verdict.kind == VERDICT_REFUSE &&
	    strlen(verdict.text) == sizeof(verdict.text) - 1);
}

static void
test_script(void)
{
	static const struct {
		uid_t	 owner;
		bool	 runs;
	} rows[] = {
		{ ANN, true }, { 0, true }, { BEN, false }, { 1, false },
	};
	const char *s;
	size_t i;

	say_all(SAYS({ .text = "", .kind = KEEP }), 0);
	for (i = 0; i < nitems(rows); i++) {
		world_begin();
		k.owner = rows[i].owner;
		ROW(rows[i].runs ? heed() == 0 && verdict.n == 1 :
		    errs(": error: it belongs to somebody else"));
	}
	/* Who cannot become ann for good runs nothing. */
	for (s = "giu"; *s != '\0'; s++) {
		world_begin();
		k.owner = ANN;
		k.ngroups = 1;
		k.fails = *s;
		k.err = EIO;
		ROW(is_cut());
	}
	world_begin();
	k.no_fstat = true;
	ROW(heed() == -1 && failure.err == EIO);
	k.no_fstat = false;
	if (unlink(below("/script")) == -1)
		err_out("script");
	ROW(heed() == 0 && verdict.kind == VERDICT_NONE && verdict.n == 0 &&
	    sieve[0] == '\0');
}

/*
 * Mailboxes, as root settles them and delivers to them.
 */
static void
test_settle(void)
{
	static const struct {
		const char	*template;
		bool		 each;
		int		 lends;
		const char	*settled;	/* or NULL: as it was */
	} rows[] = {
		{ "/s/group/%n", true, LEND_GROUP, "/s/group/%n" },
		{ "/s/group/%n", false, LEND_NONE, NULL },
		{ "/s/root/%n", true, LEND_ROOT, "/s/root/%n" },
		{ "/s/way/x-%n", true, LEND_GROUP, "/s/group/x-%n" },
		{ "/s/sign/%n", true, LEND_ROOT, "/s/10%%n/%n" },
		{ "/s/10%%n/%n", true, LEND_ROOT, "/s/10%%n/%n" },
		{ "/s/ann/%n", true, LEND_NONE, NULL },
		{ "/s/wide/%n", true, LEND_NONE, NULL },
		{ "/s/none/%n", true, LEND_NONE, NULL },
		{ "/s/group/%n/mail", true, LEND_NONE, NULL },
	};
	char template[PATH_MAX];
	struct identity id = { .uid = ANN, .gid = ANN };
	struct config cfg;
	struct stat st;
	size_t i;

	make_dir("/s", 0755);
	make_dir("/s/group", 0775);
	make_dir("/s/root", 0755);
	make_dir("/s/10%n", 0755);
	make_dir("/s/ann", 0755);
	make_dir("/s/wide", 0777);
	make_link("group", "/s/way");
	make_link("10%n", "/s/sign");
	if (stat(below("/s/group"), &st) == -1)
		err_out("stat");
	for (i = 0; i < nitems(rows); i++) {
		memset(&cfg, 0, sizeof(cfg));
		cfg.lent_gid = NONE;
		cfg.each_as_itself = rows[i].each;
		strlcpy(template, below(rows[i].template), sizeof(template));
		cfg.template = template;
		row(__LINE__, mbox_format.settle(&cfg) == 0 &&
		    (int)cfg.root_lends == rows[i].lends &&
		    (rows[i].settled == NULL ? cfg.template == template :
		    strcmp(cfg.template, below(rows[i].settled)) == 0),
		    rows[i].template);
		ROW(cfg.lent_gid == (cfg.root_lends == LEND_NONE ? NONE :
		    st.st_gid));
		if (cfg.template != template)
			free((void *)(uintptr_t)cfg.template);
	}
	cfg.lent_gid = 8;
	cfg.root_lends = LEND_ROOT;
	mbox_format.writer(&cfg, &id);
	ROW(id.gid == ANN);
	cfg.root_lends = LEND_GROUP;
	mbox_format.writer(&cfg, &id);
	ROW(id.gid == 8);
}

/* Two deliveries of one message, each the first step of one. */
static struct {
	struct config		 cfg;
	struct credentials	 cred;
	struct log		 log;
	struct watch		 watch;
	struct volumes		 volumes;
	struct message		 message;
	struct rcpt		 rcpts[2];
	struct delivery		 d[2];
	max_align_t		 states[2][256];
	char			 paths[2][PATH_MAX];
	uint32_t		 fds;		/* that were open before */
} p;

static void
post_begin(const struct format *format)
{
	static char text[] = "X: y\n\nz\n";
	struct stat st;

	world_begin();
	memset(&p, 0, sizeof(p));
	p.fds = open_fds();
	p.log.fd = open(below("/log"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (p.log.fd == -1 || stat(top, &st) == -1 ||
	    format->state_size > sizeof(p.states[0]))
		err_out("post_begin");
	p.log.ends_lines = true;
	p.cfg = (struct config){ .each_as_itself = true, .format = format,
	    .log = &p.log, .host = "host", .node = "host", .pid = getpid() };
	if (user_source("any", &p.cfg) != NULL)
		err_out("any");
	p.cfg.each_as_itself = true;
	p.cred.cfg = &p.cfg;
	p.watch.pause = client_none;
	/* No journal makes a sync one for all. */
	p.volumes.v[0] = (struct volume){ st.st_dev, SYNC_EACH, false };
	p.volumes.n = 1;
	p.message.mem = text;
	p.message.size = p.message.len = p.message.room = strlen(text);
	p.message.last = '\n';
	p.message.fd = -1;
}

static struct delivery *
post(size_t i, const char *path, uid_t uid)
{
	static char ann[] = "ann";
	struct mailbox *mb = &p.rcpts[i].mailbox;
	struct delivery *d = &p.d[i];

	strlcpy(p.paths[i], below(path), PATH_MAX);
	mb->path = p.paths[i];
	mb->preset = strlen(top) + 2;
	mb->id.uid = uid;
	mb->id.gid = uid;
	mb->name = ann;
	snprintf(p.rcpts[i].id, ID_SIZE, "id%zu", i);
	*d = (struct delivery){ .cfg = &p.cfg, .cred = &p.cred,
	    .watch = &p.watch, .message = &p.message, .rcpts = p.rcpts,
	    .rcpt = &p.rcpts[i], .group = p.d, .state = p.states[i],
	    .id = mb->id, .fd = -1, .volumes = &p.volumes };
	memset(p.states[i], 0, sizeof(p.states[i]));
	return d;
}

static int
post_try(struct delivery *d)
{
	struct draft draft = { .sender = "s", .unique = d->rcpt->id };
	const struct step_args a = { .draft = &draft };
	char none[1];

	text_init(&draft.trace, none, sizeof(none));
	d->busy = false;
	d->ok = p.cfg.format->begin(d, &a) == 0;
	return d->ok ? 0 : -1;
}

/* It failed, for that reason. */
static bool
fails(struct delivery *d, const char *reason)
{
	return post_try(d) == -1 && !d->busy &&
	    strstr(d->failure.reason, reason) != NULL;
}

static void
post_end(void)
{
	size_t i;

	for (i = 0; i < nitems(p.rcpts); i++) {
		free(p.rcpts[i].mailbox.folder);
		p.rcpts[i].mailbox.folder = NULL;
	}
	close(p.log.fd);
	ROW(open_fds() == p.fds);
}

static bool
file_is(const char *path, const char *want)
{
	char text[2000];
	int fd = open(below(path), O_RDONLY);
	ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd != -1)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, want) != NULL;
}

static bool
is_empty(const char *path)
{
	struct stat st;

	return stat(below(path), &st) == 0 && st.st_size == 0;
}

static bool
is_gone(const char *path)
{
	return access(below(path), F_OK) == -1;
}

static void
test_mbox(void)
{
	struct rlimit rl, few = { .rlim_cur = 5 };
	struct delivery *d;
	struct stat st;

	/* Root makes the file, gives it away, and is ann when it writes. */
	post_begin(&mbox_format);
	p.cfg.root_lends = LEND_ROOT;
	d = post(0, "/s/root/anew", ANN);
	ROW(post_try(d) == 0 && k.given_by_root && k.owner == ANN &&
	    ids_are(0, ANN, 0, ANN, 0));
	mbox_format.undo(d);
	post_end();
	if (unlink(below("/s/root/anew")) == -1)
		err_out("unlink");
	post_begin(&mbox_format);
	p.cfg.root_lends = LEND_ROOT;
	d = post(0, "/s/root/anew", ANN);
	k.fails = 'c';
	k.err = EPERM;
	ROW(fails(d, "chown ") && is_gone("/s/root/anew"));
	k.fails = 'i';
	ROW(fails(d, "seteuid for ") && is_gone("/s/root/anew"));
	p.cfg.root_lends = LEND_NONE;
	k.fails = 'i';
	ROW(fails(d, "seteuid for ") && is_gone("/s/root/anew"));
	/* The same with a dotlock, which is made before. */
	p.cfg.locks[0] = LOCK_DOTLOCK;
	p.cfg.nlocks = 1;
	k.fails = 'i';
	ROW(fails(d, "dotlock ") && is_gone("/s/root/anew.lock"));
	p.cfg.root_lends = LEND_ROOT;
	k.fails = 'i';
	ROW(fails(d, "dotlock ") && is_gone("/s/root/anew.lock") &&
	    is_gone("/s/root/anew"));
	post_end();
	/* One that cannot be taken away stays, and that is told. */
	post_begin(&mbox_format);
	p.cfg.locks[0] = LOCK_DOTLOCK;
	p.cfg.nlocks = 1;
	k.owner = ANN;
	d = post(0, "/s/group/anew", ANN);
	ROW(post_try(d) == 0 && !is_gone("/s/group/anew.lock"));
	identity_resume(&p.cred);
	p.cred.gid = BEN;
	k.fails = 'i';
	k.err = EPERM;
	mbox_format.undo(d);
	ROW(!is_gone("/s/group/anew.lock") &&
	    file_is("/log", "seteuid to unlink "));
	post_end();
	if (unlink(below("/s/group/anew.lock")) == -1)
		err_out("unlink");

	/* What is no mailbox any more, once it was looked at. */
	post_begin(&mbox_format);
	k.owner = ANN;
	d = post(0, "/s/group/anew", ANN);
	make_link("/dev/tty", "/link");
	k.comes = below("/link");
	ROW(fails(d, "is a symbolic link"));
	if (unlink(below("/s/group/anew")) == -1)
		err_out("unlink");
	make_file("/s/group/anew", "old\n", 0600);
	k.other_disk = true;
	ROW(post_try(d) == -1 && d->busy);
	k.other_disk = false;
	/* There is room for one byte more. */
	if (getrlimit(RLIMIT_FSIZE, &rl) == -1)
		err_out("getrlimit");
	few.rlim_max = rl.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &few) == -1)
		err_out("setrlimit");
	ROW(fails(d, "write "));
	if (setrlimit(RLIMIT_FSIZE, &rl) == -1)
		err_out("setrlimit");
	signal(SIGXFSZ, SIG_DFL);
	ROW(stat(below("/s/group/anew"), &st) == 0 && st.st_size == 4);
	post_end();
}

static struct delivery *
post_locked(const char *instance)
{
	post_begin(&mbox_format);
	p.cfg.locks[0] = LOCK_DOTLOCK;
	p.cfg.nlocks = 1;
	strlcpy(p.cfg.instance, instance, sizeof(p.cfg.instance));
	k.owner = ANN;
	return post(0, "/s/group/anew", ANN);
}

#define LOCK	"/s/group/anew.lock"

/* What another's lock says, and what happens between two calls. */
static void
test_dotlock(void)
{
	static const char dead[] = "999999999\nhost\nhere\n",
	    alive[] = "1\nhost\nhere\n";
	struct rlimit rl, none = { .rlim_cur = 0 };
	struct delivery *d;
	char ours[64];

	/* Where /proc tells nothing a pid says nothing. */
	d = post_locked("");
	make_file(LOCK, "999999999\nhost\n\nx", 0600);
	ROW(post_try(d) == -1 && d->busy);
	ROW(post_try(d) == -1 && d->busy && !is_gone(LOCK));
	if (unlink(below(LOCK)) == -1)
		err_out(LOCK);
	/* One that is too long is none of ours. */
	make_file(LOCK, times("1\n", 2000), 0600);
	ROW(post_try(d) == -1 && d->busy && !is_gone(LOCK));
	if (unlink(below(LOCK)) == -1)
		err_out(LOCK);
	/* Ours is known by its inode then, */
	ROW(post_try(d) == 0 && !is_gone(LOCK));
	mbox_format.undo(d);
	ROW(is_gone(LOCK));
	/* and not by its text. */
	ROW(post_try(d) == 0 && rename(below(LOCK), below("/old")) == 0);
	snprintf(ours, sizeof(ours), "%ld\nhost\n", (long)getpid());
	make_file(LOCK, ours, 0600);
	mbox_format.undo(d);
	ROW(file_is(LOCK, ours));
	post_end();

	/* Two break a lock at once: the other's new one is put back, */
	d = post_locked("here");
	make_file(LOCK, dead, 0600);
	ROW(post_try(d) == -1 && d->busy);
	k.replaced = alive;
	ROW(post_try(d) == -1 && d->busy && file_is(LOCK, alive) &&
	    is_gone(LOCK ".id0") && is_empty("/log"));
	/* but over nobody's that is newer still. */
	make_file(LOCK, dead, 0600);
	k.replaced = alive;
	k.made_anew = "1\nhost\nhere\nnew\n";
	ROW(post_try(d) == -1 && d->busy && file_is(LOCK, "new") &&
	    is_gone(LOCK ".id0") && file_is("/log", "link /tmp/"));
	make_file(LOCK, dead, 0600);
	ROW(post_try(d) == 0 && file_is("/log", "broke the stale lock "));
	mbox_format.undo(d);
	post_end();

	/* A disk has become full meanwhile: nothing tells the lock's age. */
	if (getrlimit(RLIMIT_FSIZE, &rl) == -1 || geteuid() == 0)
		return;
	d = post_locked("here");
	make_file(LOCK, alive, 0600);
	ROW(post_try(d) == -1 && d->busy);
	if (chmod(below("/s/group"), 0555) == -1)
		err_out("chmod");
	ROW(post_try(d) == -1 && d->busy && is_empty("/log"));
	if (chmod(below("/s/group"), 0775) == -1 || unlink(below(LOCK)) == -1)
		err_out("chmod");
	post_end();
	d = post_locked("here");
	signal(SIGXFSZ, SIG_IGN);
	none.rlim_max = rl.rlim_max;
	if (setrlimit(RLIMIT_FSIZE, &none) == -1)
		err_out("setrlimit");
	ROW(fails(d, "create ") && d->failure.err == EFBIG && is_gone(LOCK));
	if (setrlimit(RLIMIT_FSIZE, &rl) == -1)
		err_out("setrlimit");
	signal(SIGXFSZ, SIG_DFL);
	post_end();
}

/*
 * How long it is looked at: by its time, which is seconds behind the clock of
 * the file system when it was seen first.
 */
static void
test_age(void)
{
	static const struct {
		time_t	 time;
		time_t	 heeded;	/* so many seconds later */
		time_t	 broken;	/* or 0: it is alive then too */
	} rows[] = {
		{ -400, 1, 2 },
		{ -290, 10, 11 },
		{ 0, 29, 0 },
		{ 3600, 10, 11 },
		{ 311, 11, 0 },
	};
	struct timespec stamps[2] = { { .tv_nsec = UTIME_OMIT } };
	struct delivery *d;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		d = post_locked("here");
		k.stored_at = 1000000;
		k.monotonic = 1000;
		stamps[1].tv_sec = k.stored_at + rows[i].time;
		make_file(LOCK, "1\n", 0600);
		if (utimensat(AT_FDCWD, below(LOCK), stamps, 0) == -1)
			err_out(LOCK);
		ROW(post_try(d) == -1 && d->busy);
		ROW(post_try(d) == -1 && d->busy);
		k.monotonic += rows[i].heeded;
		row(__LINE__, post_try(d) == -1 && d->busy && file_is(LOCK,
		    "1\n"), "heeded");
		k.monotonic += rows[i].broken - rows[i].heeded;
		if (rows[i].broken > 0) {
			row(__LINE__, post_try(d) == 0, "broken");
			mbox_format.undo(d);
		} else if (unlink(below(LOCK)) == -1)
			err_out(LOCK);
		post_end();
	}
}

/* Of several recipients nobody writes by what is open for another. */
static void
test_place(void)
{
	static const struct {
		const char	*second;
		uid_t		 uid;
		bool		 fails;		/* the first */
		bool		 refused;
	} rows[] = {
		{ "/s/box", BEN, false, true },
		{ "/s/tobox", BEN, false, true },
		{ "/s/tobox", ANN, false, false },
		{ "/s/tobox", BEN, true, false },
		{ "/s/other", BEN, false, false },
	};
	struct delivery *d;
	size_t i;

	make_dir("/s/box", 0700);
	make_link("box", "/s/tobox");
	make_dir("/s/other", 0700);
	for (i = 0; i < nitems(rows); i++) {
		post_begin(&maildir_format);
		d = post(0, "/s/box", ANN);
		ROW(post_try(d) == 0);
		d->ok = !rows[i].fails;
		d = post(1, rows[i].second, rows[i].uid);
		row(__LINE__, rows[i].refused ? fails(d,
		    "is the Maildir of another recipient too") &&
		    d->failure.reply == &reply_wrong_mailbox :
		    post_try(d) == 0, rows[i].second);
		if (d->ok)
			maildir_format.undo(d);
		maildir_format.undo(&p.d[0]);
		post_end();
	}
}

static size_t
synced(const char *path)
{
	struct stat st;
	size_t i, n = 0;

	if (stat(below(path), &st) == -1)
		return 0;
	for (i = 0; i < k.nsynced; i++)
		n += k.synced[i] == st.st_ino;
	return n;
}

/* What is made is safe before it is used: it, and what it is in. */
static void
test_synced(void)
{
	static char detail[] = "f";
	struct delivery *d;

	post_begin(&maildir_format);
	d = post(0, "/s/new", ANN);
	ROW(post_try(d) == 0 && synced("/s/new") == 1 && synced("/s") == 1 &&
	    synced("/s/new/tmp") == 0);
	maildir_format.undo(d);
	post_end();
	/* Of -U dir: one that is gone since RCPT is not made. */
	post_begin(&maildir_format);
	if (user_source("dir", &p.cfg) != NULL)
		err_out("dir");
	d = post(0, "/s/none", ANN);
	ROW(fails(d, "open ") && is_gone("/s/none"));
	post_end();
	post_begin(&maildir_format);
	p.cfg.folders = p.cfg.makes_folders = true;
	d = post(0, "/s/new/er", ANN);
	d->rcpt->mailbox.detail = detail;
	ROW(post_try(d) == 0);
	/* With its own parts, and with the folder. */
	ROW(synced("/s/new/er") == 2 && synced("/s/new") == 1 &&
	    synced("/s/new/er/.f") == 1);
	maildir_format.undo(d);
	post_end();
}

/* What is let go of may be another's descriptor by now. */
static void
test_let_go(void)
{
	struct delivery *d;
	int fds[2];
	size_t i;

	for (i = 0; i < 2; i++) {
		post_begin(&maildir_format);
		d = post(0, "/s/box", ANN);
		ROW(post_try(d) == 0);
		if (i == 0)
			maildir_format.undo(d);
		else
			ROW(maildir_format.finish(d) == 0);
		fds[0] = dup(p.log.fd);
		fds[1] = dup(p.log.fd);
		maildir_format.undo(d);
		ROW(is_empty("/log") && close(fds[0]) == 0 &&
		    close(fds[1]) == 0);
		post_end();
	}
}

/* Whose Maildir may be open to groups that were not asked for yet. */
static void
test_shut(void)
{
	static char detail[] = "f", ann[] = "ann";
	static const struct {
		mode_t		 mode;
		const char	*reason;
	} rows[] = {
		{ 0, "open %s/s/shut/: " },
		{ 0, "open %s/s/shut/maildirsize: " },
		{ 0311, "open %s/s/shut: " },
	};
	const struct demand demand = { .more = { 1, 1 }, .write = true };
	const struct step_args a = { .demand = &demand };
	struct delivery *d;
	char want[PATH_MAX + 32];
	size_t i;

	if (geteuid() == 0)
		return;
	make_dir("/s/shut", 0700);
	for (i = 0; i < 2 * nitems(rows); i++) {
		post_begin(&maildir_format);
		p.cfg.folders = i / 2 == 0;
		p.cfg.has_quota = true;
		p.cfg.quota.bytes = 10;
		d = post(0, "/s/shut", ANN);
		d->rcpt->mailbox.detail = detail;
		d->rcpt->mailbox.id.name = i % 2 == 0 ? ann : NULL;
		if (chmod(below("/s/shut"), rows[i / 2].mode) == -1)
			err_out("chmod");
		snprintf(want, sizeof(want), rows[i / 2].reason, top);
		row(__LINE__, i % 2 == 0 ? maildir_format.room(d, &a) == -1 &&
		    d->failure.err == EACCES &&
		    strstr(d->failure.reason, want) != NULL :
		    maildir_format.room(d, &a) == 0, want);
		post_end();
	}
	if (chmod(below("/s/shut"), 0700) == -1)
		err_out("chmod");
}

/* However a count ends, nothing stays open. */
static void
test_count(void)
{
	const struct demand demand = { .more = { 1, 1 }, .write = true };
	const struct step_args a = { .demand = &demand };
	struct delivery *d;
	char path[64];
	size_t i;

	make_dir("/s/full", 0700);
	make_dir("/s/full/cur", 0700);
	make_dir("/s/full/new", 0700);
	make_dir("/s/full/tmp", 0700);
	make_dir("/s/full/.f", 0700);
	make_dir("/s/full/.f/cur", 0700);
	post_begin(&maildir_format);
	p.cfg.has_quota = true;
	p.cfg.quota.bytes = 100;
	d = post(0, "/s/full", ANN);
	ROW(maildir_format.room(d, &a) == 0 &&
	    file_is("/s/full/maildirsize", "100S\n0 0\n"));
	ROW(open_fds() == (p.fds | (uint32_t)1 << p.log.fd));
	post_end();
	for (i = 0; i < 513; i++) {
		snprintf(path, sizeof(path), "/s/full/new/%zu,S=0", i);
		make_file(path, "", 0600);
	}
	post_begin(&maildir_format);
	p.watch.pause = pause_over;
	p.cfg.has_quota = true;
	p.cfg.quota.bytes = 90;
	d = post(0, "/s/full", ANN);
	ROW(maildir_format.room(d, &a) == -1 &&
	    strcmp(d->failure.reason, "over") == 0);
	post_end();
}

static int
remove_each(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int
main(void)
{
	umask(022);
	/* Whom the modes of files hold back, if it can be. */
	if (geteuid() == 0)
		(void)!setuid(65534);
	if (mkdtemp(top) == NULL || chmod(top, 0755) == -1)
		err_out(top);
	test_assume();
	test_assume_fails();
	test_shed();
	test_become();
	test_groups();
	test_capabilities();
	test_shed_caps();
	test_accounts();
	test_option();
	test_access();
	make_world();
	if (chdir(below("/m/open")) == -1)
		err_out(top);
	test_way_check();
	test_way_others();
	test_find_dir();
	test_find_passwd();
	test_find_file();
	test_child();
	test_script();
	test_settle();
	test_mbox();
	test_dotlock();
	test_age();
	test_place();
	test_synced();
	test_let_go();
	test_shut();
	test_count();
	if (nftw(top, remove_each, 16, FTW_DEPTH | FTW_PHYS) == -1)
		failed++;
	printf("%zu passed, %zu failed\n", passed, failed);
	return failed > 0;
}
