/*
 * Strings of a script: encoded characters (RFC 5228, section 2.4.2.4) become
 * what they stand for, then variables (RFC 5229) are found.  What is not
 * quite the syntax of either is text.
 */
#include <stdarg.h>
#include <string.h>

#include "program.h"

/* A name as it stands in a script, "name", "12" or "global.name". */
struct name {
	struct str	 space;		/* before the first dot, or "" */
	struct str	 base;		/* behind it */
	bool		 is_number;
	uint64_t	 number;
};

/*
 * Encoded characters.
 */
static size_t
value_blanks(const char *s, size_t i, size_t len)
{
	while (i < len && is_space(s[i]))
		i++;
	return i;
}

/*
 * What stands between "${hex:" or "${unicode:" and "}": hexadecimal numbers,
 * with blanks between them.  Each goes to *out as a byte or a character, and
 * *out behind it.  Returns where the brace is, or 0: it is text.
 */
static size_t
decode_numbers(const char *s, size_t i, size_t len, bool unicode, char **out,
    uint32_t *wrong)
{
	const char *end = memchr(s + i, '}', len - i);
	char *at = *out;
	uint32_t n;
	size_t start, found = 0;

	if (end == NULL)
		return 0;
	len = (size_t)(end - s);
	for (i = value_blanks(s, i, len); i < len; found++) {
		for (start = i, n = 0; i < len && hex_digit(s[i]) != -1; i++)
			n = n > UINT32_MAX >> 4 ? UINT32_MAX :
			    n << 4 | (uint32_t)hex_digit(s[i]);
		if (i == start || (!unicode && i - start > 2))
			return 0;
		if (unicode && (n > 0x10ffff || (n >= 0xd800 && n < 0xe000)))
			*wrong = n;
		else if (unicode)
			at += utf8_put(n, at);
		else
			*at++ = (char)n;
		i = value_blanks(s, i, len);
	}
	if (found == 0)
		return 0;
	*out = at;
	return i;
}

/* The characters in place of s; what comes out is never longer. */
static bool
value_decode(struct compiler *c, struct str *s, const struct argument *at)
{
	static const char hex[] = "${hex:", uni[] = "${unicode:";
	struct str rest;
	uint32_t wrong = 0;
	size_t i, skip, end;
	char *buf, *out;
	bool unicode;

	if ((buf = out = compiler_take(c, s->len)) == NULL)
		return false;
	for (i = 0; i < s->len; i++) {
		rest.s = s->s + i;
		rest.len = s->len - i;
		unicode = str_begins(&rest, uni);
		skip = strlen(unicode ? uni : hex);
		end = wrong = 0;
		if (unicode || str_begins(&rest, hex))
			end = decode_numbers(s->s, i + skip, s->len, unicode,
			    &out, &wrong);
		if (end > 0 && wrong != 0)
			return FAIL(at,
			    "${unicode:%x} is no character of Unicode", wrong);
		if (end > 0)
			i = end;
		else
			*out++ = s->s[i];
	}
	s->s = buf;
	s->len = (size_t)(out - buf);
	return true;
}

/*
 * Names.
 */

/* Reads a name at the start of s; returns its bytes, or 0. */
static size_t
name_parse(const char *s, size_t len, struct name *n)
{
	size_t i = 0, start;

	memset(n, 0, sizeof(*n));
	n->space.s = n->base.s = s;
	if (len > 0 && is_digit(s[0])) {
		for (; i < len && is_digit(s[i]); i++)
			if (n->number <= CAPTURES)
				n->number = n->number * 10 +
				    (uint64_t)(s[i] - '0');
		n->is_number = true;
		n->base.len = i;
		return i;
	}
	for (start = 0;; start = ++i) {
		while (i < len && (is_letter(s[i]) || is_digit(s[i])))
			i++;
		if (i == start)
			return 0;
		if (i == len || s[i] != '.')
			break;
		if (start == 0) {
			n->space.len = i;
			n->base.s = s + i + 1;
		}
	}
	n->base.len = (size_t)(s + i - n->base.s);
	return i;
}

