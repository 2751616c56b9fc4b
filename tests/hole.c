/*
 * hole free|confined kind mail-directory spool outside: what somebody could
 * do who has got into the process.  Says for each attempt how it ended.
 * kind is what the process is set up for: mboxes in the mail directory (any),
 * with NSS (passwd), with the system's log (syslog), with scripts (sieve), or
 * Maildirs (maildir).  outside is a directory with a file f in it.  free shows
 * that each attempt would succeed; each has a process of its own.
 */
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <asm/sockios.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lmtpd.h"

static const char *mail, *spool, *outside;
static pid_t other;
static int were_open;		/* descriptors, at first */

static int
close_good(int fd)
{
	return fd == -1 ? -1 : close(fd);
}

static int
at(const char *dir, const char *name, int flags)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return close_good(open(path, flags | O_CLOEXEC, 0600));
}

static int
try_read(void)
{
	return at("/etc", "passwd", O_RDONLY);
}

static int
try_append_mail(void)
{
	return at(mail, "m", O_WRONLY | O_CREAT | O_APPEND);
}

static int
try_rename_mail(void)
{
	char from[4096], to[4096];

	snprintf(from, sizeof(from), "%s/m", mail);
	snprintf(to, sizeof(to), "%s/n", mail);
	return rename(from, to) == -1 ? -1 : unlink(to);
}

static int
try_tmpfile(void)
{
	return close_good(os_tmpfile(spool));
}

static int
try_write(void)
{
	return at(outside, "f", O_WRONLY);
}

static int
try_create(void)
{
	return at(outside, "g", O_WRONLY | O_CREAT);
}

static int
try_truncate(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/f", outside);
	return truncate(path, 0);
}

static int
try_move_out(void)
{
	char from[4096], to[4096];

	if (at(mail, "o", O_WRONLY | O_CREAT) == -1)
		return -1;
	snprintf(from, sizeof(from), "%s/o", mail);
	snprintf(to, sizeof(to), "%s/o", outside);
	if (rename(from, to) == 0)
		return unlink(to);
	(void)unlink(from);
	errno = EACCES;		/* EXDEV, to say that it is another's */
	return -1;
}

static int
try_chmod(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/f", outside);
	return chmod(path, 04755);
}

static int
try_symlink(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/l", mail);
	return symlink("/etc/passwd", path) == -1 ? -1 : unlink(path);
}

static int
try_mkdir(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/d", mail);
	return mkdir(path, 0700) == -1 ? -1 : rmdir(path);
}

/* As a message goes from tmp/ to new/. */
static int
try_other_directory(void)
{
	char from[4096], to[4096];

	snprintf(from, sizeof(from), "%s/t", outside);
	snprintf(to, sizeof(to), "%s/t", mail);
	if (close_good(open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) ==
	    -1 || rename(from, to) == -1)
		return -1;
	return unlink(to);
}

static int
remove_in(const char *dir, const char *name, int flags)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return unlinkat(AT_FDCWD, path, flags);
}

static int
try_remove(void)
{
	return remove_in(outside, "file", 0);
}

static int
try_rmdir(void)
{
	return remove_in(outside, "dir", AT_REMOVEDIR);
}

/* It may stand in the place of a lock. */
static int
try_rmdir_mail(void)
{
	return remove_in(mail, "dir", AT_REMOVEDIR);
}

static int
try_fifo(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/p", outside);
	return mkfifo(path, 0600) == -1 ? -1 : unlink(path);
}

/* Who is not root may make that of no device, of an overlay's deletions. */
static int
try_device(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/c", outside);
	return mknod(path, S_IFCHR | 0600, 0) == -1 ? -1 : unlink(path);
}

/* A socket, where there may be no socket(2). */
static int
pair(int type)
{
	int ends[2];

	return socketpair(AF_UNIX, type, 0, ends) == -1 ? -1 : ends[0];
}

static int
try_bind(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", outside);
	if (bind(pair(SOCK_DGRAM), (struct sockaddr *)&sun, sizeof(sun)) == -1)
		return -1;
	return unlink(sun.sun_path);
}

static int
made_setid(long fd, const char *path)
{
	struct stat st;

	if (fd == -1 || fstat((int)fd, &st) == -1 || unlink(path) == -1)
		return -1;
	errno = ENODATA;
	return (st.st_mode & S_ISUID) != 0 ? 0 : -1;
}

static int
try_setid_openat(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/u", mail);
	return made_setid(syscall(SYS_openat, AT_FDCWD, path,
	    O_WRONLY | O_CREAT, 04755), path);
}

