/*
 * What the process gives up before it hears a stranger, so that a flaw
 * stays small.  A kernel that has not got a measure, or fails it, is no
 * reason to refuse mail.
 */
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <asm/sockios.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#endif

#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#ifdef __linux__
#include <sched.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

#define CHILD_SECONDS	1		/* of CPU, for a script */
#define CHILD_MEMORY	(128 << 20)	/* bytes of addresses: 64 MiB and us */

/* A sanitizer traces its process for leaks and reports where it likes. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED	true
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED	true
#endif
#ifndef SANITIZED
#define SANITIZED	false
#endif

#if defined(__linux__) || defined(__OpenBSD__)

/* May modules of NSS be called, which want sockets? */
static bool
uses_nss(const struct config *cfg)
{
	return cfg->users == USERS_PASSWD ||
	    (cfg->users == USERS_FILE && !cfg->has_user);
}

/*
 * The one directory that mail is written to, if there is one.  A Maildir may
 * be reached through links, as may what is deeper: where they lead is not
 * known here.  A mailbox that lies in the directory itself cannot be a link.
 */
static bool
mail_directory(const struct config *cfg, char dir[PATH_MAX])
{
	return cfg->format == &mbox_format &&
	    template_directory(cfg->template, dir, PATH_MAX);
}

/* One measure more, if it was obtained. */
static void
note(struct text *got, bool obtained, const char *name)
{
	if (obtained)
		text_add(got, got->len > 0 ? "," : "", name, NULL);
}

#endif

#ifdef __linux__

static bool
no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/*
 * What root needs, and no more: to become each recipient, to give a mailbox
 * away, and to look and write where a directory is another's: a passwd-file,
 * -T, a mailbox with -U dir.  contrib's unit lends the power to look without
 * that to write.  NIS asks from a reserved port.  What is gone
 * from the permitted set no seteuid brings back; nor does an exec, as there
 * are no new privileges, so the bounding set can stay as it is.
 */
#define CAP_BIT(cap)	((uint32_t)1 << (cap))

static bool
drop_capabilities(const struct config *cfg)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
	uint32_t keep = CAP_BIT(CAP_DAC_OVERRIDE) |
	    CAP_BIT(CAP_DAC_READ_SEARCH);

	if (cfg->uid != 0)
		return false;
	if (cfg->switches)
		keep |= CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) |
		    CAP_BIT(CAP_CHOWN);
	if (uses_nss(cfg))
		keep |= CAP_BIT(CAP_NET_BIND_SERVICE);
	if (syscall(SYS_capget, &head, caps) == -1)
		return false;
	/* In a container some of them may be missing already. */
	keep &= caps[0].permitted;
	memset(caps, 0, sizeof(caps));
	caps[0].permitted = caps[0].effective = keep;
	return syscall(SYS_capset, &head, caps) == 0;
}

/*
 * System calls that neither delivery nor a module of NSS has a use for.  All
 * others are allowed: which of them a libc uses changes with each release.
 * Those that want a capability which we have not (mounts, modules, clocks)
 * need no entry, as nobody gets it back: the filter's length is paid for at
 * each start.
 */
#if defined(__x86_64__) && defined(__LP64__)
#define ARCH	AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define ARCH	AUDIT_ARCH_AARCH64
#endif

#ifdef ARCH

/*
 * set_mempolicy_home_node of Linux 5.17, and the same on every architecture.
 * Newer ones, which may do what is forbidden here, and x32's are unknown, as
 * they are to an older kernel.
 */
#define NEWEST	450

/* Half a word is enough: these are all ints. */
#define LOAD(what)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
			    offsetof(struct seccomp_data, what))
#define IS(n, yes, no)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, \
			    (uint32_t)(n), yes, no)
#define HAS(bit, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, \
			    (uint32_t)(bit), yes, no)
#define ALLOW		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define FAIL(err)	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define NEVER(call)	IS(SYS_##call, 0, 1), FAIL(EPERM)

/*
 * For its cache of what is always allowed the kernel puts each of its calls
 * to the filter: 100 us at each start, and a process as short as this gets
 * little from it.  It gives up at an instruction that it does not follow.
 */
#define NO_CACHE	BPF_STMT(BPF_MISC | BPF_TAX, 0)

