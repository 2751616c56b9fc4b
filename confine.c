/*
 * What the process gives up before it hears a stranger, so that a flaw
 * stays small.  A kernel that has not got a measure, or fails it, is no
 * reason to refuse mail.
 */
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

#if defined(__linux__) || defined(__OpenBSD__)

/* Are there modules of NSS, and may they be called, which want sockets? */
#ifdef STATIC
#define HAS_MODULES	false
#else
#define HAS_MODULES	true
#endif

/*
 * The one directory that mail is written to, if there is one.  Where links
 * lead, of a mailbox or of a directory that it lies in, is not known here.
 */
static bool
mail_directory(const struct config *cfg, char dir[PATH_MAX])
{
	return !cfg->format->follows_links &&
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

/* No core with mail in it, and no tracer of the same user. */
static bool
no_dump(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/*
 * What root needs, and no more: to become each recipient, to give a mailbox
 * away where it does so, and to look and write where a directory is
 * another's: a passwd-file, -T, a mailbox with -U dir.  contrib's unit lends
 * the power to look without that to write.  NIS asks from a reserved port.
 * What is gone from the permitted set no seteuid brings back; nor does an
 * exec, as there are no new privileges, so the bounding set can stay as it
 * is.
 */
#define CAP_BIT(cap)	((uint32_t)1 << (cap))

static bool
drop_capabilities(const struct config *cfg, bool gives)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
	uint32_t keep = CAP_BIT(CAP_DAC_OVERRIDE) |
	    CAP_BIT(CAP_DAC_READ_SEARCH);

	if (cfg->uid != 0)
		return false;
	if (cfg->each_as_itself)
		keep |= CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID);
	if (gives)
		keep |= CAP_BIT(CAP_CHOWN);
	if (HAS_MODULES && user_asks_nss(cfg))
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
 * Those that only a capability which is gone would allow (modules, clocks)
 * need no entry: the filter's length is paid for at each start, and so calls
 * whose numbers follow each other are one entry.
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

/* Jumps to the last two instructions; link_jumps puts the distance there. */
#define PASS	0xfe
#define DENY	0xff

/* Half a word is enough: these are all ints. */
#define LOAD(what)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
			    offsetof(struct seccomp_data, what))
#define IS(n, yes, no)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, \
			    (uint32_t)(n), yes, no)
#define HAS(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, \
			    (uint32_t)(bits), yes, no)
#define ABOVE(n, yes, no) BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, \
			    (uint32_t)(n), yes, no)
#define ALLOW		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define FAIL(err)	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define OFTEN(call)	IS(SYS_##call, PASS, 0)
#define NEVER(call)	IS(SYS_##call, DENY, 0)
#define NONE_OF(first, last) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, \
			    SYS_##first, 0, 1), ABOVE(SYS_##last, 0, DENY)
/* Where it is wanted this is one more entry for another call. */
#define UNLESS(wanted, call) IS((wanted) ? SYS_execve : SYS_##call, DENY, 0)

/*
 * A mode with a set-ID bit, for open's argument n and the next: there are
 * modes only for files that it makes.
 */
#define MAKES		(O_CREAT | (O_TMPFILE & ~O_DIRECTORY))
#define NO_SETID(call, flags, mode) \
			IS(SYS_##call, 0, 4), LOAD(args[flags]), \
			HAS(MAKES, 0, PASS), LOAD(args[mode]), \
			HAS(S_ISUID | S_ISGID, DENY, PASS)

/*
 * For its cache of what is always allowed the kernel puts each of its calls
 * to the filter: 100 us at each start, and a process as short as this gets
 * little from it.  It gives up at an instruction that it does not follow.
 */
#define NO_CACHE	BPF_STMT(BPF_MISC | BPF_TAX, 0)

static void
link_jumps(struct sock_filter *filter, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		struct sock_filter *f = &filter[i];

		if (BPF_CLASS(f->code) != BPF_JMP)
			continue;
		if (f->jt >= PASS)
			f->jt = (uint8_t)(len - 3 - i + (f->jt == DENY));
		if (f->jf >= PASS)
			f->jf = (uint8_t)(len - 3 - i + (f->jf == DENY));
	}
}