static int
try_setid_tmpfile(void)
{
	return close_good((int)syscall(SYS_openat, AT_FDCWD, spool,
	    O_TMPFILE | O_RDWR, 02755));
}

static int
try_setid_open(void)
{
#ifdef SYS_open
	char path[4096];

	snprintf(path, sizeof(path), "%s/u", mail);
	return made_setid(syscall(SYS_open, path, O_WRONLY | O_CREAT, 04755),
	    path);
#else
	return try_setid_openat();
#endif
}

static int
try_setid_creat(void)
{
#ifdef SYS_creat
	char path[4096];

	snprintf(path, sizeof(path), "%s/u", mail);
	return made_setid(syscall(SYS_creat, path, 04755), path);
#else
	return try_setid_openat();
#endif
}

/* A mode is only looked at where something is made. */
static int
try_mode_unused(void)
{
	return close_good((int)syscall(SYS_openat, AT_FDCWD, "/etc/passwd",
	    O_RDONLY, 07777));
}

static int
try_openat2(void)
{
	static const uint64_t how[3] = { O_RDONLY };

	return close_good((int)syscall(SYS_openat2, AT_FDCWD, "/etc/passwd",
	    how, sizeof(how)));
}

static int
open_outside(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/f", outside);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int
try_fchown(void)
{
	return fchown(open_outside(), getuid(), getgid());
}

static int
give_away(void)
{
	return fchown(open_outside(), 65534, 65534);
}

/* The kernel's own complaint of a bad argument: the call got there. */
static int
reached(long r, int complaint)
{
	return r != -1 || errno == complaint ? 0 : -1;
}

static int
try_exec(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int
try_fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid == -1 || waitpid(pid, NULL, 0) == -1 ? -1 : 0;
}

static int
try_fork_call(void)
{
#ifdef SYS_fork
	pid_t pid = (pid_t)syscall(SYS_fork);

	if (pid == 0)
		_exit(0);
	return pid == -1 || waitpid(pid, NULL, 0) == -1 ? -1 : 0;
#else
	return try_fork();
#endif
}

static void *
thread(void *arg)
{
	return arg;
}

static int
try_thread(void)
{
	pthread_t t;

	if ((errno = pthread_create(&t, NULL, thread, NULL)) != 0)
		return -1;
	return pthread_join(t, NULL);
}

static int
try_ptrace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int
try_memory(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/mem", (long)other);
	return close_good(open(path, O_RDWR | O_CLOEXEC));
}

static int
try_dump(void)
{
	errno = EPERM;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? -1 : 0;
}

static int
try_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static int
try_setns(void)
{
	return reached(setns(-1, 0), EBADF);
}

static int
try_mount(void)
{
	return reached(mount(NULL, NULL, (const char *)1, 0, NULL), EFAULT);
}

static int
try_fsopen(void)
{
	return close_good((int)syscall(SYS_fsopen, "tmpfs", 0));
}

/* The last of a row of which fsopen, for root alone, is another. */
static int
try_pidfd(void)
{
	return close_good((int)syscall(SYS_pidfd_open, other, 0));
}

static int
try_fanotify(void)
{
	return close_good((int)syscall(SYS_fanotify_init,
	    FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY));
}

static int
try_shmget(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);

	return id == -1 ? -1 : shmctl(id, IPC_RMID, NULL);
}

static int
try_shmat(void)
{
	return reached((long)shmat(-1, NULL, 0), EINVAL);
}

static int
try_msgget(void)
{
	int id = msgget(IPC_PRIVATE, 0600);

	return id == -1 ? -1 : msgctl(id, IPC_RMID, NULL);
}

static int
try_semget(void)
{
	int id = semget(IPC_PRIVATE, 1, 0600);

	return id == -1 ? -1 : semctl(id, 0, IPC_RMID);
}

static int
try_mqueue(void)
{
	return reached(syscall(SYS_mq_unlink, "none"), ENOENT);
}

static int
try_limits(void)
{
	struct rlimit rl;

	return getrlimit(RLIMIT_CORE, &rl);
}

static int
try_others_limits(void)
{
	struct rlimit rl;

	return prlimit(other, RLIMIT_CORE, NULL, &rl);
}

static int
try_alive(void)
{
	return kill(other, 0);
}

static int
try_signal(void)
{
	return kill(other, SIGCONT);
}

static int
try_fcntl_owner(void)
{
	return fcntl(STDERR_FILENO, F_SETOWN, other);
}

static int
try_fcntl_owner_ex(void)
{
	struct f_owner_ex owner = { F_OWNER_PID, other };

	return fcntl(STDERR_FILENO, F_SETOWN_EX, &owner);
}