static bool
forbid_calls(const struct config *cfg)
{
	bool nss = uses_nss(cfg);
	struct sock_filter filter[] = {
		LOAD(arch), IS(ARCH, 1, 0), FAIL(EPERM),
		LOAD(nr), NO_CACHE,
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST, 0, 1),
		FAIL(ENOSYS),
		/* Other programs, and what is in other processes. */
		NEVER(execve), NEVER(execveat), NEVER(ptrace),
		NEVER(process_vm_readv), NEVER(process_vm_writev),
		NEVER(process_madvise), NEVER(pidfd_open),
		NEVER(pidfd_getfd), NEVER(pidfd_send_signal), NEVER(tkill),
		NEVER(rt_sigqueueinfo), NEVER(rt_tgsigqueueinfo),
		/* Large parts of the kernel, and ways around this filter. */
		NEVER(io_uring_setup), NEVER(bpf), NEVER(perf_event_open),
		NEVER(userfaultfd), NEVER(keyctl), NEVER(add_key),
		NEVER(request_key), NEVER(unshare), NEVER(personality),
		NEVER(open_by_handle_at),
		/* What mail is not, and modes and owners it never gets. */
		NEVER(mknodat), NEVER(symlinkat), NEVER(fchmod),
		NEVER(fchmodat), NEVER(fchownat), NEVER(setxattr),
		NEVER(lsetxattr), NEVER(fsetxattr),
#ifdef __x86_64__
		NEVER(mknod), NEVER(symlink), NEVER(chmod), NEVER(chown),
		NEVER(lchown), NEVER(modify_ldt),
#endif
		/* Nobody is to call us. */
		NEVER(listen),
		/* Threads, which NSS may want, but no user namespace. */
		IS(SYS_clone3, 0, 1), FAIL(ENOSYS),
		IS(SYS_clone, 0, 4),
		LOAD(args[0]), HAS(CLONE_NEWUSER, 0, 1), FAIL(EPERM), ALLOW,
		/* Is the owner of a lock alive?  Signal 0, and no other. */
		IS(SYS_kill, 0, 4),
		LOAD(args[1]), IS(0, 0, 1), ALLOW, FAIL(EPERM),
		/* abort(3), to oneself. */
		IS(SYS_tgkill, 0, 4),
		LOAD(args[0]), IS(cfg->pid, 0, 1), ALLOW, FAIL(EPERM),
		/* Nor may a descriptor send one when it is ready. */
		IS(SYS_fcntl, 0, 6),
		LOAD(args[1]),
		IS(F_SETOWN, 2, 0), IS(F_SETOWN_EX, 1, 0),
		IS(F_SETSIG, 0, 1), FAIL(EPERM), ALLOW,
		IS(SYS_ioctl, 0, 5),
		LOAD(args[1]),
		IS(FIOSETOWN, 1, 0), IS(SIOCSPGRP, 0, 1),
		FAIL(EPERM), ALLOW,
		/* The log; LDAP, the DNS, and which addresses we have. */
		IS(SYS_socket, 0, 7),
		LOAD(args[0]),
		IS(AF_UNIX, 3, 0),
		IS(nss ? AF_INET : AF_UNIX, 2, 0),
		IS(nss ? AF_INET6 : AF_UNIX, 1, 0),
		IS(nss ? AF_NETLINK : AF_UNIX, 0, 1),
		ALLOW,
		FAIL(EPERM),
		ALLOW
	};
	struct sock_fprog prog = {
		.len = nitems(filter),
		.filter = filter
	};

	/* Nothing here is worth the cost of the mitigations it may bring. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog) == 0;
}

#else

static bool
forbid_calls(const struct config *cfg)
{
	(void)cfg;
	return false;
}

#endif

/*
 * Landlock: no file is changed but in the mail's directory and in -T, and
 * none started.  Reading is left alone: an NSS module may want any file.
 */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE	(1ULL << 14)	/* its third ABI */
#endif
#define WRITES	(LANDLOCK_ACCESS_FS_WRITE_FILE | \
		    LANDLOCK_ACCESS_FS_REMOVE_FILE | \
		    LANDLOCK_ACCESS_FS_MAKE_REG)
#define OTHERS	(LANDLOCK_ACCESS_FS_EXECUTE | \
		    LANDLOCK_ACCESS_FS_REMOVE_DIR | \
		    LANDLOCK_ACCESS_FS_MAKE_CHAR | \
		    LANDLOCK_ACCESS_FS_MAKE_DIR | \
		    LANDLOCK_ACCESS_FS_MAKE_SOCK | \
		    LANDLOCK_ACCESS_FS_MAKE_FIFO | \
		    LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
		    LANDLOCK_ACCESS_FS_MAKE_SYM)

