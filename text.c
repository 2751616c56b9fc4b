/*
 * Text put together in a buffer of fixed size; what does not fit is cut.
 * Pure.  A call of printf(3) costs a thousand instructions, and a delivery
 * made thirty of them: half of its work.
 */
#include <string.h>

#include "lmtpd.h"

void
text_init(struct text *t, char *buf, size_t size)
{
	t->buf = buf;
	t->size = size;
	t->len = 0;
	buf[0] = '\0';
}

void
text_bytes(struct text *t, const char *s, size_t len)
{
	size_t room = t->size - 1 - t->len;

	if (len > room)
		len = room;
	memcpy(t->buf + t->len, s, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

void
text_add(struct text *t, ...)
{
	const char *s;
	va_list ap;

	va_start(ap, t);
	while ((s = va_arg(ap, const char *)) != NULL)
		text_bytes(t, s, strlen(s));
	va_end(ap);
}

void
text_number(struct text *t, uint64_t n, unsigned int base, size_t width)
{
	char digits[64];
	size_t i = sizeof(digits);

	do {
		digits[--i] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n > 0);
	while (sizeof(digits) - i < width)
		digits[--i] = '0';
	text_bytes(t, digits + i, sizeof(digits) - i);
}

void
text_escape(struct text *t, const char *s, size_t len, bool quoted)
{
	const char *plain = s, *end = s + len;

	for (; s < end; s++) {
		unsigned char c = (unsigned char)*s;
		bool control = c < ' ' || c == 0x7f;

		if (!control && !(quoted && (c == '"' || c == '\\')))
			continue;
		text_bytes(t, plain, (size_t)(s - plain));
		plain = s + 1;
		text_bytes(t, "\\", 1);
		if (control)
			text_number(t, c, 8, 3);
		else
			text_bytes(t, s, 1);
	}
	text_bytes(t, plain, (size_t)(s - plain));
}
