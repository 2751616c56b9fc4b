/*
 * What a body test of RFC 5173 looks at: the parts of a MIME message, decoded.
 * Parts are found line by line, with the boundaries that are open in a stack:
 * nothing here recurses, however deeply a message nests.
 */
#include <string.h>

#include "impl.h"

#define NESTED		100	/* multiparts that may be open */
#define STEP		16	/* bytes for one step of the budget */

enum encoding { PLAIN, BASE64, QUOTED_PRINTABLE, UNKNOWN };

/* What the header of a message or a part says of its body. */
struct entity {
	struct str	 type;		/* "text/plain"; "" if malformed */
	struct str	 boundary, charset;
	enum encoding	 encoding;
	bool		 is_message;	/* another message is in it */
	bool		 has_body;	/* there is the empty line before it */
};

struct walk {
	struct arena	*arena;
	struct budget	*budget;
	const struct str *msg;
	size_t		 pos;
	struct entity	 open[NESTED];
	size_t		 depth;
	enum body_transform how;
	const struct str *types;
	size_t		 ntypes;
	struct body_part **last;
};

/* The token of RFC 2045 at *s, and the comments and blanks behind it. */
static struct str
token(const char **s, const char *end)
{
	struct str t = { *s, 0 };
	bool ended;

	while (*s < end && (**s == '.' || (address_is_atext(**s) &&
	    **s != '/' && **s != '?' && **s != '=')))
		++*s;
	t.len = (size_t)(*s - t.s);
	*s = header_skip(*s, end, &ended);
	return t;
}

/* A parameter's value; quotes go.  NULL in s: memory, or no second quote. */
static struct str
parameter_value(struct arena *a, const char **s, const char *end)
{
	struct str value = { NULL, 0 };
	bool ended;
	char *text;

	if (*s < end && **s == '=') {
		/* RFC 2045 wants quotes about =_x, which many leave out. */
		value.s = *s;
		while (*s < end && !is_one_of(**s, "; \t"))
			++*s;
		value.len = (size_t)(*s - value.s);
		*s = header_skip(*s, end, &ended);
		return value;
	}
	if (*s == end || **s != '"')
		return token(s, end);
	if ((text = arena_take(a, (size_t)(end - *s))) == NULL)
		return value;
	for (++*s; *s < end && **s != '"'; ++*s) {
		if (**s == '\\' && *s + 1 < end)
			++*s;
		text[value.len++] = **s;
	}
	if (*s == end)
		return value;
	*s = header_skip(*s + 1, end, &ended);
	value.s = text;
	return value;
}

/* Reads "; name=value" as often as it comes. */
static void
parse_parameters(struct arena *a, const char *s, const char *end,
    struct entity *e)
{
	struct str name, value;
	bool ended;

	while (s < end && *s == ';') {
		s = header_skip(s + 1, end, &ended);
		name = token(&s, end);
		if (s == end || *s != '=')
			return;
		s = header_skip(s + 1, end, &ended);
		value = parameter_value(a, &s, end);
		if (value.s == NULL)
			return;
		if (str_is(&name, "boundary"))
			e->boundary = value;
		else if (str_is(&name, "charset"))
			e->charset = value;
	}
}

/* A Content-Type field's value. */
static int
parse_type(struct arena *a, const struct str *value, struct entity *e)
{
	const char *s = value->s, *end = s + value->len;
	struct str type, subtype;
	char *text;
	bool ended;

	e->type.len = e->boundary.len = e->charset.len = 0;
	e->is_message = false;
	s = header_skip(s, end, &ended);
	type = token(&s, end);
	if (s == end || *s != '/')
		return 0;
	s = header_skip(s + 1, end, &ended);
	subtype = token(&s, end);
	if (type.len == 0 || subtype.len == 0 || (s < end && *s != ';'))
		return 0;
	if ((text = arena_take(a, type.len + subtype.len + 1)) == NULL)
		return -1;
	memcpy(text, type.s, type.len);
	text[type.len] = '/';
	memcpy(text + type.len + 1, subtype.s, subtype.len);
	e->type.s = text;
	e->type.len = type.len + 1 + subtype.len;
	e->is_message = str_is(&e->type, "message/rfc822");
	parse_parameters(a, s, end, e);
	return 0;
}

/* A Content-Transfer-Encoding field's value. */
static void
parse_encoding(const struct str *value, struct entity *e)
{
	static const struct {
		const char	*name;
		enum encoding	 encoding;
	} names[] = {
		{ "7bit", PLAIN }, { "8bit", PLAIN }, { "binary", PLAIN },
		{ "base64", BASE64 },
		{ "quoted-printable", QUOTED_PRINTABLE },
	};
	const char *s = value->s, *end = s + value->len;
	struct str word;
	size_t i;
	bool ended;

	s = header_skip(s, end, &ended);
	word = token(&s, end);
	e->encoding = UNKNOWN;
	if (s < end && *s != ';')
		return;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_is(&word, names[i].name))
			e->encoding = names[i].encoding;
}

