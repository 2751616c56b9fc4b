/*
 * What the process was started with: its descriptors and signals, whoever
 * did it and with whatever they were left at.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "lmtpd.h"

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int
start_descriptors(bool has_client, bool *shielded)
{
	struct stat st[3], *in = &st[0], *out = &st[1], *err = &st[2];
	bool known[3] = { false };
	int fd, r;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		while (!(known[fd] = fstat(fd, &st[fd]) == 0) &&
		    errno == EBADF)
			/* It gets the lowest number, which is this one. */
			if (open("/dev/null", O_RDWR) == -1)
				return -1;
	/* Where AppArmor denies fstat(2) it may be the client's, too. */
	*shielded = has_client && (!known[STDERR_FILENO] ||
	    (!S_ISCHR(err->st_mode) &&
	    ((known[STDIN_FILENO] && is_same_file(err, in)) ||
	    (known[STDOUT_FILENO] && is_same_file(err, out)))));
	if (!*shielded)
		return 0;
	if ((fd = open("/dev/null", O_RDWR)) == -1)
		return -1;
	r = dup2(fd, STDERR_FILENO);
	close(fd);
	return r == -1 ? -1 : 0;
}

int
start_log(struct log *log, struct config *cfg, bool stderr_is_ours)
{
	return log_open(log, cfg, stderr_is_ours) ? 0 :
	    os_access(AT_FDCWD, "/dev/null", R_OK | W_OK);
}

bool
start_listens(void)
{
	int listens;
	socklen_t len = sizeof(listens);

	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listens,
	    &len) == 0 && listens != 0;
}

static const int ends[] = { SIGTERM, SIGHUP, SIGINT };
/*
 * The system calls say EPIPE of a client that has gone, and EFBIG of a file
 * that is too large; an alarm can only be one that who started us has left.
 */
static const int ignored[] = { SIGPIPE, SIGXFSZ, SIGALRM };

/* Does nothing: what counts is that ppoll(2) returns. */
static void
interrupt(int sig)
{
	(void)sig;
}

int
start_signals(void)
{
	struct sigaction sa = { .sa_handler = interrupt };
	sigset_t blocked;
	size_t i;

	sigemptyset(&blocked);
	for (i = 0; i < nitems(ends); i++)
		if (sigaddset(&blocked, ends[i]) == -1)
			return -1;
	if (sigprocmask(SIG_SETMASK, &blocked, NULL) == -1)
		return -1;
	for (i = 0; i < nitems(ends); i++)
		if (sigaction(ends[i], &sa, NULL) == -1)
			return -1;
	sa.sa_handler = SIG_IGN;
	for (i = 0; i < nitems(ignored); i++)
		if (sigaction(ignored[i], &sa, NULL) == -1)
			return -1;
	return 0;
}

void
start_signals_default(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;
	int sig;

	sigemptyset(&none);
	/* Some of the numbers are no signals, or cannot be changed. */
	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}