/* For whomever it is, and behind what by_argument says. */
static const struct sock_filter forbidden[] = {
	/* Other programs, and what is in other processes. */
	NEVER(execve), NEVER(ptrace),
	NONE_OF(process_vm_readv, process_vm_writev),
	NEVER(process_madvise), NEVER(pidfd_getfd), NEVER(tkill),
	NEVER(rt_sigqueueinfo), NEVER(rt_tgsigqueueinfo),
	/* Both kinds of queues, semaphores and memory for all. */
	NONE_OF(mq_open, mq_unlink),
#ifdef __x86_64__
	NONE_OF(shmget, shmctl), NONE_OF(semget, msgctl),
	NEVER(semtimedop),
#else
	NONE_OF(msgget, shmdt),
#endif
	/*
	 * Large parts of the kernel, and ways around this filter:
	 * pidfd_send_signal, io_uring's, the newer ones for mounts,
	 * pidfd_open; bpf, execveat, userfaultfd.
	 */
	NONE_OF(pidfd_send_signal, pidfd_open),
	NONE_OF(bpf, userfaultfd), NONE_OF(add_key, keyctl),
	NEVER(perf_event_open), NEVER(unshare), NEVER(setns),
	NEVER(personality), NEVER(open_by_handle_at),
	NEVER(fanotify_init), NEVER(mount),
	/* What mail is not, and modes and owners it never gets. */
	NEVER(mknodat), NEVER(symlinkat), NEVER(fchmod),
	NEVER(fchmodat), NEVER(fchownat),
	NONE_OF(setxattr, fsetxattr),
#ifdef __x86_64__
	NEVER(creat), NEVER(mknod), NEVER(symlink), NEVER(chmod),
	NEVER(chown), NEVER(lchown), NEVER(modify_ldt),
#endif
	/* Nobody is to call us. */
	NEVER(listen),
	ALLOW, FAIL(EPERM)
};

static bool
forbid_calls(const struct config *cfg, bool gives)
{
	bool nss = HAS_MODULES && user_asks_nss(cfg);
	bool child = cfg->scripts != NULL;
	/* AF_UNSPEC: there is no such socket. */
	uint32_t local = nss || !cfg->log_stderr ? AF_UNIX : AF_UNSPEC;
	const struct sock_filter by_argument[] = {
		LOAD(arch), IS(ARCH, 1, 0), FAIL(EPERM),
		LOAD(nr), NO_CACHE,
		OFTEN(close), OFTEN(read), OFTEN(write), OFTEN(newfstatat),
		/* A file that is made is nobody's program. */
		NO_SETID(openat, 2, 3),
#ifdef __x86_64__
		NO_SETID(open, 1, 2),
#endif
		ABOVE(NEWEST, 0, 1), FAIL(ENOSYS),
		/* These hide their arguments behind a pointer. */
		IS(SYS_openat2, 1, 0), IS(SYS_clone3, 0, 1), FAIL(ENOSYS),
		/* Nor may a descriptor send a signal when it is ready. */
		IS(SYS_fcntl, 0, 4), LOAD(args[1]),
		IS(F_SETOWN, DENY, 0), IS(F_SETOWN_EX, DENY, 0),
		IS(F_SETSIG, DENY, PASS),
		IS(SYS_ioctl, 0, 3), LOAD(args[1]),
		IS(FIOSETOWN, DENY, 0), IS(SIOCSPGRP, DENY, PASS),
		/* The log; LDAP, the DNS, and which addresses we have. */
		IS(SYS_socket, 0, 5), LOAD(args[0]),
		IS(local, PASS, 0), IS(nss ? AF_INET : local, PASS, 0),
		IS(nss ? AF_INET6 : local, PASS, 0),
		IS(nss ? AF_NETLINK : local, PASS, DENY),
		/* Is the owner of a lock alive?  Signal 0, and no other. */
		IS(SYS_kill, 0, 2), LOAD(args[1]), IS(0, PASS, DENY),
		/* abort(3), to oneself. */
		IS(SYS_tgkill, 0, 2), LOAD(args[0]),
		IS(cfg->pid, PASS, DENY),
		/* A child for a script; threads, which NSS may want. */
		IS(SYS_clone, 0, 3), LOAD(args[0]),
		HAS(CLONE_NEWUSER, DENY, 0),
		HAS(child ? UINT32_MAX : CLONE_THREAD, PASS, DENY),
		/* One's own limits alone. */
		IS(SYS_prlimit64, 0, 2), LOAD(args[0]), IS(0, PASS, DENY),
		UNLESS(gives, fchown),
#ifdef __x86_64__
		UNLESS(child, fork), UNLESS(child, vfork)
#endif
	};
	struct sock_filter filter[nitems(by_argument) + nitems(forbidden)];
	struct sock_fprog prog = {
		.len = nitems(filter),
		.filter = filter
	};

	_Static_assert(nitems(filter) <= PASS, "too far to jump");
	memcpy(filter, by_argument, sizeof(by_argument));
	memcpy(filter + nitems(by_argument), forbidden, sizeof(forbidden));
	link_jumps(filter, nitems(filter));
	/* Nothing here is worth the cost of the mitigations it may bring. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog) == 0;
}

#else

static bool
forbid_calls(const struct config *cfg, bool gives)
{
	(void)cfg;
	(void)gives;
	return false;
}

#endif

/*
 * Landlock: nothing is made that is no mail, no program is started, and no
 * process outside is traced, nor its memory opened.  Where the mail lies in
 * one directory no file is changed but there and in -T.  Reading is left
 * alone: a module of NSS may want any file.
 */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER	(1ULL << 13)	/* its second ABI */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE	(1ULL << 14)	/* its third ABI */
#endif
#define WRITES	(LANDLOCK_ACCESS_FS_WRITE_FILE | \
		    LANDLOCK_ACCESS_FS_REMOVE_FILE | \
		    LANDLOCK_ACCESS_FS_MAKE_REG)
