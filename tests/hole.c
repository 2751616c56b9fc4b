/*
 * hole free|confined users mail-directory spool outside: what somebody could
 * do who has got into the process.  Says for each attempt how it ended.
 * outside is a directory with a file f in it; free shows that each attempt
 * would succeed.
 */
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <asm/sockios.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lmtpd.h"

static const char *mail, *spool, *outside;
static pid_t other;

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

/* A child's exit status is its errno. */
static int
child(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(run() == -1 ? errno : 0);
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return errno == 0 ? 0 : -1;
}

static int
exec_true(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int
try_exec(void)
{
	return child(exec_true);
}

static int
trace_me(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int
try_ptrace(void)
{
	return child(trace_me);
}

static int
new_user(void)
{
	return unshare(CLONE_NEWUSER);
}

static int
try_namespace(void)
{
	return child(new_user);
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
try_ioctl_owner(void)
{
	return ioctl(socket(AF_UNIX, SOCK_DGRAM, 0), FIOSETOWN, &other);
}

static int
try_tgkill(void)
{
	return (int)syscall(SYS_tgkill, other, other, SIGCONT);
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

static int
try_alg(void)
{
	return close_good(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int
listen_somewhere(void)
{
	return listen(socket(AF_UNIX, SOCK_STREAM, 0), 1) == -1 &&
	    errno == EINVAL ? 0 : -1;
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
	return child(become_nobody);
}

static int
try_host_name(void)
{
	char name[256];

	return gethostname(name, sizeof(name)) == -1 ? -1 :
	    sethostname(name, strlen(name));
}

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
	{ "write", try_write },
	{ "create", try_create },
	{ "truncate", try_truncate },
	{ "move-out", try_move_out },
	{ "chmod", try_chmod },
	{ "symlink", try_symlink },
	{ "exec", try_exec },
	{ "ptrace", try_ptrace },
	{ "namespace", try_namespace },
	{ "alive", try_alive },
	{ "signal", try_signal },
	{ "fcntl-owner", try_fcntl_owner },
	{ "ioctl-owner", try_ioctl_owner },
	{ "tgkill", try_tgkill },
	{ "raise", try_raise },
	{ "unix", try_unix },
	{ "inet", try_inet },
	{ "alg", try_alg },
	{ "listen", listen_somewhere },
	{ "become", try_become },
	{ "host-name", try_host_name },
	{ "landlock", kernel_landlock },
	{ "seccomp", kernel_seccomp },
};

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
	size_t i;
	int ends[2];
	char c;

	if (argc != 6)
		return 64;
	if (user_source(argv[2], &cfg) != NULL)
		return 64;
	mail = argv[3];
	cfg.spool = spool = argv[4];
	outside = argv[5];
	snprintf(template, sizeof(template), "%s/%%n", mail);
	cfg.pid = getpid();
	log_open(&log, &cfg, true);
	cfg.uid = geteuid();
	cfg.switches = cfg.uid == 0;
	/* Somebody to signal, who ends with us: by the end of a pipe. */
	if (pipe(ends) == -1)
		return 71;
	if ((other = fork()) == 0) {
		close(ends[1]);
		_exit((int)read(ends[0], &c, 1));
	}
	if (strcmp(argv[1], "confined") == 0)
		confine(&cfg);
	for (i = 0; i < nitems(attempts); i++)
		printf("%s %s\n", attempts[i].name,
		    attempts[i].run() >= 0 ? "done" : strerrorname_np(errno));
	fflush(stdout);
	return 0;
}
