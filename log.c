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
log_byte(struct log_line *l, char c)
{
	if (l->len + 1 < sizeof(l->text))
		l->text[l->len++] = c;
	l->text[l->len] = '\0';
}

static bool
needs_quotes(const char *s)
{
	if (*s == '\0')
		return true;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f ||
		    strchr("\"=\\", *s) != NULL)
			return true;
	return false;
}

static void
log_quoted(struct log_line *l, const char *s)
{
	char octal[5];
	const char *p;

	log_byte(l, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			log_byte(l, '\\');
		if ((unsigned char)*s >= ' ' && *s != 0x7f) {
			log_byte(l, *s);
			continue;
		}
		snprintf(octal, sizeof(octal), "\\%03o",
		    (unsigned int)(unsigned char)*s);
		for (p = octal; *p != '\0'; p++)
			log_byte(l, *p);
	}
	log_byte(l, '"');
}

void
log_add(struct log_line *l, const char *key, const char *fmt, ...)
{
	char value[VALUE_MAX];
	const char *p;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (l->len > 0)
		log_byte(l, ' ');
	for (p = key; *p != '\0'; p++)
		log_byte(l, *p);
	log_byte(l, '=');
	if (needs_quotes(value)) {
		log_quoted(l, value);
		return;
	}
	for (p = value; *p != '\0'; p++)
		log_byte(l, *p);
}

void
log_send(const struct config *cfg, struct log_line *l)
{
	log_text(cfg, LOG_INFO, l->text);
	l->len = 0;
}
