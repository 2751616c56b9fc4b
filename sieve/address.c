/*
 * Addresses of RFC 5322, as lenient as Dovecot is with them: what users' rules
 * see is the same.  What is wrong costs its own address, and what follows it
 * if no comma shows where the next one begins.
 */
#include <stdlib.h>
#include <string.h>

#include "impl.h"

/* What is left of a field, and the addresses so far. */
struct reader {
	struct arena	*arena;
	const char	*s, *end;
	char		*text;		/* room for what words say */
	struct addr	*first, **last;
	bool		 commented;	/* a comment was passed over */
	bool		 no_memory;
};

/* What became of a piece of a field. */
enum piece {
	WRONG,
	ENDS,			/* it is well, and the field ends with it */
	GOES_ON
};

bool
address_is_atext(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    is_digit(c) || (unsigned char)c >= 0x80)
		return true;
	return is_one_of(c, "!#$%&'*+-/=?^_`{|}~");
}

static bool
is_at(const struct reader *r, char c)
{
	return r->s < r->end && *r->s == c;
}

/* Passes over blanks and comments; WRONG is a comment without its end. */
static enum piece
reader_skip(struct reader *r)
{
	const char *start = r->s;
	bool ended;

	r->s = header_skip(start, r->end, &ended);
	if (memchr(start, '(', (size_t)(r->s - start)) != NULL)
		r->commented = true;
	return !ended ? WRONG : r->s == r->end ? ENDS : GOES_ON;
}

static void
reader_append(struct reader *r, struct str *out, char c)
{
	if (out->len == 0)
		out->s = r->text;
	*r->text++ = c;
	out->len++;
}

static enum piece
read_quoted(struct reader *r, struct str *out)
{
	for (r->s++; r->s < r->end; r->s++) {
		if (*r->s == '"') {
			r->s++;
			return reader_skip(r);
		}
		if (*r->s == '\\' && ++r->s == r->end)
			break;
		reader_append(r, out, *r->s);
	}
	return WRONG;
}

static enum piece
read_atom(struct reader *r, struct str *out)
{
	if (r->s == r->end || !address_is_atext(*r->s))
		return WRONG;
	while (r->s < r->end && address_is_atext(*r->s))
		reader_append(r, out, *r->s++);
	return reader_skip(r);
}

/* Passes over the words before "<" or ":"; there may be none. */
static enum piece
skip_phrase(struct reader *r)
{
	struct str ignored = { "", 0 };
	char *text = r->text;
	enum piece p;

	do {
		if (is_at(r, '"')) {
			p = read_quoted(r, &ignored);
		} else {
			while (r->s < r->end &&
			    (address_is_atext(*r->s) || *r->s == '.'))
				r->s++;
			p = reader_skip(r);
		}
	} while (p == GOES_ON && (address_is_atext(*r->s) || *r->s == '"' ||
	    *r->s == '.'));
	r->text = text;
	return p;
}

/* Dots may stand anywhere, as in addresses of Japanese telephones. */
static enum piece
read_localpart(struct reader *r, struct str *out)
{
	enum piece p = WRONG;

	if (is_at(r, '"'))
		return read_quoted(r, out);
	do {
		while (is_at(r, '.')) {
			reader_append(r, out, *r->s++);
			p = r->s == r->end ? ENDS : GOES_ON;
		}
		if (r->s == r->end || *r->s == '@')
			break;
		p = read_atom(r, out);
	} while (p == GOES_ON && is_at(r, '.'));
	return p;
}

static enum piece
read_literal(struct reader *r, struct str *out)
{
	reader_append(r, out, *r->s++);
	for (; r->s < r->end && *r->s != '['; r->s++) {
		reader_append(r, out, *r->s);
		if (*r->s == ']') {
			r->s++;
			return reader_skip(r);
		}
		if (*r->s == '\\' && r->s + 1 < r->end)
			reader_append(r, out, *++r->s);
	}
	return WRONG;
}

/* Reads "@" and what follows it. */
static enum piece
read_domain(struct reader *r, struct str *out)
{
	enum piece p;

	r->s++;
	if (reader_skip(r) != GOES_ON)
		return WRONG;
	if (*r->s == '[')
		return read_literal(r, out);
	while ((p = read_atom(r, out)) == GOES_ON && is_at(r, '.')) {
		reader_append(r, out, *r->s++);
		if (reader_skip(r) != GOES_ON)
			return WRONG;
	}
	return p;
}

/* RFC 5321 has no other characters in a local part. */
static bool
is_printable(const struct str *s)
{
	size_t i;

	for (i = 0; i < s->len; i++)
		if (s->s[i] < ' ' || s->s[i] > '~')
			return false;
	return true;
}

