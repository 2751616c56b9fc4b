/*
 * The bytes of a message: DATA and BDAT decoded, what is dropped and quoted
 * when it is stored, and what its header says.  Pure, as parse.c is.
 */
#include <string.h>
#include <strings.h>

#include "lmtpd.h"

/* Was the last byte put out, of this piece or an earlier one, a CR? */
static bool
last_is_cr(const struct data_parser *p, const char *out, const char *o)
{
	return o > out ? o[-1] == '\r' : p->cr;
}

/*
 * Text, through as many lines as begin with no dot; returns what was used.
 * Of the CR and LF that end a line only the LF is put out.  A lone LF is
 * content in a session of CRLF and begins no line there, or a message
 * could be smuggled in; a CR that ends the piece waits for the next one.
 */
static size_t
data_text(struct data_parser *p, const char *in, size_t inlen, char *out,
    char **op)
{
	const char *s = in, *end = in + inlen, *lf;
	char *o = *op;
	size_t n;
	bool ends;

	do {
		lf = memchr(s, '\n', (size_t)(end - s));
		n = (size_t)((lf == NULL ? end : lf) - s);
		memcpy(o, s, n);
		o += n;
		s += n;
		ends = p->lf && !p->chunks;
		if (!ends && n > 0 && o[-1] == '\r') {
			o--;
			if (lf == NULL) {
				p->state = DATA_CR;
				break;
			}
			p->crlfs++;
			ends = true;
		}
		if (lf == NULL)
			break;
		if (!last_is_cr(p, out, o))
			p->bare_lfs++;
		*o++ = '\n';
		s++;
	} while (s < end && (!ends || *s != '.' || p->chunks));
	if (lf != NULL && ends)
		p->state = DATA_BOL;
	*op = o;
	return (size_t)(s - in);
}

size_t
data_feed(struct data_parser *p, const char *in, size_t inlen, char *out,
    size_t *outlen)
{
	char *o = out;
	size_t i = 0;

	while (i < inlen && !p->done) {
		char c = in[i];

		switch (p->state) {
		case DATA_BOL:
			p->state = DATA_TEXT;
			if (c == '.' && !p->chunks) {
				p->state = DATA_DOT;
				i++;
			}
			break;
		case DATA_TEXT:
			i += data_text(p, in + i, inlen - i, out, &o);
			break;
		case DATA_CR:
			if (c == '\n') {
				if (!last_is_cr(p, out, o))
					p->bare_lfs++;
				p->crlfs++;
				*o++ = '\n';
				p->state = DATA_BOL;
				i++;
			} else {
				*o++ = '\r';
				p->state = DATA_TEXT;
			}
			break;
		case DATA_DOT:
			p->state = DATA_TEXT;
			if (c == (p->lf ? '\n' : '\r')) {
				p->done = p->lf;
				p->state = DATA_DOTCR;
				i++;
			}
			break;
		case DATA_DOTCR:
			/* If it is no end, the CR is held back as any other. */
			p->done = c == '\n';
			p->state = DATA_CR;
			if (p->done)
				i++;
			break;
		}
	}
	p->cr = last_is_cr(p, out, o);
	*outlen = (size_t)(o - out);
	return i;
}

size_t
data_end(struct data_parser *p, char *out)
{
	if (p->state != DATA_CR)
		return 0;
	p->state = DATA_TEXT;
	p->cr = true;
	*out = '\r';
	return 1;
}

/*
 * What is stored differs from what came.  Dropped is Return-Path where we
 * write our own, and in an mbox the fields in which readers keep their state,
 * which a sender could set («deleted, seen») and be believed.
 */
static bool
field_is_dropped(const struct filter *f, const char *name, size_t len)
{
	static const char *const fields[] = {
		"Status", "Content-Length", NULL
	};
	static const char *const fields_of_x[] = {
		"Status", "Keywords", "UID", "IMAP", "IMAPbase",
		"Mozilla-Status", "Mozilla-Status2", "Mozilla-Keys",
		"Evolution", NULL
	};
	const char *const *field = fields;

	if (f->return_path && word_is(name, len, "Return-Path"))
		return true;
	if (len > 2 && word_is(name, 2, "X-")) {
		field = fields_of_x;
		name += 2;
		len -= 2;
	}
	for (; f->mbox && *field != NULL; field++)
		if (word_is(name, len, *field))
			return true;
	return false;
}