#define DIRS	(LANDLOCK_ACCESS_FS_MAKE_DIR | \
		    LANDLOCK_ACCESS_FS_REMOVE_DIR)
#define NO_MAIL	(LANDLOCK_ACCESS_FS_EXECUTE | \
		    LANDLOCK_ACCESS_FS_MAKE_CHAR | \
		    LANDLOCK_ACCESS_FS_MAKE_SOCK | \
		    LANDLOCK_ACCESS_FS_MAKE_FIFO | \
		    LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
		    LANDLOCK_ACCESS_FS_MAKE_SYM)

static int
create_ruleset(uint64_t handled)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = handled };

	return (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr),
	    0);
}

static bool
allow_below(int ruleset, const char *dir, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access };
	long r;

	rule.parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.parent_fd == -1)
		return false;
	r = syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return r == 0;
}

/*
 * What stands in the place of a lock may be a directory, and is removed.  A
 * directory for mail that is missing may be there for the next message: until
 * then there is no ruleset.
 */
static int
ruleset_for_directory(const struct config *cfg, const char *dir)
{
	uint64_t writes = WRITES | LANDLOCK_ACCESS_FS_TRUNCATE;
	int fd = create_ruleset(writes | DIRS | NO_MAIL);

	if (fd == -1 && errno == EINVAL) {
		writes = WRITES;
		fd = create_ruleset(writes | DIRS | NO_MAIL);
	}
	if (fd != -1 && (!allow_below(fd, dir,
	    writes | LANDLOCK_ACCESS_FS_REMOVE_DIR) ||
	    !allow_below(fd, cfg->spool, writes))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/*
 * A Maildir may be reached through links that lead anywhere.  From tmp/ to
 * new/ is from one directory to another, which the first ABI forbids in any
 * case: there is no ruleset with that.
 */
static int
ruleset_for_any(void)
{
	int fd = create_ruleset(NO_MAIL | LANDLOCK_ACCESS_FS_REFER);

	if (fd != -1 && !allow_below(fd, "/", LANDLOCK_ACCESS_FS_REFER)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool
restrict_files(const struct config *cfg)
{
	char dir[PATH_MAX];
	bool done;
	int fd;

	fd = mail_directory(cfg, dir) ? ruleset_for_directory(cfg, dir) :
	    ruleset_for_any();
	if (fd == -1)
		return false;
	done = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	close(fd);
	return done;
}

/*
 * A script's child: from here on it can think, say what it thinks, and ask
 * whether a folder is there.
 */
#ifdef ARCH

#define KILL		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

void
confine_child(void)
{
	struct sock_filter filter[] = {
		LOAD(arch), IS(ARCH, 0, DENY), LOAD(nr), NO_CACHE,
		OFTEN(write), OFTEN(exit_group), OFTEN(brk), OFTEN(mmap),
		OFTEN(munmap), OFTEN(mremap), OFTEN(madvise),
		OFTEN(newfstatat),
#ifdef __x86_64__
		OFTEN(stat),	/* which is what musl calls */
#endif
		OFTEN(clock_gettime), IS(SYS_rt_sigreturn, PASS, DENY),
		ALLOW, KILL
	};
	struct sock_fprog prog = {
		.len = nitems(filter),
		.filter = filter
	};

	link_jumps(filter, nitems(filter));
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
	bool gives = cfg->root_lends == LEND_ROOT;

	/* First: without it an ordinary user gets neither of the next two. */
	note(got, no_new_privs(), "no-new-privs");
	note(got, no_dump(), "no-dump");
	note(got, restrict_files(cfg), "landlock");
	note(got, forbid_calls(cfg, gives), "seccomp");
	note(got, drop_capabilities(cfg, gives), "capabilities");
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
	    cfg->format->locks ? " flock proc" : "",
	    cfg->each_as_itself ? " id chown" : "",
	    user_asks_nss(cfg) ? " getpw" : "");
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
	/* A sanitizer traces its process, and reports where it likes. */
	if (!SANITIZED)
		obtain(cfg, &got);
	if (!cfg->verbose)
		return;
	log_begin(&l);
	log_add(&l, "confine", got.len > 0 ? names : "none");
	log_send(cfg, &l);
}
