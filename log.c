/*
 * What is said to the operator: a line in syslog, or on standard error with
 * -e.  Never a raw control character, whoever wrote it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "lmtpd.h"

#define VALUE_MAX	512	/* bytes of one value in a line */

void
log_open(const struct config *cfg)
{
	/* At once: later on we may be somebody who must not. */
	if (!cfg->log_stderr)
		openlog(cfg->program, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

/* text is clean.  If the log cannot be written there is nobody to tell. */
static void
log_text(const struct config *cfg, int priority, const char *text)
{
	int save = errno;

	if (cfg->log_stderr)
		dprintf(STDERR_FILENO, "%s[%ld]: %s\n", cfg->program,
		    (long)getpid(), text);
	else
		syslog(priority, "%s", text);
	errno = save;
}

static void
log_format(const struct config *cfg, int priority, const char *fmt,
    va_list ap)
{
	char raw[3 * COMMAND_MAX], clean[4 * sizeof(raw) + 1];
	struct text t;
	int save = errno;

	vsnprintf(raw, sizeof(raw), fmt, ap);
	text_init(&t, clean, sizeof(clean));
	text_escape(&t, raw, strlen(raw), false);
	log_text(cfg, priority, clean);
	errno = save;
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

/* Bytes that may stand as they are, in no quotes. */
static size_t
plain_bytes(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c <= ' ' || c == 0x7f || c == '"' || c == '\\' ||
		    c == '=')
			break;
	}
	return i;
}

void
log_begin(struct log_line *l)
{
	text_init(&l->text, l->buf, sizeof(l->buf));
}

void
log_add(struct log_line *l, const char *key, const char *value)
{
	size_t len = strlen(value);

	if (len > VALUE_MAX)
		len = VALUE_MAX;
	text_add(&l->text, l->text.len > 0 ? " " : "", key, "=", NULL);
	if (len > 0 && plain_bytes(value, len) == len) {
		text_bytes(&l->text, value, len);
		return;
	}
	text_bytes(&l->text, "\"", 1);
	text_escape(&l->text, value, len, true);
	text_bytes(&l->text, "\"", 1);
}

void
log_number(struct log_line *l, const char *key, uint64_t n)
{
	text_add(&l->text, l->text.len > 0 ? " " : "", key, "=", NULL);
	text_number(&l->text, n, 10, 0);
}

void
log_send(const struct config *cfg, struct log_line *l)
{
	log_text(cfg, LOG_INFO, l->buf);
}