/* The fields of a header that matter here. */
static int
parse_fields(struct arena *a, const struct str *header, struct entity *e)
{
	struct str name, raw, value;
	size_t pos = 0;

	while (header_next(header, &pos, NULL, &name, &raw)) {
		if (!str_begins(&name, "content-t"))
			continue;
		if (header_unfold(a, &raw, &value) == -1)
			return -1;
		if (str_is(&name, "content-transfer-encoding"))
			parse_encoding(&value, e);
		else if (str_is(&name, "content-type") &&
		    parse_type(a, &value, e) == -1)
			return -1;
	}
	return 0;
}

/* Bytes of the line at pos, with its end. */
static size_t
line_at(const struct walk *w, size_t pos)
{
	const char *s = w->msg->s + pos, *end;

	end = memchr(s, '\n', w->msg->len - pos);
	return end == NULL ? w->msg->len - pos : (size_t)(end - s) + 1;
}

/*
 * Is the line at pos a boundary of an open multipart?  Then *level is the
 * multipart's.  A line may go on behind the boundary, as Dovecot has it: the
 * longest counts.
 */
static bool
is_boundary(const struct walk *w, size_t pos, size_t *level)
{
	const char *s = w->msg->s + pos;
	const struct str *b;
	size_t i, len = line_at(w, pos), longest = 0;

	if (len < 3 || s[0] != '-' || s[1] != '-')
		return false;
	/* A message of such lines, with many open, is work for each of them. */
	(void)budget_take(w->budget, w->depth / STEP + 1);
	for (i = w->depth; i-- > 0; ) {
		b = &w->open[i].boundary;
		if (b->len > longest && b->len <= len - 2 &&
		    memcmp(s + 2, b->s, b->len) == 0) {
			longest = b->len;
			*level = i;
		}
	}
	return longest > 0;
}

/*
 * Moves on to the next boundary, or the end of the message.  *text is what
 * was before it, without the line end that belongs to the boundary.
 */
static bool
find_boundary(struct walk *w, size_t *level, struct str *text)
{
	size_t start = w->pos;

	text->s = w->msg->s + start;
	for (; w->pos < w->msg->len; w->pos += line_at(w, w->pos)) {
		if (!is_boundary(w, w->pos, level))
			continue;
		/* Each line before it ends in CRLF. */
		text->len = w->pos == start ? 0 : w->pos - start - 2;
		return true;
	}
	text->len = w->msg->len - start;
	return false;
}

/* The header at pos, to the empty line or a boundary; pos goes behind it. */
static struct str
header_at(struct walk *w, bool *has_body)
{
	struct str header = { w->msg->s + w->pos, 0 };
	size_t len, level, start = w->pos;

	for (; w->pos < w->msg->len; w->pos += len) {
		if (is_boundary(w, w->pos, &level))
			break;
		len = line_at(w, w->pos);
		if (len == 2 && memcmp(w->msg->s + w->pos, "\r\n", 2) == 0) {
			header.len = w->pos - start;
			w->pos += len;
			*has_body = true;
			return header;
		}
	}
	header.len = w->pos - start;
	return header;
}

/* Does the test look at parts of this type? */
static bool
is_wanted(const struct walk *w, const struct str *type)
{
	const char *slash = memchr(type->s, '/', type->len);
	struct str major = *type;
	const struct str *t;
	size_t i;

	if (slash != NULL)
		major.len = (size_t)(slash - type->s);
	if (w->how == BODY_TEXT)
		return str_is(&major, "text") ||
		    str_is(type, "application/xhtml+xml");
	for (i = 0; i < w->ntypes; i++) {
		t = &w->types[i];
		if (t->len == 0)
			return true;
		slash = memchr(t->s, '/', t->len);
		if (str_same(t, slash == NULL ? &major : type))
			return true;
	}
	return false;
}

static int
walk_add(struct walk *w, const struct str *text)
{
	struct body_part *p = arena_take(w->arena, sizeof(*p));

	if (p == NULL)
		return -1;
	p->text = *text;
	*w->last = p;
	w->last = &p->next;
	return 0;
}

/* Undoes the transfer encoding; nobody knows what is in an unknown one. */
static int
entity_decode(struct walk *w, const struct entity *e, struct str *text)
{
	char *out;

	if (e->encoding == PLAIN)
		return 0;
	if (e->encoding == UNKNOWN) {
		text->len = 0;
		return 0;
	}
	/* The line ends of quoted-printable become CRLF. */
	if ((out = arena_take(w->arena, 2 * text->len)) == NULL)
		return -1;
	if (e->encoding == BASE64)
		text->len = mime_base64(text->s, text->len, out);
	else
		text->len = mime_quoted_printable(text->s, text->len, out);
	text->s = out;
	return 0;
}

