/*
 * A run: a program and a message become actions.  Whatever goes wrong ends
 * it, with the place of the command that was being run.
 */
#include <stdio.h>
#include <string.h>

#include "program.h"

/* An error of this run, in its result. */
bool
run_fail(struct run *r, const char *fmt, ...)
{
	const struct script *s = r->frame == NULL ? r->program->scripts :
	    r->frame->script;
	va_list ap;

	if (r->result->failed)
		return false;
	r->result->failed = true;
	va_start(ap, fmt);
	error_put(&r->result->error, &s->name, r->at->line, r->at->column,
	    fmt, ap);
	va_end(ap);
	return false;
}

bool
run_step(struct run *r, uint64_t n)
{
	if (r->result->failed)
		return false;
	return budget_take(&r->budget, n) ||
	    run_fail(r, "the run takes more than %d steps", STEPS);
}

void *
run_take(struct run *r, struct arena *a, size_t n)
{
	void *p = arena_take(a, n);

	if (p == NULL)
		run_fail(r, "the run wants too much memory");
	return p;
}

bool
run_end(struct run *r)
{
	if (r->scratch.failed)
		run_fail(r, "the run wants too much memory");
	arena_free(&r->scratch);
	/* Whatever had too few steps has taken them all: then this fails. */
	return run_step(r, 1);
}

bool
run_keep(struct run *r, const struct str *s, struct str *out)
{
	char *p;

	if (s->len > VARIABLE)
		return run_fail(r, "a variable has more than %d bytes",
		    VARIABLE);
	if ((p = run_take(r, &r->kept, s->len)) == NULL)
		return false;
	memcpy(p, s->s, s->len);
	out->s = p;
	out->len = s->len;
	return true;
}

struct str *
run_expand(struct run *r, const struct list *l)
{
	struct str *s = run_take(r, &r->scratch, l->n * sizeof(*s));
	size_t i;

	if (s == NULL || !run_step(r, l->n))
		return NULL;
	for (i = 0; i < l->n; i++)
		if (!value_expand(r, &l->values[i], &s[i]))
			return NULL;
	return s;
}

/*
 * What is longer than a variable may be has a length, but no bytes.  The new
 * values may be parts of the old ones.
 */
bool
run_captured(struct run *r, const struct captures *c)
{
	struct arena old = r->frame->arena;
	struct str *s;
	size_t i;
	char *p;

	memset(&r->frame->arena, 0, sizeof(r->frame->arena));
	r->frame->arena.room = old.room;
	r->frame->arena.limit = old.limit;
	r->frame->matched.n = 0;
	for (i = 0; i < c->n; i++) {
		s = &r->frame->matched.text[i];
		*s = c->text[i];
		if (s->len > VARIABLE)
			continue;
		if ((p = run_take(r, &r->frame->arena, s->len)) == NULL)
			break;
		if (s->len > 0)
			memcpy(p, s->s, s->len);
		s->s = p;
	}
	arena_free(&old);
	r->frame->matched.n = i;
	return i == c->n;
}

void
run_block(struct run *r, const struct node *n)
{
	for (; n != NULL && !r->stopped && !r->returned; n = n->next) {
		r->at = n;
		if (!run_step(r, 1))
			return;
		n->verb->command(r, n);
		if (!run_end(r))
			return;
	}
}

/* A frame has some KiB: only that of the first script is on the stack. */
static struct frame *
frame_take(struct run *r)
{
	struct frame *f = r->spare;

	if (f == NULL)
		return run_take(r, &r->kept, sizeof(*f));
	r->spare = f->caller;
	memset(f, 0, sizeof(*f));
	return f;
}

void
run_script(struct run *r, const struct script *s)
{
	const struct node *at = r->at;
	struct frame *f;

	if ((f = frame_take(r)) == NULL)
		return;
	f->script = s;
	f->caller = r->frame;
	f->arena.room = r->kept.room;
	f->arena.limit = MEMORY_MATCHED;
	r->frame = f;
	r->once[s->index] = true;
	run_block(r, s->commands);
	arena_free(&f->arena);
	r->returned = false;
	r->at = at;
	r->frame = f->caller;
	f->caller = r->spare;
	r->spare = f;
}

void
sieve_run(const struct sieve_program *p, const struct sieve_view *v,
    struct sieve_result *result)
{
	static const struct node nowhere;
	struct frame frame;
	struct run run, *r = &run;

	/* Actions are many KiB, and are made when there are some. */
	result->n = 0;
	result->failed = false;
	memset(&result->error, 0, sizeof(result->error));
	memset(r, 0, sizeof(*r));
	frame.caller = NULL;
	r->spare = &frame;
	r->at = &nowhere;
	r->program = p;
	r->view = v;
	r->result = result;
	r->budget.steps = STEPS;
	r->kept.room = r->scratch.room = p->arena.room;
	r->kept.limit = MEMORY_KEPT;
	r->scratch.limit = MEMORY_SCRATCH;
	r->message.s = v->message;
	r->message.len = v->len;
	r->keeps = true;
	r->globals = run_take(r, &r->kept,
	    p->nglobals * sizeof(*r->globals));
	run_script(r, p->scripts);
	if (!result->failed && r->keeps)
		action_implicit_keep(r);
	arena_free(&r->kept);
}
