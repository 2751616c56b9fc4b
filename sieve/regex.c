/*
 * POSIX extended regular expressions, with GNU's \w, \s, \b, \< and \>, over
 * bytes.  A program for a machine that is in all states at once (Thompson,
 * with captures as Pike has them), so that time is at most the product of the
 * lengths: backtracking is what hostile patterns and values make exponential.
 */
#include <string.h>

#include "impl.h"

#define DEPTH		64	/* groups in groups */
#define REPEAT		50	/* in {n,m} */
#define PROGRAM		4096	/* instructions */
#define STEP		8	/* instructions for one step of the budget */
#define NOWHERE		UINT32_MAX

enum op {
	SET,			/* one byte of a set */
	SPLIT,			/* to x, else to y */
	JUMP,			/* to x */
	SAVE,			/* the position into slot x */
	BEGIN, END,		/* of the value */
	WORD_EDGE, WORD_INSIDE, WORD_BEGIN, WORD_END,
	MATCH
};

/* Jumps are relative, so that code can be moved and copied. */
struct instruction {
	enum op		 op;
	int		 x, y;		/* of SET, x is the set */
};

struct set {
	unsigned char	 bits[32];
};

/* Threads in the order of what is preferred, one for a state at most. */
struct threads {
	uint32_t	 n;
	uint32_t	*pc;
	uint32_t	*slots;		/* nslots for each state */
};

/* To be done while the states without input are followed. */
struct pending {
	int		 pc;		/* or -1: give slot its old value */
	uint32_t	 slot, old;
};

struct regex {
	struct instruction *code;
	int		 n;
	struct set	*sets;
	uint32_t	 ngroups, nslots;
	/* What a match can begin with, unless it can be empty. */
	struct set	 first;
	bool		 empty;
};

/* While a pattern is compiled. */
struct regex_compiler {
	const char	*s, *end;
	bool		 fold;
	struct instruction *code;
	int		 n;
	struct set	*sets;
	int		 nsets;
	uint32_t	 ngroups;
	int		 depth;
	const char	*wrong;
};

static bool
set_has(const struct set *set, unsigned char c)
{
	return (set->bits[c / 8] >> c % 8 & 1) != 0;
}

static void
set_add(struct set *set, unsigned int c)
{
	set->bits[c / 8] |= (unsigned char)(1 << c % 8);
}

static bool
regex_fail(struct regex_compiler *c, const char *wrong)
{
	if (c->wrong == NULL)
		c->wrong = wrong;
	return false;
}

/* Makes room for one instruction at the place at, and writes it. */
static bool
put(struct regex_compiler *c, int at, enum op op, int x, int y)
{
	if (c->n == PROGRAM)
		return regex_fail(c, "the regular expression is too large");
	memmove(c->code + at + 1, c->code + at,
	    (size_t)(c->n - at) * sizeof(*c->code));
	c->code[at].op = op;
	c->code[at].x = x;
	c->code[at].y = y;
	c->n++;
	return true;
}

/* Appends one that has no second operand. */
static bool
emit(struct regex_compiler *c, enum op op, int x)
{
	return put(c, c->n, op, x, 0);
}

/* Appends one that has none. */
static bool
emit_bare(struct regex_compiler *c, enum op op)
{
	return emit(c, op, 0);
}

/* Appends the len instructions at from once more. */
static bool
copy(struct regex_compiler *c, int from, int len)
{
	if (len > PROGRAM - c->n)
		return regex_fail(c, "the regular expression is too large");
	memcpy(c->code + c->n, c->code + from,
	    (size_t)len * sizeof(*c->code));
	c->n += len;
	return true;
}

/* Both cases of the letters of a set, which are four bytes of it apart. */
static void
set_fold(struct set *set)
{
	static const unsigned char letters[] = { 0xfe, 0xff, 0xff, 0x07 };
	unsigned char *upper = set->bits + 'A' / 8;
	unsigned char *lower = set->bits + 'a' / 8;
	unsigned int i, both;

	for (i = 0; i < sizeof(letters); i++) {
		both = (upper[i] | lower[i]) & letters[i];
		upper[i] |= (unsigned char)both;
		lower[i] |= (unsigned char)both;
	}
}

static bool
emit_set(struct regex_compiler *c, struct set *set, bool negated)
{
	size_t i;

	if (c->fold)
		set_fold(set);
	for (i = 0; negated && i < sizeof(set->bits); i++)
		set->bits[i] ^= 0xff;
	c->sets[c->nsets] = *set;
	return emit(c, SET, c->nsets++);
}

