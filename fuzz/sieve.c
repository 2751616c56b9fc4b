/*
 * Any script and any message: NUL bytes divide the script, one that it may
 * include, and the message.  The oracles: what compiles does so twice, what
 * runs does the same twice, and its actions are such as sieve.h promises.
 */
#include <stdlib.h>
#include <string.h>

#include "../sieve/impl.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(bool good)
{
	if (!good)
		abort();
}

/*
 * What is before the next NUL byte of *text, which begins behind it then: a
 * copy, so that a sanitizer sees what goes past its end.
 */
static struct str
part(struct str *text)
{
	struct str s = *text;
	const char *nul = s.len == 0 ? NULL : memchr(s.s, '\0', s.len);
	char *copy;

	if (nul != NULL)
		s.len = (size_t)(nul - s.s);
	text->s += s.len + (nul != NULL);
	text->len -= s.len + (nul != NULL);
	check((copy = malloc(s.len + (s.len == 0))) != NULL);
	s.s = memcpy(copy, s.s, s.len);
	return s;
}

static const char *
library_get(void *arg, const char *name, size_t *len)
{
	const struct str *s = arg;

	if (strlen(name) != 1)
		return NULL;
	*len = s->len;
	return s->s;
}

static bool
has_folder(void *arg, const char *name)
{
	(void)arg;
	return strlen(name) % 2 == 0;
}

/* UTF-8 without control characters but for those that are allowed. */
static void
check_text(const char *text, size_t size, const char *allowed)
{
	const char *end = memchr(text, '\0', size), *p;
	struct str s;

	check(end != NULL);
	s.s = text;
	s.len = (size_t)(end - text);
	check(utf8_is_valid(&s));
	for (p = text; *p != '\0'; p++)
		check(((unsigned char)*p >= ' ' && *p != 0x7f) ||
		    strchr(allowed, *p) != NULL);
}

static void
check_error(const struct sieve_error *e)
{
	check_text(e->script, sizeof(e->script), "");
	check_text(e->text, sizeof(e->text), "");
}

static void
check_folder(const struct sieve_action *a)
{
	const char *p;
	char last = '.';

	if (a->kind != SIEVE_FILEINTO) {
		check(a->folder[0] == '\0' && !a->create);
		return;
	}
	check_text(a->folder, sizeof(a->folder), "");
	for (p = a->folder; *p != '\0'; p++) {
		check((*p != '.' && *p != '/') || (last != '.' &&
		    last != '/'));
		last = *p;
	}
	check(last != '.' && last != '/');
}

static void
check_action(const struct sieve_action *a)
{
	const char *flags = "DFRST", *p;

	for (p = a->flags; *p != '\0'; p++) {
		check((flags = strchr(flags, *p)) != NULL);
		flags++;
	}
	check_folder(a);
	check(a->kind != SIEVE_REJECT || a->flags[0] == '\0');
	check(a->kind == SIEVE_KEEP || !a->implicit);
	check(a->line > 0 || a->implicit);
}

static void
check_result(const struct sieve_result *r)
{
	const struct sieve_action *a, *b;

	if (r->failed) {
		check_error(&r->error);
		return;
	}
	check(r->n <= SIEVE_ACTIONS);
	for (a = r->actions; a < r->actions + r->n; a++) {
		check_action(a);
		if (a->kind == SIEVE_REJECT) {
			check(r->n == 1);
			check_text(r->reason, sizeof(r->reason), "\n\t");
		}
		check(!a->implicit || a == r->actions + r->n - 1);
		for (b = r->actions; b < a; b++)
			check(a->kind != b->kind ||
			    strcmp(a->folder, b->folder) != 0);
	}
}

static void
run(const struct sieve_program *p, const struct str *message,
    struct sieve_result *r)
{
	const struct sieve_view v = {
		.message = message->s, .len = message->len,
		.size = message->len, .sender = "a+b@example.com",
		.recipient = "<\"c d\"+e@example.org>", .delimiters = "+-",
		.host = "mx.example.org", .version = "0",
		.remote_ip = "192.0.2.1", .now = { 1795795200, 0 },
		.zone = 60, .has_folder = has_folder,
	};

	sieve_run(p, &v, r);
	check_result(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct sieve_result first, second;
	struct sieve_program *p, *again;
	struct sieve_error e, e2;
	char *copy = malloc(len + 1);
	struct str rest = { copy, len }, script, included;
	struct sieve_library library = { library_get, &included };

	check(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	script = part(&rest);
	included = part(&rest);
	p = sieve_compile(script.s, script.len, &library, NULL, &e);
	again = sieve_compile(script.s, script.len, &library, NULL, &e2);
	check((p == NULL) == (again == NULL));
	if (p == NULL) {
		check_error(&e);
		check(e.text[0] != '\0' && memcmp(&e, &e2, sizeof(e)) == 0);
	} else {
		run(p, &rest, &first);
		run(again, &rest, &second);
		check(first.n == second.n && first.failed == second.failed &&
		    memcmp(&first.error, &second.error, sizeof(e)) == 0 &&
		    memcmp(first.actions, second.actions,
		    first.n * sizeof(first.actions[0])) == 0);
		check(first.failed || first.n == 0 ||
		    first.actions[0].kind != SIEVE_REJECT ||
		    strcmp(first.reason, second.reason) == 0);
	}
	sieve_free(p);
	sieve_free(again);
	free((char *)script.s);
	free((char *)included.s);
	free(copy);
	return 0;
}