static bool
find_global(struct compiler *c, const struct str *name,
    const struct argument *at, size_t *index)
{
	struct sieve_program *p = c->program;

	for (*index = 0; *index < p->nglobals; (*index)++)
		if (str_same(&p->globals[*index], name))
			return true;
	if (p->nglobals == VARIABLES)
		return FAIL(at,
		    "there are more than %d global variables", VARIABLES);
	if (p->globals == NULL && (p->globals = compiler_take(c,
	    VARIABLES * sizeof(*p->globals))) == NULL)
		return false;
	p->globals[p->nglobals++] = *name;
	return true;
}

/* The script's variable of that name, or NULL. */
static struct variable *
value_find(struct script *s, const struct str *name)
{
	size_t i;

	for (i = 0; i < s->nvariables; i++)
		if (str_same(&s->variables[i].name, name))
			return &s->variables[i];
	return NULL;
}

static struct variable *
add_variable(struct compiler *c, const struct str *name,
    const struct argument *at)
{
	struct script *s = c->script;
	struct variable *v;

	if (s->nvariables == VARIABLES) {
		FAIL(at,
		    "the script has more than %d variables", VARIABLES);
		return NULL;
	}
	if (s->variables == NULL && (s->variables = compiler_take(c,
	    VARIABLES * sizeof(*s->variables))) == NULL)
		return NULL;
	v = &s->variables[s->nvariables++];
	v->name = *name;
	return v;
}

/* What the name stands for, in kind and index of p. */
static bool
resolve(struct compiler *c, const struct name *n, struct piece *p,
    const struct argument *at)
{
	struct variable *v;

	if (n->is_number) {
		if (n->number > CAPTURES)
			return FAIL(at,
			    "there is no match value above ${%d}", CAPTURES);
		p->kind = PIECE_MATCH;
		p->index = (size_t)n->number;
		return true;
	}
	if (n->space.len > 0) {
		if ((c->script->extensions & EXT_INCLUDE) == 0 ||
		    !str_is(&n->space, "global"))
			return FAIL(at,
			    "unknown namespace \"%.*s\" of a variable",
			    SHOWN(&n->space));
		if (memchr(n->base.s, '.', n->base.len) != NULL ||
		    is_digit(n->base.s[0]))
			return FAIL(at,
			    "no global variable can have the name \"%.*s\"",
			    SHOWN(&n->base));
		p->kind = PIECE_GLOBAL;
		return find_global(c, &n->base, at, &p->index);
	}
	if ((v = value_find(c->script, &n->base)) == NULL) {
		if ((v = add_variable(c, &n->base, at)) == NULL)
			return false;
		v->kind = PIECE_LOCAL;
		v->index = c->script->nlocals++;
	}
	p->kind = v->kind;
	p->index = v->index;
	return true;
}

bool
value_compile_name(struct compiler *c, struct value *v,
    const struct argument *at, bool wants_set)
{
	struct name n;

	if (v->source.len == 0 ||
	    name_parse(v->source.s, v->source.len, &n) != v->source.len)
		return FAIL(at,
		    "\"%.*s\" is no name of a variable",
		    SHOWN(&v->source));
	if (wants_set && n.is_number)
		return FAIL(at,
		    "the match value ${%.*s} cannot be set",
		    SHOWN(&n.base));
	if ((v->pieces = compiler_take(c, sizeof(*v->pieces))) == NULL)
		return false;
	return resolve(c, &n, v->pieces, at);
}

bool
value_declare_global(struct compiler *c, const struct value *value,
    const struct argument *at)
{
	const struct str *s = &value->source;
	struct variable *v;
	struct name n;

	if (name_parse(s->s, s->len, &n) != s->len || s->len == 0 ||
	    n.is_number || n.space.len > 0)
		return FAIL(at,
		    "\"%.*s\" is no name of a variable",
		    SHOWN(s));
	if ((v = value_find(c->script, s)) != NULL &&
	    v->kind != PIECE_GLOBAL)
		return FAIL(at,
		    "\"%.*s\" has been used as a local variable before",
		    SHOWN(s));
	if (v == NULL && (v = add_variable(c, s, at)) == NULL)
		return false;
	v->kind = PIECE_GLOBAL;
	return find_global(c, s, at, &v->index);
}

