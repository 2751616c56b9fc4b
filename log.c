/*
 * What is said to the operator: a line in syslog, or on standard error with
 * -e.  Never a raw control character, whoever wrote it, and never for long:
 * syslog(3) waits as long as the daemon likes, and so does a full pipe, while
 * a client that has had no answer sends its message again.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"

#define VALUE_MAX	512	/* bytes of one value in a line */
#define TEXT_MAX	(3 * COMMAND_MAX)	/* of a sentence, not escaped */
#define OUT_MAX		(4 * TEXT_MAX + 64)	/* and what stands before it */
#define PATIENCE_MS	1000	/* for all lines of the process */
#define RETRY_MS	20	/* between two looks for a daemon */

/* As syslog(3) finds it: it may want a stream instead of datagrams. */
static int
log_connect(struct log *log)
{
	static const struct sockaddr_un addr = { AF_UNIX, "/dev/log" };
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	int fd, save;
	size_t i;

	for (i = 0; i < nitems(types); i++) {
		fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
		if (fd == -1)
			return -1;
		if (connect(fd, (const struct sockaddr *)&addr,
		    sizeof(addr)) == 0) {
			log->fd = fd;
			log->met = true;
			log->ends_lines = types[i] == SOCK_STREAM;
			log->torn = false;
			return 0;
		}
		save = errno;
		close(fd);
		errno = save;
	}
	return -1;
}

/*
 * Others write to it as well, so it must not become non-blocking for them.
 * A pipe or terminal is opened once more, for us alone, where that can be
 * done: between poll(2) and write(2) others may fill it.
 */
static void
log_use_stderr(struct log *log)
{
	struct stat st;
	int fd;

	log->fd = STDERR_FILENO;
	log->ends_lines = true;
	if (fstat(STDERR_FILENO, &st) == -1)
		return;
	log->socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !isatty(STDERR_FILENO))
		return;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY |
	    O_CLOEXEC);
	if (fd != -1)
		log->fd = fd;
	else
		log->may_block = true;
}

bool
log_open(struct log *log, struct config *cfg, bool stderr_is_ours)
{
	struct text t;

	memset(log, 0, sizeof(*log));
	text_init(&t, log->who, sizeof(log->who));
	text_add(&t, cfg->program, "[", NULL);
	text_number(&t, (uint64_t)cfg->pid);
	text_add(&t, "]: ", NULL);
	log->fd = -1;
	log->left = PATIENCE_MS;
	cfg->log = log;
	/* At once: later on we may be a user who may not connect to it. */
	if (!cfg->log_stderr && log_connect(log) == -1 && errno != EAGAIN)
		cfg->log_stderr = stderr_is_ours;
	if (cfg->log_stderr)
		log_use_stderr(log);
	else
		log->syslog = log->socket = true;
	return log->syslog && log->fd != -1;
}

/*
 * Waits for room, as long as may still be waited in all; or a moment, for a
 * daemon to come.  The signals that end us stay blocked, and are heeded where
 * we go on to.
 */
