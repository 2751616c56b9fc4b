/*
 * A script and a message, and what comes of it: for tests only.
 *
 * sieve-try [-a recipient] [-d delimiters] [-f sender] [-m folder]...
 *     [-t seconds] SCRIPT MESSAGE
 *
 * Prints a line for each action, "discard" if there is none, "error" for an
 * error at run time, or "compile" for one of the script.  include finds
 * NAME.sieve beside the script.  -t is the time for currentdate, in UTC.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sieve/sieve.h"

#define FOLDERS	64

struct folders {
	const char	*name[FOLDERS];
	size_t		 n;
};

/* The whole file, NULL if it cannot be read. */
static char *
slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	size_t room = 1 << 16, n;
	char *s, *more;

	if (f == NULL)
		return NULL;
	if ((s = malloc(room)) == NULL)
		abort();
	for (*len = 0; (n = fread(s + *len, 1, room - *len, f)) > 0;) {
		*len += n;
		if (*len < room)
			continue;
		if ((more = realloc(s, room *= 2)) == NULL)
			abort();
		s = more;
	}
	fclose(f);
	return s;
}

static const char *
library_get(void *arg, const char *name, size_t *len)
{
	static char *kept[300];
	static size_t n;
	const char *script = arg, *slash = strrchr(script, '/');
	char path[4096];

	snprintf(path, sizeof(path), "%.*s%s.sieve", slash == NULL ? 0 :
	    (int)(slash - script) + 1, script, name);
	if (n == sizeof(kept) / sizeof(kept[0]))
		abort();
	return kept[n++] = slurp(path, len);
}

static bool
has_folder(void *arg, const char *name)
{
	const struct folders *f = arg;
	size_t i;

	for (i = 0; i < f->n; i++)
		if (strcmp(f->name[i], name) == 0)
			return true;
	return false;
}

/* On one line, whatever is in it. */
static void
put_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			printf("\\n");
		else if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < ' ')
			printf("\\x%02x", (unsigned char)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void
put_error(const char *what, const struct sieve_error *e)
{
	printf("%s %s:%u:%u: %s\n", what, e->script, e->line, e->column,
	    e->text);
}

static void
put_action(const struct sieve_action *a)
{
	switch (a->kind) {
	case SIEVE_KEEP:
		printf("%skeep", a->implicit ? "implicit " : "");
		break;
	case SIEVE_FILEINTO:
		printf("fileinto ");
		put_string(a->folder);
		break;
	case SIEVE_REJECT:
		printf("reject ");
		put_string(a->reason);
		break;
	}
	if (a->flags[0] != '\0')
		printf(" flags=%s", a->flags);
	printf("%s\n", a->create ? " create" : "");
}

/* Octets of the message with CRLF at the ends of its lines. */
static uint64_t
wire_size(const char *s, size_t len)
{
	uint64_t n = len;
	size_t i;

	for (i = 0; i < len; i++)
		n += s[i] == '\n';
	return n;
}

static void
put_result(const struct sieve_result *r)
{
	size_t i;

	if (r->failed) {
		put_error("error", &r->error);
		return;
	}
	for (i = 0; i < r->n; i++)
		put_action(&r->actions[i]);
	if (r->n == 0)
		printf("discard\n");
}

/* What it takes is the process's, which ends. */
static int
run(char *script, const char *message, struct sieve_view *v)
{
	static struct sieve_result result;
	struct sieve_library library = { library_get, script };
	struct sieve_program *p;
	struct sieve_error e;
	static char *text, *msg;
	size_t len;

	if ((text = slurp(script, &len)) == NULL ||
	    (msg = slurp(message, &v->len)) == NULL) {
		fprintf(stderr, "sieve-try: a file cannot be read\n");
		return 1;
	}
	if ((p = sieve_compile(text, len, &library, &e)) == NULL) {
		put_error("compile", &e);
		return 0;
	}
	v->message = msg;
	v->size = wire_size(msg, v->len);
	sieve_run(p, v, &result);
	sieve_free(p);
	put_result(&result);
	return 0;
}

int
main(int argc, char *argv[])
{
	static struct folders folders;
	struct sieve_view v = {
		.sender = "", .recipient = "", .delimiters = "+",
		.host = "mx.example.org", .version = "0",
		.now = { 1795795200, 0 },
		.has_folder = has_folder, .arg = &folders,
	};
	int c;

	while ((c = getopt(argc, argv, "a:d:f:m:t:")) != -1)
		switch (c) {
		case 'a':
			v.recipient = optarg;
			break;
		case 'd':
			v.delimiters = optarg;
			break;
		case 'f':
			v.sender = optarg;
			break;
		case 'm':
			if (folders.n < FOLDERS)
				folders.name[folders.n++] = optarg;
			break;
		case 't':
			v.now.tv_sec = strtoll(optarg, NULL, 10);
			break;
		default:
			return 1;
		}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: sieve-try [-a recipient] "
		    "[-d delimiters] [-f sender] [-m folder] [-t seconds] "
		    "script message\n");
		return 1;
	}
	return run(argv[optind], argv[optind + 1], &v);
}