/* The end of a header.  In a session of LF it may be written with CRLF. */
static bool
is_empty_line(const char *in, size_t len)
{
	return in[0] == '\n' || (len > 1 && in[0] == '\r' && in[1] == '\n');
}

/* A name of printable ASCII, blanks perhaps, and a colon: RFC 5322. */
static bool
is_field(const char *in, size_t len)
{
	size_t i = 0;

	while (i < len && in[i] > ' ' && in[i] < 0x7f && in[i] != ':')
		i++;
	if (i == 0)
		return false;
	while (i < len && (in[i] == ' ' || in[i] == '\t'))
		i++;
	return i < len && in[i] == ':';
}

/* What a mailer that knows only mbox leaves on top of a message. */
static bool
is_from_line(const char *in, size_t len)
{
	/* RFC 5322 has blanks before a colon too: "From : a" is a field. */
	if (is_field(in, len))
		return false;
	return (len >= 5 && memcmp(in, "From ", 5) == 0) ||
	    (len >= 6 && memcmp(in, ">From ", 6) == 0);
}

/* The state that a line of the header begins in. */
static enum filter_state
filter_header_line(struct filter *f, const char *in, size_t inlen)
{
	const char *colon;
	size_t len;

	if (is_empty_line(in, inlen)) {
		f->body = true;
		return FILTER_QUOTE;
	}
	if (in[0] == ' ' || in[0] == '\t')
		return f->dropping ? FILTER_DROP : FILTER_TEXT;
	/* Readers allow any number of blanks before the colon. */
	colon = memchr(in, ':', inlen);
	len = colon == NULL ? inlen : (size_t)(colon - in);
	while (len > 0 && (in[len - 1] == ' ' || in[len - 1] == '\t'))
		len--;
	f->dropping = (colon != NULL || inlen == FILTER_AHEAD) &&
	    field_is_dropped(f, in, len);
	return f->dropping ? FILTER_DROP : FILTER_QUOTE;
}

/*
 * The state that a line begins in of which nothing but trace headers is to
 * stand before.  Readers take what follows these for a header: where it is
 * none, as in a script's text, *blank says that an empty line must come
 * first.
 */
static enum filter_state
filter_first_line(struct filter *f, const char *in, size_t inlen,
    bool *blank)
{
	enum filter_state state;

	if (is_from_line(in, inlen)) {
		f->dropping = false;
		return FILTER_DROP;
	}
	state = filter_header_line(f, in, inlen < FILTER_AHEAD ? inlen :
	    FILTER_AHEAD);
	if (state == FILTER_DROP)
		return state;
	f->begun = true;
	*blank = !f->body && !is_field(in, inlen);
	if (!*blank)
		return state;
	f->body = true;
	f->quoted++;
	f->blanks++;
	return FILTER_QUOTE;
}

bool
filter_is_idle(const struct filter *f)
{
	return f->begun && !f->mbox && (f->body || !f->return_path);
}

/* Text, through as many lines as need no look at their beginnings. */
static size_t
filter_text(struct filter *f, const char *in, size_t inlen)
{
	const char *p = in, *end = in + inlen;

	f->state = FILTER_TEXT;
	if (filter_is_idle(f))
		return inlen;
	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (++p == end || !f->body || *p == 'F' || *p == '>') {
			f->state = FILTER_BOL;
			return (size_t)(p - in);
		}
	}
	return inlen;
}

/*
 * mboxrd: a line of any number of > and then "From " gets one more.  As
 * they are all alike, the one more can be the last.
 */
static size_t
filter_quote(struct filter *f, const char *in, size_t inlen, bool last,
    const char **out, size_t *outlen)
{
	size_t n = 0;

	while (n < inlen && in[n] == '>')
		n++;
	if (n > 0) {
		*outlen = n;
		return n;
	}
	if (inlen < 5 && !last && memcmp(in, "From ", inlen) == 0)
		return 0;
	if (inlen < 5 || memcmp(in, "From ", 5) != 0)
		return *outlen = filter_text(f, in, inlen);
	f->state = FILTER_TEXT;
	f->quoted++;
	*out = ">";
	*outlen = 1;
	return 0;
}

