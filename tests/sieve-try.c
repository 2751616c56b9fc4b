/*
 * A script and a message, and what comes of it: for tests only.
 *
 * sieve-try [-b folder]... [-d delimiters] [-f sender] [-r recipient]
 *     [-t seconds] SCRIPT MESSAGE
 *
 * Prints a line for each action, of words with tabs between them, in which
 * tab, line end and backslash are \t, \n and \\:
 *
 *	keep FLAGS [implicit]
 *	fileinto FLAGS [create] FOLDER
 *	reject TEXT
 *	discard
 *	run PLACE: WORDS	an error at run time, alone
 *	compile PLACE: WORDS	the script is wrong
 *
 * -b names a folder that exists, as `a.b`.  include finds NAME.sieve beside
 * the script.  -t is the time for currentdate.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
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

/* `/` and `.` both separate, and INBOX may stand before a folder. */
static bool
has_folder(void *arg, const char *name)
{
	const struct folders *f = arg;
	char dotted[SIEVE_FOLDER];
	size_t i;
	int way;

	for (i = 0; name[i] != '\0'; i++)
		dotted[i] = name[i] == '/' ? '.' : name[i];
	dotted[i] = '\0';
	for (way = 0; way < 2; way++) {
		if (way == 1 && strncasecmp(dotted, "INBOX.", 6) == 0)
			memmove(dotted, dotted + 6, i - 6 + 1);
		for (i = 0; i < f->n; i++)
			if (strcmp(f->name[i], dotted) == 0)
				return true;
		i = strlen(dotted);
	}
	return false;
}

static void
put_word(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			printf("\\n");
		else if (*s == '\t')
			printf("\\t");
		else if (*s == '\\')
			printf("\\\\");
		else
			putchar(*s);
	}
}

static void
put_error(const char *what, const struct sieve_error *e)
{
	printf("%s\t", what);
	put_word(e->script);
	printf(":%u:%u: ", e->line, e->column);
	put_word(e->text);
	putchar('\n');
}

static void
put_action(const struct sieve_action *a, const char *reason)
{
	switch (a->kind) {
	case SIEVE_KEEP:
		printf("keep\t%s\t%s", a->flags,
		    a->implicit ? "implicit" : "");
		break;
	case SIEVE_FILEINTO:
		printf("fileinto\t%s\t%s\t", a->flags,
		    a->create ? "create" : "");
		put_word(a->folder);
		break;
	case SIEVE_REJECT:
		printf("reject\t");
		put_word(reason);
		break;
	}
	putchar('\n');
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
		put_error("run", &r->error);
		return;
	}
	for (i = 0; i < r->n; i++)
		put_action(&r->actions[i], r->reason);
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
	if ((p = sieve_compile(text, len, &library, NULL, &e)) == NULL) {
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

	while ((c = getopt(argc, argv, "b:d:f:r:t:")) != -1)
		switch (c) {
		case 'b':
			if (folders.n < FOLDERS)
				folders.name[folders.n++] = optarg;
			break;
		case 'd':
			v.delimiters = optarg;
			break;
		case 'f':
			v.sender = optarg;
			break;
		case 'r':
			v.recipient = optarg;
			break;
		case 't':
			v.now.tv_sec = strtoll(optarg, NULL, 10);
			break;
		default:
			return 1;
		}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: sieve-try [-b folder] [-d delimiters] "
		    "[-f sender] [-r recipient] [-t seconds] script "
		    "message\n");
		return 1;
	}
	return run(argv[optind], argv[optind + 1], &v);
}