static bool
is_dot_atom(const struct str *s)
{
	size_t i;

	for (i = 0; i < s->len; i++) {
		if (address_is_atext(s->s[i]))
			continue;
		if (s->s[i] != '.' || i == 0 || i + 1 == s->len ||
		    s->s[i - 1] == '.')
			return false;
	}
	return s->len > 0;
}

/* Sets all from the two parts; the local part gets the quotes it needs. */
static int
addr_spell(struct arena *a, struct addr *ad)
{
	bool quote = !is_dot_atom(&ad->localpart);
	char *text;
	size_t i, n = 0;

	text = arena_take(a, 2 * ad->localpart.len + ad->domain.len + 3);
	if (text == NULL)
		return -1;
	if (quote)
		text[n++] = '"';
	for (i = 0; i < ad->localpart.len; i++) {
		if (quote && is_one_of(ad->localpart.s[i], "\"\\"))
			text[n++] = '\\';
		text[n++] = ad->localpart.s[i];
	}
	if (quote)
		text[n++] = '"';
	if (ad->domain.len > 0) {
		text[n++] = '@';
		memcpy(text + n, ad->domain.s, ad->domain.len);
		n += ad->domain.len;
	}
	ad->all.s = text;
	ad->all.len = n;
	ad->has_parts = true;
	return 0;
}

/*
 * Adds an address, if it is one.  With Pigeonhole, one whose local part is ""
 * counts, but nothing is equal to it.
 */
static void
reader_add(struct reader *r, const struct str *localpart,
    const struct str *domain, bool is_quoted)
{
	struct addr *ad;

	if ((localpart->len == 0 && !is_quoted) || domain->len == 0 ||
	    !is_printable(localpart))
		return;
	if ((ad = arena_take(r->arena, sizeof(*ad))) == NULL) {
		r->no_memory = true;
		return;
	}
	ad->localpart = *localpart;
	ad->domain = *domain;
	if (localpart->len > 0 && addr_spell(r->arena, ad) == -1)
		r->no_memory = true;
	*r->last = ad;
	r->last = &ad->next;
}

/* Passes over "@a,@b:" before an address in "<", as far as it is right. */
static void
reader_route(struct reader *r)
{
	struct str ignored = { "", 0 };

	while (is_at(r, '@') && read_domain(r, &ignored) == GOES_ON)
		while (is_at(r, ',')) {
			r->s++;
			(void)reader_skip(r);
		}
	if (is_at(r, ':')) {
		r->s++;
		(void)reader_skip(r);
	}
}

/* Reads an address in "<" and ">". */
static void
read_angle(struct reader *r)
{
	struct str localpart = { "", 0 }, domain = { "", 0 };
	bool is_quoted;
	enum piece p;

	r->s++;
	p = reader_skip(r);
	if (is_at(r, '@'))
		reader_route(r);
	is_quoted = is_at(r, '"');
	if (p == GOES_ON && !is_at(r, '>'))
		p = read_localpart(r, &localpart);
	if (p == GOES_ON && is_at(r, '@'))
		p = read_domain(r, &domain);
	if (p != GOES_ON || !is_at(r, '>'))
		return;
	r->s++;
	if (reader_skip(r) != WRONG)
		reader_add(r, &localpart, &domain, is_quoted);
}

/* Reads an address without brackets. */
static void
read_spec(struct reader *r)
{
	struct str localpart = { "", 0 }, domain = { "", 0 };
	bool is_quoted = is_at(r, '"');
	enum piece p;

	p = read_localpart(r, &localpart);
	if (p != ENDS && is_at(r, '@') &&
	    read_domain(r, &domain) != WRONG && p != WRONG)
		reader_add(r, &localpart, &domain, is_quoted);
}

static void
read_mailbox(struct reader *r)
{
	const char *start = r->s, *behind;
	enum piece p = skip_phrase(r);

	if (p == GOES_ON && is_at(r, '<') && *start != '.') {
		read_angle(r);
		return;
	}
	behind = p == WRONG ? start : r->s;
	r->s = start;
	/* A name that nothing follows is passed over whole: Dovecot's way. */
	r->commented = false;
	read_spec(r);
	if (!r->commented && !is_at(r, '.'))
		r->s = r->s < behind ? behind : r->s;
}

/* Passes over a comma and blanks; false if nothing comes behind them. */
static bool
next_of_list(struct reader *r)
{
	if (!is_at(r, ','))
		return false;
	r->s++;
	return reader_skip(r) == GOES_ON;
}

/* Reads what stands between the ":" and the ";" of a group. */
static void
read_group(struct reader *r)
{
	r->s++;
	if (reader_skip(r) == GOES_ON)
		do
			read_mailbox(r);
		while (next_of_list(r));
	if (is_at(r, ';')) {
		r->s++;
		(void)reader_skip(r);
	}
}