static bool
log_wait(struct log *log)
{
	struct pollfd pfd = { .fd = log->fd, .events = POLLOUT };
	struct timespec begun, now, timeout;
	int ms = log->fd == -1 ? RETRY_MS : log->left;

	if (log->left <= 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	timeout = (struct timespec){ ms / 1000, ms % 1000 * 1000000 };
	(void)ppoll(&pfd, 1, &timeout, NULL);
	clock_gettime(CLOCK_MONOTONIC, &now);
	/* At least one, so that it comes to an end whatever poll says. */
	log->left -= 1 + (int)((now.tv_sec - begun.tv_sec) * 1000 +
	    (now.tv_nsec - begun.tv_nsec) / 1000000);
	return true;
}

/* Some of the line, without waiting.  How much, or -1 and errno. */
static ssize_t
log_try(const struct log *log, const char *line, size_t len)
{
	struct pollfd pfd = { .fd = log->fd, .events = POLLOUT };
	const struct timespec at_once = { .tv_sec = 0 };

	if (log->fd == -1) {
		errno = ENOTCONN;
		return -1;
	}
	if (log->socket)
		return send(log->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (log->may_block && ppoll(&pfd, 1, &at_once, NULL) == 0) {
		errno = EAGAIN;
		return -1;
	}
	/* Where poll(2) says that there is room, there is for this much. */
	return write(log->fd, line, len < PIPE_BUF ? len : PIPE_BUF);
}

static bool
is_gone(int err)
{
	return err == ECONNREFUSED || err == ECONNRESET || err == ENOTCONN ||
	    err == EPIPE;
}

/*
 * Looks for a daemon that has gone, at once the first time.  One that was
 * there has perhaps been restarted, and is looked for as long as may be
 * waited.  False if it is given up for this line.
 */
static bool
log_reconnect(struct log *log, bool first)
{
	if (!log->syslog)
		return false;
	if (log->fd != -1)
		close(log->fd);
	log->fd = -1;
	if (!first && (!log->met || !log_wait(log)))
		return false;
	/* If it is not there yet, the next try to write says so. */
	(void)log_connect(log);
	return true;
}

/* True if the log has all of it. */
static bool
log_put(struct log *log, const char *line, size_t len)
{
	unsigned int lost = 0;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = log_try(log, line + done, len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			break;
		else if (is_gone(errno) && log_reconnect(log, lost++ == 0))
			done = 0;
		else if (errno != EINTR && (errno != EAGAIN ||
		    !log_wait(log)))
			break;
	}
	if (done > 0)
		log->torn = log->ends_lines && done < len;
	return done == len;
}

/*
 * Begins a line.  It has no time: each daemon puts the moment in which it
 * came, in its own time zone, where none is given, and one of ours it might
 * believe (syslog-ng and busybox do), which would cost us the reading of the
 * zone's file.
 */
static void
log_head(const struct config *cfg, int priority, struct text *t)
{
	if (cfg->log->torn)
		text_char(t, '\n');
	if (cfg->log->syslog) {
		text_char(t, '<');
		text_number(t, (unsigned int)(LOG_MAIL | priority));
		text_char(t, '>');
	}
	text_add(t, cfg->log->who, NULL);
}

static bool
log_tail(const struct config *cfg, struct text *t)
{
	if (cfg->log->ends_lines)
		text_char(t, '\n');
	return log_put(cfg->log, t->buf, t->len);
}

/* Says how many lines were dropped, before the first that is taken again. */
static bool
log_dropped(const struct config *cfg)
{
	struct log *log = cfg->log;
	char out[128];
	struct text t;

	if (log->dropped == 0)
		return true;
	text_init(&t, out, sizeof(out));
	log_head(cfg, LOG_WARNING, &t);
	text_number(&t, log->dropped);
	text_add(&t, log->dropped == 1 ? " line was" : " lines were",
	    " dropped here, as the log did not take them", NULL);
	if (!log_tail(cfg, &t))
		return false;
	log->dropped = 0;
	return true;
}

/* One line of len bytes, which is clean, or made so on the way. */
static void
log_text(const struct config *cfg, int priority, const char *s, size_t len,
    bool clean)
{
	char out[OUT_MAX];
	struct text t;
	int save = errno;

	if (cfg->log == NULL)
		return;
	if (log_dropped(cfg)) {
		text_init(&t, out, sizeof(out));
		log_head(cfg, priority, &t);
		if (clean)
			text_bytes(&t, s, len);
		else
			text_escape(&t, s, len, TEXT_LINE);
		if (!log_tail(cfg, &t))
			cfg->log->dropped++;
	} else
		cfg->log->dropped++;
	errno = save;
}

void
log_stderr(const struct config *cfg, const char *line)
{
	struct config other = *cfg;
	struct log log;

	other.log_stderr = true;
	(void)log_open(&log, &other, true);
	log_text(&other, LOG_WARNING, line, strlen(line), false);
}

/* With printf's means: only warnings and the dialogue of -v come here. */
static void __attribute__((__format__(printf, 3, 0)))
log_format(const struct config *cfg, int priority, const char *fmt,
    va_list ap)
{
	char raw[TEXT_MAX];

	vsnprintf(raw, sizeof(raw), fmt, ap);
	log_text(cfg, priority, raw, strlen(raw), false);
}

void
log_info(const struct config *cfg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_format(cfg, LOG_INFO, fmt, ap);
	va_end(ap);
}

void
log_warn(const struct config *cfg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_format(cfg, LOG_WARNING, fmt, ap);
	va_end(ap);
}

void
log_begin(struct log_line *l)
{
	text_init(&l->text, l->buf, sizeof(l->buf));
}

static void
log_key(struct log_line *l, const char *key)
{
	if (l->text.len > 0)
		text_char(&l->text, ' ');
	text_bytes(&l->text, key, strlen(key));
	text_char(&l->text, '=');
}

void
log_add(struct log_line *l, const char *key, const char *value)
{
	size_t len = text_cut(value, VALUE_MAX), plain;

	log_key(l, key);
	plain = text_plain(value, len, TEXT_WORD);
	if (plain == len && len > 0) {
		text_bytes(&l->text, value, len);
		return;
	}
	text_char(&l->text, '"');
	text_bytes(&l->text, value, plain);
	text_escape(&l->text, value + plain, len - plain, TEXT_QUOTED);
	text_char(&l->text, '"');
}

void
log_word(struct log_line *l, const char *key, const char *value)
{
	log_key(l, key);
	text_bytes(&l->text, value, strlen(value));
}

void
log_number(struct log_line *l, const char *key, uint64_t n)
{
	log_key(l, key);
	text_number(&l->text, n);
}

void
log_send(const struct config *cfg, struct log_line *l)
{
	log_text(cfg, LOG_INFO, l->buf, l->text.len, true);
}