static int
try_fcntl_signal(void)
{
	return fcntl(STDERR_FILENO, F_SETSIG, SIGKILL);
}

static int
try_ioctl_group(void)
{
	return ioctl(pair(SOCK_DGRAM), SIOCSPGRP, &other);
}

static int
try_ioctl_owner(void)
{
	return ioctl(pair(SOCK_DGRAM), FIOSETOWN, &other);
}

static int
try_tgkill(void)
{
	return (int)syscall(SYS_tgkill, other, other, SIGCONT);
}

/* There is no such thread. */
static int
try_tgkill_thread(void)
{
	return reached(syscall(SYS_tgkill, other, getpid(), SIGCONT), ESRCH);
}

/* To oneself it must work, or abort(3) would not end anything. */
static int
try_raise(void)
{
	return (int)syscall(SYS_tgkill, getpid(), gettid(), SIGCONT);
}

static int
try_unix(void)
{
	return close_good(socket(AF_UNIX, SOCK_DGRAM, 0));
}

static int
try_inet(void)
{
	return close_good(socket(AF_INET, SOCK_STREAM, 0));
}

/* Whether there is any IPv6 or not. */
static int
try_inet6(void)
{
	return reached(close_good(socket(AF_INET6, SOCK_STREAM, 0)),
	    EAFNOSUPPORT);
}