static size_t
filter_drop(struct filter *f, const char *in, size_t inlen)
{
	const char *lf = memchr(in, '\n', inlen);
	size_t n = lf == NULL ? inlen : (size_t)(lf - in) + 1;

	f->dropped += n;
	if (lf != NULL) {
		if (n > 1 ? lf[-1] != '\r' : !f->cr)
			f->dropped_lfs++;
		f->state = FILTER_BOL;
	}
	f->cr = in[n - 1] == '\r';
	return n;
}

size_t
filter_next(struct filter *f, const char *in, size_t inlen, bool last,
    const char **out, size_t *outlen)
{
	bool blank = false;
	size_t ahead;

	*out = in;
	*outlen = 0;
	if (inlen == 0)
		return 0;
	if (f->state == FILTER_BOL) {
		ahead = f->begun ? FILTER_AHEAD : FILTER_FIRST;
		if (!f->body && inlen < ahead && !last &&
		    memchr(in, '\n', inlen) == NULL)
			return 0;
		if (inlen < ahead)
			ahead = inlen;
		if (f->body)
			f->state = FILTER_QUOTE;
		else if (f->begun)
			f->state = filter_header_line(f, in, ahead);
		else
			f->state = filter_first_line(f, in, ahead, &blank);
		if (blank) {
			*out = "\n";
			*outlen = 1;
			return 0;
		}
	}
	if (f->state == FILTER_DROP)
		return filter_drop(f, in, inlen);
	if (f->state == FILTER_QUOTE && f->mbox)
		return filter_quote(f, in, inlen, last, out, outlen);
	return *outlen = filter_text(f, in, inlen);
}

/*
 * What the header says, for the log.
 */
const char *
header_find(const char *msg, size_t len, const char *name, size_t *vlen)
{
	const char *line = msg, *end, *lf, *value;
	size_t n = strlen(name);

	/* A message that was refused before its first byte has no memory. */
	if (len == 0)
		return NULL;
	end = msg + len;
	while (line < end && !is_empty_line(line, (size_t)(end - line))) {
		value = NULL;
		if ((size_t)(end - line) > n && line[n] == ':' &&
		    strncasecmp(line, name, n) == 0)
			value = line + n + 1;
		do {
			lf = memchr(line, '\n', (size_t)(end - line));
			line = lf == NULL ? end : lf + 1;
		} while (line < end && (*line == ' ' || *line == '\t'));
		if (value != NULL) {
			*vlen = (size_t)((lf == NULL ? end : lf) - value);
			return value;
		}
	}
	return NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void
header_message_id(const char *msg, size_t len, char *id, size_t size)
{
	size_t n;
	const char *s = header_find(msg, len, "Message-ID", &n);

	id[0] = '\0';
	if (s == NULL)
		return;
	for (; n > 0 && is_blank(*s); n--)
		s++;
	while (n > 0 && is_blank(s[n - 1]))
		n--;
	if (n >= size)
		n = size - 1;
	memcpy(id, s, n);
	id[n] = '\0';
}

/* The next word of a field, comments passed over; NULL at its end. */
static const char *
field_word(const char **sp, const char *end, size_t *len)
{
	const char *s = *sp, *word;
	unsigned int depth = 0;

	for (; s < end; s++) {
		if (*s == '(')
			depth++;
		else if (*s == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !is_blank(*s) && *s != ';')
			break;
	}
	for (word = s; s < end && !is_blank(*s) && *s != ';' && *s != '('; )
		s++;
	*sp = s;
	*len = (size_t)(s - word);
	return *len > 0 ? word : NULL;
}

void
header_received_id(const char *msg, size_t len, char *id, size_t size)
{
	size_t n;
	const char *s = header_find(msg, len, "Received", &n), *end, *word;
	bool next = false, name = false;
	struct text t;

	id[0] = '\0';
	if (s == NULL)
		return;
	for (end = s + n; (word = field_word(&s, end, &n)) != NULL; ) {
		if (next) {
			text_init(&t, id, size);
			text_bytes(&t, word, n);
			return;
		}
		/* A client may say that it is called id. */
		next = n == 2 && !name && strncasecmp(word, "id", n) == 0;
		name = n == 4 && strncasecmp(word, "from", n) == 0;
	}
}