static int
create_ruleset(uint64_t *writes)
{
	struct landlock_ruleset_attr attr;
	int fd;

	*writes = WRITES | LANDLOCK_ACCESS_FS_TRUNCATE;
	attr = (struct landlock_ruleset_attr){ *writes | OTHERS };
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd != -1 || errno != EINVAL)
		return fd;
	*writes = WRITES;
	attr = (struct landlock_ruleset_attr){ *writes | OTHERS };
	return (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr),
	    0);
}

static bool
allow_writes(int ruleset, const char *dir, uint64_t writes)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = writes };
	long r;

	rule.parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.parent_fd == -1)
		return false;
	r = syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return r == 0;
}

static bool
restrict_writes(const struct config *cfg)
{
	char dir[PATH_MAX];
	uint64_t writes;
	bool done;
	int fd;

	if (!mail_directory(cfg, dir) || (fd = create_ruleset(&writes)) == -1)
		return false;
	/* A directory that is missing may be there for the next message. */
	done = allow_writes(fd, dir, writes) &&
	    allow_writes(fd, cfg->spool, writes) &&
	    syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	close(fd);
	return done;
}

/*
 * A script's child: from here on it can think, say what it thinks, and ask
 * whether a folder is there.
 */
#ifdef ARCH

#define MAY(call)	IS(SYS_##call, 0, 1), ALLOW

void
confine_child(void)
{
	struct sock_filter filter[] = {
		LOAD(arch), IS(ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		LOAD(nr), NO_CACHE,
		MAY(write), MAY(exit_group), MAY(brk), MAY(mmap), MAY(munmap),
		MAY(mremap), MAY(madvise), MAY(newfstatat),
		MAY(clock_gettime), MAY(rt_sigreturn),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
	};
	struct sock_fprog prog = {
		.len = nitems(filter),
		.filter = filter
	};

	if (!SANITIZED)
		(void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog);
}

#else

void
confine_child(void)
{
}

#endif

static void
obtain(const struct config *cfg, struct text *got)
{
	/* First: without it an ordinary user gets neither of the next two. */
	note(got, no_new_privs(), "no-new-privs");
	note(got, restrict_writes(cfg), "landlock");
	note(got, forbid_calls(cfg), "seccomp");
	note(got, drop_capabilities(cfg), "capabilities");
}

#elif defined(__OpenBSD__)

static bool
restrict_writes(const struct config *cfg)
{
	char dir[PATH_MAX];

	return mail_directory(cfg, dir) && unveil("/", "r") == 0 &&
	    unveil(dir, "rwc") == 0 && unveil(cfg->spool, "rwc") == 0;
}

/*
 * proc is for the owner of a dotlock: is it alive?  inet is for getpeername(2),
 * which Received wants.
 */
static bool
forbid_calls(const struct config *cfg)
{
	char promises[128];

	snprintf(promises, sizeof(promises),
	    "stdio rpath wpath cpath fattr inet%s%s%s",
	    cfg->format == &mbox_format ? " flock proc" : "",
	    cfg->switches ? " id chown" : "",
	    uses_nss(cfg) ? " getpw" : "");
	return pledge(promises, NULL) == 0;
}

static void
obtain(const struct config *cfg, struct text *got)
{
	/* unveil first: pledge leaves it to nobody. */
	note(got, restrict_writes(cfg), "unveil");
	note(got, forbid_calls(cfg), "pledge");
}

#else

static void
obtain(const struct config *cfg, struct text *got)
{
	(void)cfg;
	(void)got;
}

#endif

#ifndef __linux__

void
confine_child(void)
{
}

#endif

void
confine_limits(void)
{
	struct rlimit cpu = { CHILD_SECONDS, CHILD_SECONDS };
	struct rlimit memory = { CHILD_MEMORY, CHILD_MEMORY };
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CPU, &cpu);
	(void)setrlimit(RLIMIT_CORE, &none);
	/* A sanitizer's shadow is larger than any memory. */
	if (!SANITIZED)
		(void)setrlimit(RLIMIT_AS, &memory);
#ifdef __linux__
	/* It does not outlive us; nor may who it has become look into it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

void
confine(const struct config *cfg)
{
	struct log_line l;
	struct text got;
	char names[64];

	text_init(&got, names, sizeof(names));
	if (!SANITIZED)
		obtain(cfg, &got);
	if (!cfg->verbose)
		return;
	log_begin(&l);
	log_add(&l, "confine", got.len > 0 ? names : "none");
	log_send(cfg, &l);
}
