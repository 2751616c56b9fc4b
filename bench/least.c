/*
 * The least that could call itself an LMTP server: it trusts everybody, keeps
 * the message in memory, checks nothing and logs nothing.  What it costs is
 * what the disk, the socket and the process start cost: nothing that is right
 * can be much faster.
 *
 *	least mbox|rename|sync directory
 *	least log socket
 *
 * mbox: append and fsync directory/user.  rename: directory/user/Maildir,
 * fsync and rename (a power cut may lose the name).  sync: the same, and an
 * fsync of new/.  log: what a syslogd would do, short of writing it down.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char	*in, *message;
static size_t	 nin, size, pos;
static char	 out[65536];
static size_t	 nout;
static char	 rcpt[1000][32];
static size_t	 nrcpt;
static const char *mode, *dir;

static void
reply(const char *text)
{
	size_t len = strlen(text);

	if (nout + len > sizeof out)
		errx(1, "too many replies");
	memcpy(out + nout, text, len);
	nout += len;
}

static void
fill(void)
{
	ssize_t n;

	if (nout > 0 && write(1, out, nout) != (ssize_t)nout)
		err(1, "write");
	nout = 0;
	if (pos > 0) {
		memmove(in, in + pos, nin - pos);
		nin -= pos;
		pos = 0;
	}
	if (nin == size && (in = realloc(in, size = 2 * size + 65536)) == NULL)
		err(1, NULL);
	if ((n = read(0, in + nin, size - nin)) <= 0)
		exit(0);
	nin += (size_t)n;
}

/* From the input up to the dot to a message with LF, in place. */
static size_t
data(void)
{
	size_t seen = pos;
	char *p, *q, *end, *nl;

	for (;;) {
		if (nin - pos >= 3 && seen < nin && (end = memmem(in + seen,
		    nin - seen, "\r\n.\r\n", 5)) != NULL)
			break;
		seen = nin > pos + 4 ? nin - 4 : pos;
		seen -= pos;
		fill();
		seen += pos;
	}
	message = in + pos;
	pos = (size_t)(end + 5 - in);
	for (p = q = message; p < end + 2; p = nl + 1) {
		if (*p == '.')
			p++;
		nl = memchr(p, '\n', (size_t)(end + 2 - p));
		memmove(q, p, (size_t)(nl - 1 - p));
		q += nl - 1 - p;
		*q++ = '\n';
	}
	return (size_t)(q - message);
}

static void
save(const char *user, size_t len)
{
	static unsigned long count;
	char tmp[256], new[256];
	int fd, d;

	if (strcmp(mode, "mbox") == 0) {
		snprintf(tmp, sizeof tmp, "%s/%s", dir, user);
		fd = open(tmp, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	} else {
		snprintf(tmp, sizeof tmp, "%s/%s/Maildir/tmp/%d.%lu", dir, user,
		    getpid(), ++count);
		fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	if (fd == -1 || write(fd, message, len) != (ssize_t)len ||
	    fsync(fd) == -1 || close(fd) == -1)
		err(1, "%s", tmp);
	if (strcmp(mode, "mbox") == 0)
		return;
	snprintf(new, sizeof new, "%s/%s/Maildir/new/%d.%lu", dir, user,
	    getpid(), count);
	if (rename(tmp, new) == -1)
		err(1, "%s", new);
	if (strcmp(mode, "sync") == 0) {
		*strrchr(new, '/') = '\0';
		if ((d = open(new, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 ||
		    fsync(d) == -1 || close(d) == -1)
			err(1, "%s", new);
	}
}

static void
command(char *l)
{
	size_t i, len;

	switch (l[0]) {
	case 'L':
		reply("250-least\r\n250 PIPELINING\r\n");
		break;
	case 'R':			/* RCPT TO:<user@... */
		i = strcspn(l + 9, "@>");
		snprintf(rcpt[nrcpt++ % 1000], sizeof *rcpt, "%.*s", (int)i,
		    l + 9);
		/* FALLTHROUGH */
	case 'M':
		reply("250 ok\r\n");
		break;
	case 'D':
		reply("354 go\r\n");
		len = data();
		for (i = 0; i < nrcpt; i++) {
			save(rcpt[i], len);
			reply("250 ok\r\n");
		}
		nrcpt = 0;
		break;
	default:
		reply("221 bye\r\n");
		if (write(1, out, nout) != (ssize_t)nout)
			err(1, "write");
		exit(0);
	}
}

static void
drain_log(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char buf[8192];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof sun) == -1 ||
	    chmod(path, 0666) == -1)
		err(1, "%s", path);
	while (recv(fd, buf, sizeof buf, 0) != -1)
		;
	err(1, "recv");
}

int
main(int argc, char **argv)
{
	char *nl;

	if (argc != 3)
		errx(2, "usage: least mbox|rename|sync directory");
	mode = argv[1];
	dir = argv[2];
	if (strcmp(mode, "log") == 0)
		drain_log(dir);
	reply("220 least\r\n");
	for (;;) {
		while (nin == pos || (nl = memchr(in + pos, '\n',
		    nin - pos)) == NULL)
			fill();
		*nl = '\0';
		nl = in + pos;
		pos += strlen(nl) + 1;
		command(nl);
	}
}
