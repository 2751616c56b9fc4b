/*
 * What is said to the operator: a line in syslog, or on standard error with
 * -e.  Never a raw control character, whoever wrote it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <vis.h>

#include "lmtpd.h"

#define VALUE_MAX	512	/* bytes of one value in a line */

void
log_open(const struct config *cfg)
{
	if (!cfg->log_stderr)
		openlog("lmtpd", LOG_PID, LOG_MAIL);
}

/* text is clean.  If the log cannot be written there is nobody to tell. */
static void
log_text(const struct config *cfg, int priority, const char *text)
{
	int save = errno;

	if (cfg->log_stderr)
		dprintf(STDERR_FILENO, "lmtpd[%ld]: %s\n", (long)getpid(),
		    text);
	else
		syslog(priority, "%s", text);
	errno = save;
}

static void
log_format(const struct config *cfg, int priority, const char *fmt,
    va_list ap)
{
	char raw[3 * COMMAND_MAX], clean[4 * sizeof(raw) + 1];
	int save = errno;

	vsnprintf(raw, sizeof(raw), fmt, ap);
	strvis(clean, raw, VIS_NL | VIS_TAB | VIS_CSTYLE | VIS_NOSLASH);
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

static void
log_bytes(struct log_line *l, const char *s, size_t len)
{
	size_t room = sizeof(l->text) - 1 - l->len;

	if (len > room)
		len = room;
	memcpy(l->text + l->len, s, len);
	l->len += len;
}

/* A word that can be told from its neighbours as it is. */
static bool
is_plain(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f ||
		    s[i] == '"' || s[i] == '=' || s[i] == '\\')
			return false;
	return len > 0;
}

static void
log_quoted(struct log_line *l, const char *s, size_t len)
{
	char octal[5];
	size_t i;

	log_bytes(l, "\"", 1);
	for (i = 0; i < len; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f) {
			snprintf(octal, sizeof(octal), "\\%03o",
			    (unsigned int)(unsigned char)s[i]);
			log_bytes(l, octal, 4);
			continue;
		}
		if (s[i] == '"' || s[i] == '\\')
			log_bytes(l, "\\", 1);
		log_bytes(l, s + i, 1);
	}
	log_bytes(l, "\"", 1);
}

void
log_add(struct log_line *l, const char *key, const char *value)
{
	size_t len = strnlen(value, VALUE_MAX);

	if (l->len > 0)
		log_bytes(l, " ", 1);
	log_bytes(l, key, strlen(key));
	log_bytes(l, "=", 1);
	if (is_plain(value, len))
		log_bytes(l, value, len);
	else
		log_quoted(l, value, len);
}

void
log_addf(struct log_line *l, const char *key, const char *fmt, ...)
{
	char value[VALUE_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	log_add(l, key, value);
}

void
log_send(const struct config *cfg, struct log_line *l)
{
	l->text[l->len] = '\0';
	log_text(cfg, LOG_INFO, l->text);
	l->len = 0;
}