static void
read_list(struct reader *r)
{
	const char *start;

	do {
		start = r->s;
		if (skip_phrase(r) == GOES_ON && is_at(r, ':') &&
		    *start != '.') {
			read_group(r);
			continue;
		}
		r->s = start;
		read_mailbox(r);
	} while (next_of_list(r));
}

/* A value that is no address. */
static struct addr *
addr_raw(struct arena *a, const struct str *text)
{
	struct addr *ad = arena_take(a, sizeof(*ad));

	if (ad == NULL)
		return NULL;
	ad->all = *text;
	ad->localpart.s = ad->domain.s = "";
	/* Only of an empty value are the parts known: they are empty too. */
	ad->has_parts = text->len == 0;
	return ad;
}

int
address_parse(struct arena *a, const struct str *field, struct addr **list)
{
	struct reader r;

	*list = NULL;
	if (field->len == 0)
		return (*list = addr_raw(a, field)) == NULL ? -1 : 0;
	r.arena = a;
	r.s = field->s;
	r.end = field->s + field->len;
	r.first = NULL;
	r.last = &r.first;
	r.commented = r.no_memory = false;
	if ((r.text = arena_take(a, field->len)) == NULL)
		return -1;
	if (reader_skip(&r) != GOES_ON)
		return 0;
	read_list(&r);
	if (r.first == NULL && (r.first = addr_raw(a, field)) == NULL)
		return -1;
	*list = r.first;
	return r.no_memory ? -1 : 0;
}

/* The parts of a path: what is before the last "@", unquoted, and behind. */
static void
path_split(struct reader *r, struct addr *ad)
{
	const char *at = strrchr(r->s, '@');

	ad->localpart.s = ad->domain.s = "";
	if (at != NULL) {
		ad->domain.s = at + 1;
		ad->domain.len = (size_t)(r->end - at) - 1;
	} else
		at = r->end;
	if (*r->s != '"') {
		ad->localpart.s = r->s;
		ad->localpart.len = (size_t)(at - r->s);
		return;
	}
	(void)read_quoted(r, &ad->localpart);
}

int
address_envelope(struct arena *a, const char *path, struct addr **out)
{
	struct str text = { path, strlen(path) };
	struct reader r = { .s = path };
	const char *colon;

	if (text.len == 0)
		return (*out = addr_raw(a, &text)) == NULL ? -1 : 0;
	/* A source route has been obsolete since RFC 1123, and is ignored. */
	if (*path == '@' && (colon = strchr(path, ':')) != NULL)
		r.s = colon + 1;
	r.end = path + text.len;
	if ((*out = arena_take(a, sizeof(**out))) == NULL ||
	    (r.text = arena_take(a, text.len)) == NULL)
		return -1;
	path_split(&r, *out);
	return addr_spell(a, *out);
}

bool
address_is_field(const struct str *name)
{
	static const char fields[][36] = { "abuse-reports-to",
	    "apparently-to", "bcc", "cc", "delivered-to", "errors-to",
	    "for-approval", "for-comment", "for-handling", "from",
	    "mail-followup-to", "mail-reply-to", "read-receipt-to",
	    "registered-mail-reply-requested-by", "reply-to", "resent-bcc",
	    "resent-cc", "resent-from", "resent-reply-to", "resent-sender",
	    "resent-to", "return-receipt-requested", "return-receipt-to",
	    "sender", "to", "x-admin", "x-beenthere", "x-complaints-to",
	    "x-confirm-reading-to", "x-original-to", "x-report-abuse-to" };

	return bsearch(name, fields, sizeof(fields) / sizeof(fields[0]),
	    sizeof(fields[0]), str_compare) != NULL;
}

/* Bytes of the local part before the first delimiter. */
static size_t
user_length(const struct addr *ad, const char *delimiters)
{
	size_t i;

	for (i = 0; i < ad->localpart.len; i++)
		if (is_one_of(ad->localpart.s[i], delimiters))
			break;
	return i;
}

bool
address_user(const struct addr *ad, const char *delimiters, struct str *user)
{
	user->s = ad->localpart.s;
	user->len = user_length(ad, delimiters);
	return ad->has_parts;
}

bool
address_detail(const struct addr *ad, const char *delimiters,
    struct str *detail)
{
	size_t n = user_length(ad, delimiters);

	*detail = ad->localpart;
	if (!ad->has_parts || ad->all.len == 0)
		return ad->has_parts;
	if (n == ad->localpart.len)
		return false;
	detail->s += n + 1;
	detail->len -= n + 1;
	return true;
}