static int
try_netlink(void)
{
	return close_good(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
try_alg(void)
{
	return close_good(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int
listen_somewhere(void)
{
	return reached(listen(pair(SOCK_STREAM), 1), EINVAL);
}

/* The 32 bits that a kernel for 64 may have: their calls have other numbers. */
static int
try_other_arch(void)
{
#ifdef __x86_64__
	long r = 20;		/* getpid */

	__asm__ volatile("int $0x80" : "+a" (r) : : "memory", "r8", "r9",
	    "r10", "r11");
	if (r > 0)
		return 0;
	errno = (int)-r;
	return -1;
#else
	errno = ENOSYS;
	return -1;
#endif
}

static int
try_clone3(void)
{
	return reached(syscall(SYS_clone3, NULL, 0), EINVAL);
}

/* cachestat, the first that came after the list. */
static int
try_newest(void)
{
	return reached(syscall(451, -1, NULL, NULL, 0), EBADF);
}

/* The last of the list. */
static int
try_new(void)
{
	return reached(syscall(450, 0, 0, 0, 1), EINVAL);
}

static int
count_open(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 32; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			n++;
	return n;
}

static int
try_descriptors(void)
{
	errno = EMFILE;
	return count_open() == were_open ? 0 : -1;
}

/* Of root: what is left of its capabilities. */
static int
become_nobody(void)
{
	return setgroups(0, NULL) == -1 || setegid(65534) == -1 ||
	    seteuid(65534) == -1 || seteuid(0) == -1 ? -1 : 0;
}

static int
try_become(void)
{
	return become_nobody();
}

static int
try_host_name(void)
{
	char name[256];

	return gethostname(name, sizeof(name)) == -1 ? -1 :
	    sethostname(name, strlen(name));
}

#if (defined(__x86_64__) && defined(__LP64__)) || defined(__aarch64__)
#define HAS_FILTER	true
#else
#define HAS_FILTER	false
#endif

/* What the kernel has, whether it was used or not. */
static int
kernel_landlock(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
}

static int
kernel_seccomp(void)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	/* Of other processors' calls there is no list. */
	if (!HAS_FILTER) {
		errno = ENOSYS;
		return -1;
	}
	return (int)syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

static const struct {
	const char	*name;
	int		 (*run)(void);
} attempts[] = {
	{ "read", try_read },
	{ "append-mail", try_append_mail },
	{ "rename-mail", try_rename_mail },
	{ "tmpfile", try_tmpfile },
	{ "mkdir", try_mkdir },
	{ "write", try_write },
	{ "create", try_create },
	{ "truncate", try_truncate },
	{ "move-out", try_move_out },
	{ "other-directory", try_other_directory },
	{ "remove", try_remove },
	{ "rmdir", try_rmdir },
	{ "rmdir-mail", try_rmdir_mail },
	{ "fifo", try_fifo },
	{ "device", try_device },
	{ "bind", try_bind },
	{ "setid-openat", try_setid_openat },
	{ "setid-tmpfile", try_setid_tmpfile },
	{ "setid-open", try_setid_open },
	{ "setid-creat", try_setid_creat },
	{ "mode-unused", try_mode_unused },
	{ "openat2", try_openat2 },
	{ "chmod", try_chmod },
	{ "fchown", try_fchown },
	{ "symlink", try_symlink },
	{ "exec", try_exec },
	{ "fork", try_fork },
	{ "fork-call", try_fork_call },
	{ "thread", try_thread },
	{ "ptrace", try_ptrace },
	{ "memory", try_memory },
	{ "dump", try_dump },
	{ "namespace", try_namespace },
	{ "setns", try_setns },
	{ "mount", try_mount },
	{ "fsopen", try_fsopen },
	{ "pidfd", try_pidfd },
	{ "fanotify", try_fanotify },
	{ "shmget", try_shmget },
	{ "shmat", try_shmat },
	{ "msgget", try_msgget },
	{ "semget", try_semget },
	{ "mqueue", try_mqueue },
	{ "limits", try_limits },
	{ "others-limits", try_others_limits },
	{ "alive", try_alive },
	{ "signal", try_signal },
	{ "fcntl-owner", try_fcntl_owner },
	{ "fcntl-owner-ex", try_fcntl_owner_ex },
	{ "fcntl-signal", try_fcntl_signal },
	{ "ioctl-owner", try_ioctl_owner },
	{ "ioctl-group", try_ioctl_group },
	{ "tgkill", try_tgkill },
	{ "tgkill-thread", try_tgkill_thread },
	{ "raise", try_raise },
	{ "unix", try_unix },
	{ "inet", try_inet },
	{ "inet6", try_inet6 },
	{ "netlink", try_netlink },
	{ "alg", try_alg },
	{ "listen", listen_somewhere },
	{ "other-arch", try_other_arch },
	{ "clone3", try_clone3 },
	{ "newest", try_newest },
	{ "new", try_new },
	{ "descriptors", try_descriptors },
	{ "become", try_become },
	{ "host-name", try_host_name },
	{ "give-away", give_away },
	{ "landlock", kernel_landlock },
	{ "seccomp", kernel_seccomp },
};

static const char *
outcome(int err)
{
	static char number[32];

	switch (err) {
	case 0:
		return "done";
	case EPERM:
		return "EPERM";
	case EACCES:
		return "EACCES";
	case ENOSYS:
		return "ENOSYS";
	case EXDEV:
		return "EXDEV";
	}
	snprintf(number, sizeof(number), "%d", err);
	return number;
}

/* Somebody to signal, who ends with us: by the end of a pipe. */
static int
start_other(void)
{
	int ends[2];
	char c;

	if (pipe(ends) == -1 || (other = fork()) == -1)
		return -1;
	if (other == 0) {
		close(ends[1]);
		_exit((int)read(ends[0], &c, 1));
	}
	return 0;
}

/* Its exit status is its errno. */
static void
attempt(struct config *cfg, bool confined, int (*run)(void))
{
	if (start_other() == -1)
		_exit(ECHILD);
	cfg->pid = getpid();
	were_open = count_open();
	if (confined)
		confine(cfg);
	_exit(run() < 0 ? errno : 0);
}

int
main(int argc, char *argv[])
{
	char template[4096];
	struct config cfg = {
		.template = template,
		.format = &mbox_format,
		.log_stderr = true,
		.verbose = true
	};
	struct log log;
	int status;
	size_t i;
	pid_t pid;

	if (argc != 6)
		return 64;
	if (user_source(strcmp(argv[2], "passwd") == 0 ? "passwd" : "any",
	    &cfg) != NULL)
		return 64;
	cfg.scripts = strcmp(argv[2], "sieve") == 0 ? "~/sieve" : NULL;
	if (strcmp(argv[2], "maildir") == 0)
		cfg.format = &maildir_format;
	mail = argv[3];
	cfg.spool = spool = argv[4];
	outside = argv[5];
	snprintf(template, sizeof(template), "%s/%%n", mail);
	cfg.pid = getpid();
	(void)log_open(&log, &cfg, true);
	/* Whether there is a daemon or not. */
	cfg.log_stderr = strcmp(argv[2], "syslog") != 0;
	cfg.uid = geteuid();
	cfg.each_as_itself = cfg.uid == 0;
	if (cfg.format->settle != NULL && cfg.format->settle(&cfg) == -1)
		return 71;
	for (i = 0; i < nitems(attempts); i++) {
		if ((pid = fork()) == 0)
			attempt(&cfg, strcmp(argv[1], "confined") == 0,
			    attempts[i].run);
		if (pid == -1 || waitpid(pid, &status, 0) == -1)
			return 71;
		cfg.verbose = false;
		printf("%s %s\n", attempts[i].name, outcome(
		    WIFEXITED(status) ? WEXITSTATUS(status) : EINTR));
		fflush(stdout);
	}
	return 0;
}
