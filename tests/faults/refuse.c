/* A container of old: it refuses what its filter of calls does not know. */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define REFUSE(call) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err)

int
main(int argc, char *argv[])
{
	unsigned int err = argc > 2 ? (unsigned int)atoi(argv[1]) : 0;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		REFUSE(statx), REFUSE(renameat2), REFUSE(copy_file_range),
		REFUSE(faccessat2), REFUSE(clone3), REFUSE(close_range),
		REFUSE(openat2), REFUSE(sync_file_range), REFUSE(seccomp),
		REFUSE(landlock_create_ruleset), REFUSE(rseq),
		REFUSE(capset),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
	};
	struct sock_fprog prog = { sizeof(filter) / sizeof(*filter), filter };

	if (err == 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == -1)
		return 111;
	execv(argv[2], argv + 2);
	return 111;
}