/* Undoes the charset; one that is not known is taken for UTF-8. */
static int
entity_convert(struct walk *w, const struct entity *e, struct str *text)
{
	static const struct str none = { "", 0 };
	const struct charset *utf8 = mime_charset(&none), *cs;
	char *out;

	if ((cs = mime_charset(&e->charset)) == NULL)
		cs = utf8;
	if (cs == utf8 && utf8_is_valid(text))
		return 0;
	if ((out = arena_take(w->arena, 3 * text->len)) == NULL)
		return -1;
	text->len = mime_utf8(cs, text, out, 0);
	text->s = out;
	return 0;
}

/* Adds the body of a part, if it is wanted. */
static int
add_body(struct walk *w, const struct entity *e, const struct str *raw)
{
	struct str text = *raw;
	char *out;

	if (!is_wanted(w, &e->type))
		return 0;
	/* Whoever gave the budget sees that it is gone. */
	if (!budget_take(w->budget, text.len / STEP + 1))
		return 0;
	if (entity_decode(w, e, &text) == -1 ||
	    entity_convert(w, e, &text) == -1)
		return -1;
	if (w->how == BODY_TEXT && (str_is(&e->type, "text/html") ||
	    str_is(&e->type, "application/xhtml+xml"))) {
		out = arena_take(w->arena, text.len + text.len / 2);
		if (out == NULL)
			return -1;
		text.len = html_text(text.s, text.len, out);
		text.s = out;
	}
	return walk_add(w, &text);
}

/* Adds the header of a message in a part: it is that part's text. */
static int
add_header(struct walk *w, const struct entity *e, const struct str *header)
{
	struct str text = *header;

	if (!is_wanted(w, &e->type))
		return 0;
	/* Another type can only be that of a digest's part: it has no text. */
	if (!str_is(&e->type, "message/rfc822"))
		text.len = 0;
	return walk_add(w, &text);
}

/* Reads the header of an entity; is_message is what it is if it is silent. */
static int
entity_read(struct walk *w, struct entity *e, bool is_message,
    struct str *header)
{
	static const struct str plain = { "text/plain", 10 };

	memset(e, 0, sizeof(*e));
	e->type = plain;
	e->is_message = is_message;
	*header = header_at(w, &e->has_body);
	return parse_fields(w->arena, header, e);
}

/* Reads an entity and those that it contains, as far as a boundary. */
static int
read_part(struct walk *w)
{
	struct entity e, outer;
	struct str header, text;
	size_t level;

	/* RFC 2046, 5.1.5: what is in a digest is a message. */
	if (entity_read(w, &e, w->depth > 0 &&
	    str_is(&w->open[w->depth - 1].type, "multipart/digest"),
	    &header) == -1)
		return -1;
	while (e.has_body && e.is_message) {
		outer = e;
		if (entity_read(w, &e, false, &header) == -1 ||
		    add_header(w, &outer, &header) == -1)
			return -1;
	}
	if (!e.has_body)
		return 0;
	if (str_begins(&e.type, "multipart/") && w->depth < NESTED)
		w->open[w->depth++] = e;
	(void)find_boundary(w, &level, &text);
	return add_body(w, &e, &text);
}

/* At a boundary of level: another part, or what follows the last. */
static int
pass_boundary(struct walk *w, size_t level)
{
	const struct entity *e = &w->open[level];
	size_t behind = w->pos + 2 + e->boundary.len;
	bool last = behind + 2 <= w->msg->len &&
	    memcmp(w->msg->s + behind, "--", 2) == 0;
	struct str text;

	w->pos += line_at(w, w->pos);
	w->depth = level + 1;
	if (!last)
		return read_part(w);
	w->depth = level;
	(void)find_boundary(w, &level, &text);
	return text.len == 0 ? 0 : add_body(w, e, &text);
}

/* CRLF for each LF, as the message came and as a script's strings have it. */
static int
with_crlf(struct arena *a, struct str *text)
{
	char *out;
	size_t i, n = 0;

	if ((out = arena_take(a, 2 * text->len)) == NULL)
		return -1;
	for (i = 0; i < text->len; i++) {
		if (text->s[i] == '\n' && (i == 0 || text->s[i - 1] != '\r'))
			out[n++] = '\r';
		out[n++] = text->s[i];
	}
	text->s = out;
	text->len = n;
	return 0;
}

int
body_parts(struct arena *a, const struct str *msg, enum body_transform how,
    const struct str *types, size_t ntypes, struct budget *b,
    struct body_part **list)
{
	size_t level, end = how == BODY_RAW ? header_end(msg) : 0;
	struct str whole = { msg->s + end, msg->len - end }, text;
	struct walk w;

	memset(&w, 0, sizeof(w));
	w.arena = a;
	w.budget = b;
	w.msg = &whole;
	w.how = how;
	w.types = types;
	w.ntypes = ntypes;
	*list = NULL;
	w.last = list;
	if (!budget_take(b, whole.len / STEP + 1))
		return 0;
	if (with_crlf(a, &whole) == -1)
		return -1;
	if (how == BODY_RAW)
		return whole.len == 0 ? 0 : walk_add(&w, &whole);
	if (read_part(&w) == -1)
		return -1;
	while (find_boundary(&w, &level, &text))
		if (pass_boundary(&w, level) == -1)
			return -1;
	return 0;
}
