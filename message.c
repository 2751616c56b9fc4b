/*
 * One message while it waits: the first of it in memory, the rest in a file
 * that has no name.  Read again from the start for each recipient.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

#define WRITE_OUT	(8 << 20)	/* bytes that the disk gets at a time */

void
message_init(struct message *m)
{
	memset(m, 0, sizeof(*m));
	m->fd = -1;
}

void
message_reset(struct message *m)
{
	char *mem = m->mem;
	size_t room = m->room;

	if (m->fd != -1 && !m->lent)
		close(m->fd);
	message_init(m);
	m->mem = mem;
	m->room = room;
}

void
message_free(struct message *m)
{
	message_reset(m);
	free(m->mem);
	message_init(m);
}

static int
message_grow(struct message *m, size_t need)
{
	size_t room = m->room > 0 ? m->room : 16384;
	char *mem;

	while (room < need)
		room *= 2;
	if (room == m->room)
		return 0;
	if ((mem = reallocarray(m->mem, room, 1)) == NULL)
		return -1;
	m->mem = mem;
	m->room = room;
	return 0;
}

size_t
message_room(const struct message *m)
{
	return MESSAGE_MEMORY - m->len;
}

bool
message_has_body(const struct message *m)
{
	const char *p = m->mem, *end = m->mem + m->len;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL)
		if (++p == end || *p == '\n')
			return p < end;
	return false;
}

void
message_lend(struct message *m, int fd, const char *place)
{
	m->fd = fd;
	m->lent = true;
	m->place = place;
}

/* What does not fit into memory.  0, or -1 and the failure. */
static int
append_to_file(struct message *m, const char *dir, const char *buf,
    size_t len, struct failure *f)
{
	if (m->fd == -1) {
		m->place = dir;
		if ((m->fd = os_tmpfile(dir)) == -1)
			return failure_errno(f, "create a file in", "%s",
			    dir);
	}
	if (os_write(m->fd, buf, len, NULL) == -1)
		return failure_errno(f, "write to a file in", "%s", m->place);
	/* The disk writes this piece while the next one comes. */
	if (m->lent && (m->size + len) / WRITE_OUT != m->size / WRITE_OUT)
		(void)os_write_out(m->fd, false);
	return 0;
}

int
message_append(struct message *m, const char *dir, const char *buf,
    size_t len, struct failure *f)
{
	size_t n = message_room(m);

	if (len == 0)
		return 0;
	if (n > len)
		n = len;
	if (n > 0) {
		if (message_grow(m, m->len + n) == -1)
			return failure_errno(f, "reallocarray", "message");
		memcpy(m->mem + m->len, buf, n);
		m->len += n;
	}
	if (len > n && append_to_file(m, dir, buf + n, len - n, f) == -1)
		return -1;
	m->size += len;
	m->last = buf[len - 1];
	return 0;
}

/* Bytes gathered into few writes. */
struct out {
	int		 fd;
	size_t		 len;
	uint64_t	*written;
	char		 buf[65536];
};

static int
out_write(struct out *o, const char *buf, size_t len)
{
	return os_write(o->fd, buf, len, o->written);
}

static int
out_flush(struct out *o)
{
	size_t len = o->len;

	o->len = 0;
	return out_write(o, o->buf, len);
}

static int
out_add(struct out *o, const char *buf, size_t len)
{
	if (len > sizeof(o->buf) - o->len) {
		if (out_flush(o) == -1)
			return -1;
		if (len >= sizeof(o->buf))
			return out_write(o, buf, len);
	}
	memcpy(o->buf + o->len, buf, len);
	o->len += len;
	return 0;
}

/* Puts out what the filter leaves of buf.  Returns how much is done, or -1. */
static ssize_t
out_filter(struct out *o, struct filter *f, const char *buf, size_t len,
    bool last)
{
	const char *piece;
	size_t n, plen, used = 0;

	while (used < len) {
		n = filter_next(f, buf + used, len - used, last, &piece,
		    &plen);
		if (n == 0 && plen == 0)
			break;
		if (plen > 0 && out_add(o, piece, plen) == -1)
			return -1;
		used += n;
	}
	return (ssize_t)used;
}

/*
 * Writes what is in the file.  Before it come as many of the last bytes in
 * memory as the filter could not decide about alone.
 */
static int
write_spooled(const struct message *m, struct out *o, struct filter *f,
    size_t undecided)
{
	char buf[65536];
	uint64_t left = m->size - m->len;
	size_t have = undecided;
	off_t offset = 0;
	ssize_t n;

	memcpy(buf, m->mem + m->len - have, have);
	while (left > 0 && !filter_is_idle(f)) {
		n = pread(m->fd, buf + have, sizeof(buf) - have, offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return -1;
		have += (size_t)n;
		offset += n;
		left -= (uint64_t)n;
		if ((n = out_filter(o, f, buf, have, left == 0)) == -1)
			return -1;
		have -= (size_t)n;
		memmove(buf, buf + n, have);
	}
	if (left == 0)
		return 0;
	/* The kernel can move the rest as it is. */
	return out_flush(o) == -1 ? -1 : os_copy(m->fd, offset,
	    o->fd, left, o->written);
}

size_t
message_view(const struct message *m, struct filter *f,
    const struct text *before, char *buf, size_t size)
{
	const char *piece;
	size_t n, plen, len, used = 0;

	len = before->len < size ? before->len : size;
	memcpy(buf, before->buf, len);
	while (used < m->len) {
		n = filter_next(f, m->mem + used, m->len - used,
		    m->fd == -1, &piece, &plen);
		if (n == 0 && plen == 0)
			break;
		if (plen > size - len)
			plen = size - len;
		memcpy(buf + len, piece, plen);
		len += plen;
		used += n;
	}
	return len;
}

int
message_write(struct message *m, int fd, struct filter *f,
    const struct text *before, const char *after, uint64_t *written)
{
	struct out o;
	ssize_t used;

	o.fd = fd;
	o.len = 0;
	o.written = written;
	*written = 0;
	/* The filter is idle then, and all of it one piece. */
	if (m->unchanged) {
		f->begun = f->body = true;
		f->mbox = false;
	}
	if (out_add(&o, before->buf, before->len) == -1)
		return -1;
	if ((used = out_filter(&o, f, m->mem, m->len, m->fd == -1)) == -1)
		return -1;
	if (m->fd != -1 &&
	    write_spooled(m, &o, f, m->len - (size_t)used) == -1)
		return -1;
	if (out_add(&o, after, strlen(after)) == -1 || out_flush(&o) == -1)
		return -1;
	m->unchanged = f->dropped == 0 && f->quoted == 0;
	return 0;
}
