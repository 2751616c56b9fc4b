/*
 * Tokens to nodes, by the grammar of RFC 5228, section 8.2, which knows no
 * command by name.  What is nested deeper than 32 is refused, so that neither
 * this nor what walks the nodes later can run out of stack.
 */
#include <string.h>

#include "program.h"

static struct node *node_list(struct lexer *, int);

static bool
token_is(const struct lexer *l, char c)
{
	return l->token == TOKEN_CHARACTER && l->character == c;
}

static void *
take(struct lexer *l, size_t n)
{
	void *p = arena_take(l->arena, n);

	if (p == NULL)
		lexer_fail(l, "the script wants too much memory");
	return p;
}

static void
expected(struct lexer *l, const char *what)
{
	char buf[TOKEN_BYTES];

	lexer_fail(l, "expected %s, but found %s", what,
	    lexer_token(l, buf));
}

/* Strings between brackets, of which the first has been read. */
static void
parse_list(struct lexer *l, struct list *list)
{
	struct value *v;
	size_t room = 4;

	if ((list->values = take(l, room * sizeof(*v))) == NULL)
		return;
	do {
		lexer_next(l);
		if (l->token != TOKEN_STRING) {
			expected(l, "a string of this list");
			return;
		}
		if (list->n == LIST) {
			lexer_fail(l, "this list has more than %d strings",
			    LIST);
			return;
		}
		if (list->n == room) {
			if ((v = take(l, 2 * room * sizeof(*v))) == NULL)
				return;
			memcpy(v, list->values, room * sizeof(*v));
			list->values = v;
			room *= 2;
		}
		list->values[list->n++].source = l->text;
		lexer_next(l);
	} while (token_is(l, ','));
	if (token_is(l, ']'))
		lexer_next(l);
	else
		expected(l, "',' or ']' in this list");
}

/* One argument, or NULL if there is none. */
static struct argument *
parse_argument(struct lexer *l)
{
	struct argument *a;
	bool is_list = token_is(l, '[');

	if (!is_list && l->token != TOKEN_STRING && l->token != TOKEN_NUMBER &&
	    l->token != TOKEN_TAG)
		return NULL;
	if ((a = take(l, sizeof(*a))) == NULL)
		return NULL;
	a->line = l->line;
	a->column = l->column;
	if (is_list) {
		a->kind = ARGUMENT_LIST;
		parse_list(l, &a->list);
		return a;
	}
	if (l->token == TOKEN_STRING) {
		a->kind = ARGUMENT_STRING;
		a->list.n = 1;
		if ((a->list.values = take(l, sizeof(struct value))) == NULL)
			return NULL;
		a->list.values->source = l->text;
	} else if (l->token == TOKEN_NUMBER) {
		a->kind = ARGUMENT_NUMBER;
		a->number = l->number;
	} else {
		a->kind = ARGUMENT_TAG;
		a->tag = l->text;
	}
	lexer_next(l);
	return a;
}

/* A name and its arguments, then its tests: of a command or a test. */
static struct node *
parse_node(struct lexer *l, int depth)
{
	struct argument **a;
	struct node *n;

	if (depth > DEPTH) {
		lexer_fail(l, "tests are more than %d deep", DEPTH);
		return NULL;
	}
	if ((n = take(l, sizeof(*n))) == NULL)
		return NULL;
	n->name = l->text;
	n->line = l->line;
	n->column = l->column;
	lexer_next(l);
	for (a = &n->arguments; (*a = parse_argument(l)) != NULL;
	    a = &(*a)->next)
		;
	if (l->token == TOKEN_IDENTIFIER) {
		n->tests = parse_node(l, depth + 1);
	} else if (token_is(l, '(')) {
		n->in_parentheses = true;
		n->tests = node_list(l, depth + 1);
	}
	return n;
}

/* Tests between parentheses, of which the first is the token. */
static struct node *
node_list(struct lexer *l, int depth)
{
	struct node *first = NULL, **next = &first;

	do {
		lexer_next(l);
		if (l->token != TOKEN_IDENTIFIER) {
			expected(l, "a test in this list of tests");
			return first;
		}
		if ((*next = parse_node(l, depth)) == NULL)
			return first;
		next = &(*next)->next;
	} while (token_is(l, ','));
	if (token_is(l, ')'))
		lexer_next(l);
	else
		expected(l, "',' or ')' in this list of tests");
	return first;
}

/* Commands, until something is none. */
static struct node *
parse_commands(struct lexer *l, int depth)
{
	struct node *first = NULL, **next = &first, *n;

	if (depth > DEPTH)
		lexer_fail(l, "blocks are more than %d deep", DEPTH);
	while (l->token == TOKEN_IDENTIFIER) {
		if ((n = *next = parse_node(l, 0)) == NULL)
			break;
		next = &n->next;
		if (token_is(l, ';')) {
			lexer_next(l);
			continue;
		}
		if (!token_is(l, '{')) {
			expected(l, "';' or '{' behind this command");
			break;
		}
		n->has_block = true;
		lexer_next(l);
		n->block = parse_commands(l, depth + 1);
		if (!token_is(l, '}')) {
			expected(l, "a command or '}' of this block");
			break;
		}
		lexer_next(l);
	}
	return first;
}

struct node *
parser_run(struct lexer *l)
{
	struct node *n = parse_commands(l, 0);

	if (l->token != TOKEN_END)
		expected(l, "a command");
	return l->failed ? NULL : n;
}