static bool
emit_byte(struct regex_compiler *c, char byte)
{
	struct set set;

	memset(&set, 0, sizeof(set));
	set_add(&set, (unsigned char)byte);
	return emit_set(c, &set, false);
}

static bool
class_lower(unsigned int c)
{
	return c >= 'a' && c <= 'z';
}

static bool
class_upper(unsigned int c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
class_digit(unsigned int c)
{
	return c >= '0' && c <= '9';
}

static bool
class_alpha(unsigned int c)
{
	return class_lower(c) || class_upper(c);
}

static bool
class_alnum(unsigned int c)
{
	return class_alpha(c) || class_digit(c);
}

static bool
class_word(unsigned int c)
{
	return class_alnum(c) || c == '_';
}

static bool
class_space(unsigned int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
class_blank(unsigned int c)
{
	return c == ' ' || c == '\t';
}

static bool
class_cntrl(unsigned int c)
{
	return c < ' ' || c == 0x7f;
}

static bool
class_print(unsigned int c)
{
	return c >= ' ' && c < 0x7f;
}

static bool
class_graph(unsigned int c)
{
	return c > ' ' && c < 0x7f;
}

static bool
class_punct(unsigned int c)
{
	return class_graph(c) && !class_alnum(c);
}

static bool
class_xdigit(unsigned int c)
{
	return class_digit(c) || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F');
}

static const struct class {
	const char	*name;
	bool		(*has)(unsigned int);
} classes[] = {
	{ "alnum", class_alnum }, { "alpha", class_alpha },
	{ "blank", class_blank }, { "cntrl", class_cntrl },
	{ "digit", class_digit }, { "graph", class_graph },
	{ "lower", class_lower }, { "print", class_print },
	{ "punct", class_punct }, { "space", class_space },
	{ "upper", class_upper }, { "xdigit", class_xdigit },
};

static void
set_add_class(struct set *set, bool (*has)(unsigned int))
{
	unsigned int i;

	for (i = 0; i < 256; i++)
		if (has(i))
			set_add(set, i);
}

/* Where the ":]", ".]" or "=]" of what begins at s stands, or NULL. */
static const char *
element_end(const char *s, const char *end, char kind)
{
	for (; s + 1 < end; s++)
		if (s[0] == kind && s[1] == ']')
			return s;
	return NULL;
}

/* Reads "[:alpha:]" into set. */
static bool
parse_class(struct regex_compiler *c, struct set *set)
{
	const char *name = c->s + 2, *end = element_end(name, c->end, ':');
	size_t i, len;

	if (end == NULL)
		return regex_fail(c, "a character class has no \":]\"");
	len = (size_t)(end - name);
	c->s = end + 2;
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strlen(classes[i].name) == len &&
		    memcmp(classes[i].name, name, len) == 0) {
			set_add_class(set, classes[i].has);
			return true;
		}
	return regex_fail(c, "there is no such character class");
}

/* One end of a range, perhaps as "[.-.]" or "[=a=]". */
static bool
parse_element(struct regex_compiler *c, unsigned char *byte)
{
	const char *end;

	if (c->end - c->s > 1 && *c->s == '[' &&
	    (c->s[1] == '.' || c->s[1] == '=')) {
		end = element_end(c->s + 3, c->end, c->s[1]);
		if (end == NULL || end != c->s + 3)
			return regex_fail(c,
			    "there is no such collating element");
		*byte = (unsigned char)c->s[2];
		c->s = end + 2;
		return true;
	}
	*byte = (unsigned char)*c->s++;
	return true;
}

/* Reads one byte or a range of them into set. */
static bool
parse_range(struct regex_compiler *c, struct set *set)
{
	unsigned char first, last;
	unsigned int i;

	if (!parse_element(c, &first))
		return false;
	last = first;
	if (c->end - c->s > 1 && *c->s == '-' && c->s[1] != ']') {
		c->s++;
		if (!parse_element(c, &last))
			return false;
		if (last < first)
			return regex_fail(c, "the end of a range is before it");
	}
	for (i = first; i <= last; i++)
		set_add(set, i);
	return true;
}

static bool
parse_bracket(struct regex_compiler *c)
{
	struct set set;
	bool negated = false, first = true;

	memset(&set, 0, sizeof(set));
	c->s++;
	if (c->s < c->end && *c->s == '^') {
		negated = true;
		c->s++;
	}
	for (; c->s < c->end && (first || *c->s != ']'); first = false) {
		if (c->end - c->s > 1 && c->s[0] == '[' && c->s[1] == ':') {
			if (!parse_class(c, &set))
				return false;
		} else if (!parse_range(c, &set)) {
			return false;
		}
	}
	if (c->s == c->end)
		return regex_fail(c, "a \"[\" has no \"]\"");
	c->s++;
	return emit_set(c, &set, negated);
}

/* Reads what follows a backslash. */
static bool
parse_escape(struct regex_compiler *c)
{
	struct set set;
	char e;

	if (++c->s == c->end)
		return regex_fail(c, "nothing follows the last \"\\\"");
	memset(&set, 0, sizeof(set));
	switch (e = *c->s++) {
	case 'w':
	case 'W':
		set_add_class(&set, class_word);
		return emit_set(c, &set, e == 'W');
	case 's':
	case 'S':
		set_add_class(&set, class_space);
		return emit_set(c, &set, e == 'S');
	case 'b':
		return emit_bare(c, WORD_EDGE);
	case 'B':
		return emit_bare(c, WORD_INSIDE);
	case '<':
		return emit_bare(c, WORD_BEGIN);
	case '>':
		return emit_bare(c, WORD_END);
	case '`':
		return emit_bare(c, BEGIN);
	case '\'':
		return emit_bare(c, END);
	}
	if (e >= '1' && e <= '9')
		return regex_fail(c, "backreferences are not known");
	/*
	 * glibc folds the value to upper case, and not what is escaped: "\d",
	 * as it is often written for a digit, is then no character at all.
	 */
	if (c->fold && class_lower((unsigned char)e))
		return emit_set(c, &set, false);
	return emit_byte(c, e);
}

static bool	parse_alternatives(struct regex_compiler *);

static bool
parse_group(struct regex_compiler *c)
{
	uint32_t group = ++c->ngroups;
	bool kept = group < CAPTURES;

	c->s++;
	if (c->depth == DEPTH)
		return regex_fail(c, "groups are nested too deeply");
	c->depth++;
	if (kept && !emit(c, SAVE, (int)(2 * group)))
		return false;
	if (!parse_alternatives(c))
		return false;
	if (kept && !emit(c, SAVE, (int)(2 * group + 1)))
		return false;
	c->depth--;
	if (c->s == c->end)
		return regex_fail(c, "a \"(\" has no \")\"");
	c->s++;
	return true;
}

static bool
parse_atom(struct regex_compiler *c)
{
	struct set set;

	switch (*c->s) {
	case '(':
		return parse_group(c);
	case '[':
		return parse_bracket(c);
	case '\\':
		return parse_escape(c);
	case '^':
		c->s++;
		return emit_bare(c, BEGIN);
	case '$':
		c->s++;
		return emit_bare(c, END);
	case '.':
		c->s++;
		memset(&set, 0, sizeof(set));
		return emit_set(c, &set, true);
	case '*':
	case '+':
	case '?':
	case '{':
		return regex_fail(c, "there is nothing to be repeated");
	}
	return emit_byte(c, *c->s++);
}

/* Repeats the code from start on any number of times, or not at all. */
static bool
repeat_star(struct regex_compiler *c, int start)
{
	int len = c->n - start;

	return put(c, start, SPLIT, 1, len + 2) &&
	    emit(c, JUMP, -(len + 1));
}

/* The same, min times at least and max at most; max -1 is without end. */
static bool
repeat(struct regex_compiler *c, int start, int min, int max)
{
	int i, len = c->n - start, rest;

	if (max == 0) {
		c->n = start;
		return true;
	}
	if (min == 0 && max == -1)
		return repeat_star(c, start);
	for (i = 1; i < min; i++)
		if (!copy(c, start, len))
			return false;
	if (max == -1)
		return put(c, c->n, SPLIT, -len, 1);
	/* Each that may be missing can leave all that follow it out. */
	rest = max - min;
	if (min == 0) {
		if (!put(c, start, SPLIT, 1, rest * (len + 1)))
			return false;
		rest--;
		start++;
	}
	for (; rest > 0; rest--)
		if (!put(c, c->n, SPLIT, 1, rest * (len + 1)) ||
		    !copy(c, start, len))
			return false;
	return true;
}

/* A number of an interval, -1 if there is none. */
static int
regex_number(struct regex_compiler *c)
{
	int n = -1;

	for (; c->s < c->end && class_digit((unsigned char)*c->s); c->s++) {
		n = (n == -1 ? 0 : n) * 10 + (*c->s - '0');
		if (n > REPEAT)
			n = REPEAT + 1;
	}
	return n;
}

/* Reads "{2}", "{2,}", "{,3}" or "{2,3}". */
static bool
parse_interval(struct regex_compiler *c, int *min, int *max)
{
	c->s++;
	*min = *max = regex_number(c);
	if (c->s < c->end && *c->s == ',') {
		c->s++;
		*max = regex_number(c);
		if (*min == -1)
			*min = 0;
	}
	if (c->s == c->end || *c->s != '}' || *min == -1)
		return regex_fail(c, "what is in \"{\" and \"}\" is wrong");
	c->s++;
	if (*min > REPEAT || *max > REPEAT)
		return regex_fail(c, "a repetition is of more than 50");
	if (*max != -1 && *max < *min)
		return regex_fail(c, "what is in \"{\" and \"}\" is wrong");
	return true;
}

/* Reads an atom and what repeats it. */
static bool
parse_piece(struct regex_compiler *c)
{
	int start = c->n, min, max;
	bool anchor;

	if (!parse_atom(c))
		return false;
	/* As with glibc, what takes no input cannot be repeated. */
	anchor = c->n == start + 1 && c->code[start].op >= BEGIN;
	while (c->s < c->end && is_one_of(*c->s, "*+?{")) {
		if (anchor)
			return regex_fail(c, "there is nothing to be repeated");
		min = *c->s == '+';
		max = *c->s == '?' ? 1 : -1;
		if (*c->s != '{')
			c->s++;
		else if (!parse_interval(c, &min, &max))
			return false;
		if (!repeat(c, start, min, max))
			return false;
	}
	return true;
}

static bool
ends_branch(const struct regex_compiler *c)
{
	/* A ")" that closes nothing is an ordinary character. */
	return c->s == c->end || *c->s == '|' ||
	    (*c->s == ')' && c->depth > 0);
}

/*
 * The depth of this recursion, by way of parse_group, is bounded there.  The
 * jump behind a branch goes to the jump behind the next one, the last to the
 * end, since where that is is known last.
 */
static bool
parse_alternatives(struct regex_compiler *c)
{
	int branch = c->n, jump = -1;

	for (;;) {
		while (!ends_branch(c))
			if (!parse_piece(c))
				return false;
		if (c->s < c->end && *c->s == '|' &&
		    (!put(c, branch, SPLIT, 1, c->n - branch + 2) ||
		    !emit(c, JUMP, 1)))
			return false;
		if (c->s == c->end || *c->s != '|') {
			if (jump != -1)
				c->code[jump].x = c->n - jump;
			return true;
		}
		if (jump != -1)
			c->code[jump].x = c->n - 1 - jump;
		jump = c->n - 1;
		branch = c->n;
		c->s++;
	}
}

/* Notes pc as one to be looked at, once. */
static void
reach(bool *seen, int *stack, int *n, int pc)
{
	if (!seen[pc])
		stack[(*n)++] = pc;
	seen[pc] = true;
}

/* Finds what a match can begin with.  0, or -1: memory. */
static int
find_first(struct arena *a, struct regex *r)
{
	bool *seen = arena_take(a, (size_t)r->n * sizeof(*seen));
	int *stack = arena_take(a, (size_t)r->n * sizeof(*stack));
	const struct instruction *i;
	size_t k;
	int n = 0, pc;

	if (seen == NULL || stack == NULL)
		return -1;
	for (reach(seen, stack, &n, 0); n > 0; ) {
		pc = stack[--n];
		i = &r->code[pc];
		switch (i->op) {
		case SET:
			for (k = 0; k < sizeof(r->first.bits); k++)
				r->first.bits[k] |= r->sets[i->x].bits[k];
			break;
		case MATCH:
			r->empty = true;
			break;
		case SPLIT:
			reach(seen, stack, &n, pc + i->y);
			/* FALLTHROUGH */
		case JUMP:
			reach(seen, stack, &n, pc + i->x);
			break;
		default:
			reach(seen, stack, &n, pc + 1);
		}
	}
	return 0;
}

static struct regex *
regex_make(struct arena *a, const struct regex_compiler *c)
{
	struct regex *r = arena_take(a, sizeof(*r));
	size_t n = (size_t)c->n;

	if (r == NULL)
		return NULL;
	r->n = c->n;
	r->sets = c->sets;
	r->ngroups = c->ngroups + 1 < CAPTURES ? c->ngroups + 1 : CAPTURES;
	r->nslots = 2 * r->ngroups;
	if ((r->code = arena_take(a, n * sizeof(*r->code))) == NULL)
		return NULL;
	memcpy(r->code, c->code, n * sizeof(*r->code));
	if (find_first(a, r) == -1)
		return NULL;
	return r;
}

struct regex *
regex_compile(struct arena *a, const struct str *pattern, bool fold,
    const char **wrong)
{
	struct instruction code[PROGRAM];
	struct regex_compiler c;
	struct regex *r = NULL;

	memset(&c, 0, sizeof(c));
	c.code = code;
	c.s = pattern->s;
	c.end = c.s + pattern->len;
	c.fold = fold;
	c.sets = arena_take(a, pattern->len * sizeof(*c.sets));
	if (c.sets != NULL && parse_alternatives(&c) && emit_bare(&c, MATCH))
		r = regex_make(a, &c);
	*wrong = c.wrong;
	return r;
}

/* One match: the value, and what is known of it so far. */
struct regex_run {
	const struct regex *r;
	const struct str *value;
	uint32_t	 at;		/* the position, in bytes */
	uint32_t	 round;
	uint32_t	 work;
	uint32_t	 slots[2 * CAPTURES];
	uint32_t	 best[2 * CAPTURES];
	bool		 found;
	/* Room, as large as the program wants it. */
	struct threads	 now, next;
	uint32_t	*seen;		/* in which round a state was reached */
	struct pending	*stack;
};

static bool
threads_make(struct arena *a, struct threads *t, size_t n, size_t nslots)
{
	t->pc = arena_take(a, n * sizeof(*t->pc));
	t->slots = arena_take(a, n * nslots * sizeof(*t->slots));
	return t->pc != NULL && t->slots != NULL;
}

static bool
run_make(struct arena *a, struct regex_run *run)
{
	size_t n = (size_t)run->r->n;

	run->seen = arena_take(a, n * sizeof(*run->seen));
	/* A state is followed once a round, and leaves two things to do. */
	run->stack = arena_take(a, (2 * n + 2) * sizeof(*run->stack));
	return run->seen != NULL && run->stack != NULL &&
	    threads_make(a, &run->now, n, run->r->nslots) &&
	    threads_make(a, &run->next, n, run->r->nslots);
}

static bool
word_at(const struct regex_run *run, uint32_t i)
{
	return i < run->value->len &&
	    class_word((unsigned char)run->value->s[i]);
}

/* Does an instruction that takes no input let a thread pass? */
static bool
passes(const struct regex_run *run, enum op op)
{
	bool before = run->at > 0 && word_at(run, run->at - 1);
	bool after = word_at(run, run->at);

	switch (op) {
	case BEGIN:
		return run->at == 0;
	case END:
		return run->at == run->value->len;
	case WORD_EDGE:
		return before != after;
	case WORD_INSIDE:
		return before == after;
	case WORD_BEGIN:
		return !before && after;
	case WORD_END:
		return before && !after;
	default:
		return true;
	}
}

static void
push(struct pending *stack, size_t *n, int pc, uint32_t slot, uint32_t old)
{
	stack[*n].pc = pc;
	stack[*n].slot = slot;
	stack[(*n)++].old = old;
}

static void
push_state(struct pending *stack, size_t *n, int pc)
{
	push(stack, n, pc, 0, 0);
}

/* A thread that waits for input, or has matched, with run's slots. */
static void
threads_add(struct threads *t, const struct regex_run *run, int pc)
{
	memcpy(t->slots + (size_t)t->n * run->r->nslots, run->slots,
	    run->r->nslots * sizeof(*t->slots));
	t->pc[t->n++] = (uint32_t)pc;
}

/*
 * Follows pc and all that can be reached from it without input, what is
 * preferred first, and adds the threads of it to t.
 */
static void
follow(struct regex_run *run, struct threads *t, int start)
{
	const struct instruction *i;
	struct pending *stack = run->stack;
	size_t n = 0;
	int pc;

	push_state(stack, &n, start);
	while (n > 0) {
		pc = stack[--n].pc;
		if (pc == -1) {
			run->slots[stack[n].slot] = stack[n].old;
			continue;
		}
		if (run->seen[pc] == run->round)
			continue;
		run->seen[pc] = run->round;
		run->work++;
		i = &run->r->code[pc];
		if (i->op == SET || i->op == MATCH) {
			threads_add(t, run, pc);
		} else if (i->op == SPLIT) {
			push_state(stack, &n, pc + i->y);
			push_state(stack, &n, pc + i->x);
		} else if (i->op == JUMP) {
			push_state(stack, &n, pc + i->x);
		} else if (i->op == SAVE) {
			push(stack, &n, -1, (uint32_t)i->x,
			    run->slots[i->x]);
			run->slots[i->x] = run->at;
			push_state(stack, &n, pc + 1);
		} else if (passes(run, i->op)) {
			push_state(stack, &n, pc + 1);
		}
	}
}

/*
 * The thread at i of t has matched: it is longer than what did before, and
 * what began behind that is gone.
 */
static void
keep(struct regex_run *run, const struct threads *t, uint32_t i)
{
	const uint32_t *slots = t->slots + (size_t)i * run->r->nslots;

	memcpy(run->best, slots, run->r->nslots * sizeof(*slots));
	run->best[1] = run->at;
	run->found = true;
}

/* Lets the threads of t have the byte c; next gets those that go on. */
static void
regex_step(struct regex_run *run, const struct threads *t, struct threads *next,
    unsigned char c)
{
	const struct regex *r = run->r;
	const struct instruction *code;
	const uint32_t *slots;
	uint32_t i;

	run->round++;
	next->n = 0;
	for (i = 0; i < t->n; i++) {
		code = &r->code[t->pc[i]];
		slots = t->slots + (size_t)i * r->nslots;
		/* One that began behind where the match begins cannot win. */
		if (code->op != SET || !set_has(&r->sets[code->x], c) ||
		    (run->found && slots[0] > run->best[0]))
			continue;
		memcpy(run->slots, slots, r->nslots * sizeof(*slots));
		follow(run, next, (int)t->pc[i] + 1);
	}
}

/* Can a match begin here? */
static bool
may_begin(const struct regex_run *run)
{
	return run->r->empty || (run->at < run->value->len &&
	    set_has(&run->r->first, (unsigned char)run->value->s[run->at]));
}

/* Passes over all where nothing can begin.  It is quick: it costs little. */
static void
regex_skip(struct regex_run *run)
{
	uint32_t start = run->at;

	while (run->at < run->value->len && !may_begin(run))
		run->at++;
	run->work += (run->at - start) / STEP;
}

/* A thread begins here, unless one that matched began before. */
static void
begin(struct regex_run *run, struct threads *t)
{
	uint32_t i;

	if (run->found || !may_begin(run))
		return;
	for (i = 0; i < run->r->nslots; i++)
		run->slots[i] = NOWHERE;
	run->slots[0] = run->at;
	follow(run, t, 0);
}

/* Runs over the value; false if the budget is gone. */
static bool
run_all(struct regex_run *run, bool any, struct budget *b)
{
	struct threads now = run->now, next = run->next, t;
	uint32_t i, len = (uint32_t)run->value->len;

	run->round++;
	for (;;) {
		if (now.n == 0 && !run->found)
			regex_skip(run);
		begin(run, &now);
		for (i = 0; i < now.n; i++)
			if (run->r->code[now.pc[i]].op == MATCH)
				keep(run, &now, i);
		run->work += now.n + 1;
		if (!budget_take(b, run->work / STEP))
			return false;
		run->work %= STEP;
		if (run->at == len || (run->found && (any || now.n == 0)))
			return true;
		run->at++;
		regex_step(run, &now, &next,
		    (unsigned char)run->value->s[run->at - 1]);
		t = now;
		now = next;
		next = t;
	}
}

bool
regex_match(struct arena *a, const struct regex *r, const struct str *value,
    struct captures *cap, struct budget *b)
{
	struct regex_run run;
	size_t i;

	if (value->len >= NOWHERE)
		return false;
	memset(&run, 0, sizeof(run));
	run.r = r;
	run.value = value;
	if (!run_make(a, &run) || !run_all(&run, cap == NULL, b) || !run.found)
		return false;
	if (cap == NULL)
		return true;
	cap->n = r->ngroups;
	for (i = 0; i < cap->n; i++) {
		cap->text[i].s = "";
		cap->text[i].len = 0;
		if (run.best[2 * i + 1] == NOWHERE)
			continue;
		cap->text[i].s = value->s + run.best[2 * i];
		cap->text[i].len = run.best[2 * i + 1] - run.best[2 * i];
	}
	return true;
}