/*
 * Values.
 */
static bool
add_piece(struct compiler *c, struct piece ***next, const struct piece *p)
{
	if ((**next = compiler_take(c, sizeof(*p))) == NULL)
		return false;
	***next = *p;
	*next = &(**next)->next;
	return true;
}

/* Bytes of the "${name}" at the start of s, or 0. */
static size_t
reference(const char *s, size_t len, struct name *n)
{
	size_t used;

	if (len < 4 || s[0] != '$' || s[1] != '{' ||
	    (used = name_parse(s + 2, len - 2, n)) == 0 ||
	    used + 2 == len || s[used + 2] != '}')
		return 0;
	return used + 3;
}

static bool
add_text(struct compiler *c, struct piece ***next, const char *s, size_t len)
{
	struct piece text = { PIECE_TEXT, 0, { s, len }, NULL };

	return len == 0 || add_piece(c, next, &text);
}

bool
value_compile(struct compiler *c, struct value *v, const struct argument *at)
{
	bool variables = (c->script->extensions & EXT_VARIABLES) != 0;
	struct piece **next = &v->pieces, p;
	struct str s = v->source;
	size_t i, start = 0, used;
	struct name n;

	if ((c->script->extensions & EXT_ENCODED) != 0 &&
	    !value_decode(c, &s, at))
		return false;
	for (i = 0; variables && i < s.len; i++) {
		if ((used = reference(s.s + i, s.len - i, &n)) == 0)
			continue;
		memset(&p, 0, sizeof(p));
		if (!resolve(c, &n, &p, at) ||
		    !add_text(c, &next, s.s + start, i - start) ||
		    !add_piece(c, &next, &p))
			return false;
		start = i + used;
	}
	return (v->pieces == NULL && s.s == v->source.s) ||
	    add_text(c, &next, s.s + start, s.len - start);
}

bool
value_is_constant(const struct value *v, struct str *s)
{
	*s = v->pieces == NULL ? v->source : v->pieces->text;
	return v->pieces == NULL ||
	    (v->pieces->kind == PIECE_TEXT && v->pieces->next == NULL);
}

/* A match value is no variable: only who uses one that is too long fails. */
static bool
piece_text(struct run *r, const struct piece *p, struct str *s)
{
	switch (p->kind) {
	case PIECE_TEXT:
		*s = p->text;
		break;
	case PIECE_LOCAL:
		*s = r->frame->variables[p->index];
		break;
	case PIECE_GLOBAL:
		*s = r->globals[p->index];
		break;
	case PIECE_MATCH:
		s->len = 0;
		if (p->index < r->frame->matched.n)
			*s = r->frame->matched.text[p->index];
		if (s->len > VARIABLE)
			return run_fail(r, "${%zu} has more than %d bytes",
			    p->index, VARIABLE);
		break;
	}
	if (s->len == 0)
		s->s = "";
	return true;
}

bool
value_expand(struct run *r, const struct value *v, struct str *out)
{
	const struct piece *p;
	struct str s;
	size_t len = 0;
	char *buf;

	if (value_is_constant(v, out))
		return true;
	if (v->pieces->next == NULL)
		return piece_text(r, v->pieces, out);
	for (p = v->pieces; p != NULL; p = p->next) {
		if (!piece_text(r, p, &s))
			return false;
		len += s.len;
	}
	if (!run_step(r, len / 64) || (buf = run_take(r, &r->scratch, len)) ==
	    NULL)
		return false;
	out->s = buf;
	out->len = len;
	for (p = v->pieces; p != NULL; p = p->next) {
		(void)piece_text(r, p, &s);
		memcpy(buf, s.s, s.len);
		buf += s.len;
	}
	return true;
}
