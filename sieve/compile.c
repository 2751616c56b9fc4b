/*
 * Texts to a program: a script and those that it includes.
 */
#include <string.h>

#include "program.h"

void *
compiler_take(struct compiler *c, size_t n)
{
	void *p = arena_take(&c->program->arena, n);

	if (p == NULL)
		compiler_fail(c, 0, 0,
		    "the script wants too much memory");
	return p;
}

bool
compiler_fail(struct compiler *c, unsigned int line, unsigned int column,
    const char *fmt, ...)
{
	va_list ap;

	if (c->failed)
		return false;
	c->failed = true;
	va_start(ap, fmt);
	error_put(c->error, &c->script->name, line, column, fmt, ap);
	va_end(ap);
	return false;
}

/*
 * Scripts, of which one may include others.
 */
static struct script *
add_script(struct compiler *c, const struct str *name)
{
	struct sieve_program *p = c->program;
	struct script *s, **last;

	if ((s = compiler_take(c, sizeof(*s))) == NULL)
		return NULL;
	s->name = *name;
	s->index = p->nscripts++;
	for (last = &p->scripts; *last != NULL; last = &(*last)->next)
		;
	return *last = s;
}

static bool
compile_script(struct compiler *c, struct script *s, const char *text,
    size_t len)
{
	struct script *outer = c->script;
	struct lexer l;
	struct str source = { text, len };

	c->script = s;
	lexer_init(&l, &c->program->arena, &s->name, &source, c->error);
	s->commands = parser_run(&l);
	if (l.failed)
		c->failed = true;
	s->open = c->may_require = true;
	if (c->failed || !check_commands(c, s->commands))
		return false;
	s->open = c->may_require = false;
	c->script = outer;
	return true;
}

static bool
is_script_name(const struct str *name)
{
	size_t i;

	for (i = 0; i < name->len; i++)
		if ((unsigned char)name->s[i] < ' ' || name->s[i] == 0x7f ||
		    name->s[i] == '/')
			return false;
	return name->len > 0 && name->s[0] != '.' &&
	    name->len < sizeof(((struct sieve_error *)NULL)->script) &&
	    utf8_is_valid(name);
}

static bool
compile_include(struct compiler *c, struct node *n, const struct str *name)
{
	char path[sizeof(((struct sieve_error *)NULL)->script)];
	const char *text = NULL;
	struct script *s;
	size_t len = 0;

	memcpy(path, name->s, name->len);
	path[name->len] = '\0';
	/* The first script is one of the program's too. */
	if (c->program->nscripts > SIEVE_SCRIPTS)
		return FAIL(n, "more than %d scripts are included",
		    SIEVE_SCRIPTS);
	if (c->includes != NULL && !n->global)
		text = c->includes->get(c->includes->arg, path, &len);
	if (text == NULL)
		return (n->tags & TAG_OPTIONAL) != 0 ||
		    FAIL(n, "there is no script \"%s\" to include", path);
	if (c->depth == INCLUDES)
		return FAIL(n, "scripts include each other more than %d deep",
		    INCLUDES);
	if ((s = add_script(c, name)) == NULL)
		return false;
	c->depth++;
	if (!compile_script(c, s, text, len))
		return false;
	c->depth--;
	n->script = s;
	return true;
}

bool
check_include(struct compiler *c, struct node *n)
{
	struct script *s;
	struct str name;

	if (!value_is_constant(&n->list[0].values[0], &name))
		return FAIL(n, "\"include\" wants a name without variables");
	if (!is_script_name(&name))
		return FAIL(n, "\"%.*s\" cannot be a script's name",
		    SHOWN(&name));
	for (s = c->program->scripts->next; s != NULL && !n->global;
	    s = s->next) {
		if (s->name.len != name.len ||
		    memcmp(s->name.s, name.s, name.len) != 0)
			continue;
		n->script = s;
		/* With :once, what is running is not run again. */
		return !s->open || (n->tags & TAG_ONCE) != 0 ||
		    FAIL(n, "\"%.*s\" includes itself", SHOWN(&name));
	}
	return compile_include(c, n, &name);
}

struct sieve_program *
sieve_compile(const char *text, size_t len,
    const struct sieve_library *library, struct sieve_room *room,
    struct sieve_error *e)
{
	static const struct str first = { "", 0 };
	struct arena arena = { .room = room, .limit = MEMORY_PROGRAM };
	struct sieve_program *p;
	struct compiler c;
	struct script none;

	memset(&c, 0, sizeof(c));
	memset(&none, 0, sizeof(none));
	memset(e, 0, sizeof(*e));
	none.name = first;
	c.includes = library;
	c.error = e;
	c.script = &none;
	if ((p = arena_take(&arena, sizeof(*p))) == NULL) {
		compiler_fail(&c, 0, 0, "no memory");
		return NULL;
	}
	c.program = p;
	p->arena = arena;
	if (add_script(&c, &first) == NULL ||
	    !compile_script(&c, p->scripts, text, len)) {
		sieve_free(p);
		return NULL;
	}
	return p;
}

bool
sieve_wants_zone(const struct sieve_program *p)
{
	const struct script *s = p->scripts;

	while (s != NULL && (s->extensions & EXT_DATE) == 0)
		s = s->next;
	return s != NULL;
}

void
sieve_free(struct sieve_program *p)
{
	struct arena arena;

	if (p == NULL)
		return;
	/* The program itself is in it. */
	arena = p->arena;
	arena_free(&arena);
}
