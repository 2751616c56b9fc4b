/*
 * The parsers.  A path that is accepted is read again as the same; a name
 * that is safe never leaves the template's directory; the line of a
 * passwd-file that a name is found in is a line of that name; a domain is the
 * same in all its forms.
 */
#include <stdlib.h>
#include <string.h>

#include "../lmtpd.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
need(bool good)
{
	if (!good)
		abort();
}

static size_t
slashes(const char *s)
{
	size_t n = 0;

	while ((s = strchr(s, '/')) != NULL) {
		n++;
		s++;
	}
	return n;
}

static void
stays_inside(const struct address *a)
{
	static const char template[] = "/m/%d/%n/u-%u";
	struct expansion e = { "/h", a->local, a->domain };
	char path[4096];
	size_t preset;

	if (!name_is_safe(a->local) || !name_is_safe(a->domain))
		return;
	need(template_expand(template, &e, path, sizeof(path), &preset) == 0);
	need(strncmp(path, "/m/", 3) == 0 && preset == 2);
	need(slashes(path) == slashes(template));
	need(strstr(path, "/.") == NULL && strstr(path, "//") == NULL);
}

static void
command(const char *in, size_t len)
{
	static struct address a, b;
	char line[COMMAND_MAX + 1], again[COMMAND_MAX + 3];
	char path[COMMAND_MAX + 1], ident[64];
	struct params p;
	const char *args, *s;

	if (len > COMMAND_MAX)
		return;
	memcpy(line, in, len);
	line[len] = '\0';
	if ((args = parse_command(line, len)) == NULL)
		return;
	need(args >= line && args <= line + len);
	s = args;
	if (parse_forward_path(&s, &a) == 0) {
		need(s > args && s <= line + len);
		strlcpy(again, "<", sizeof(again));
		strlcat(again, a.raw, sizeof(again));
		strlcat(again, ">", sizeof(again));
		s = again;
		need(parse_forward_path(&s, &b) == 0 && *s == '\0' &&
		    strcmp(a.local, b.local) == 0 &&
		    strcmp(a.domain, b.domain) == 0);
		need(address_split(a.local, "+-") <= strlen(a.local));
		stays_inside(&a);
	}
	s = args;
	if (parse_reverse_path(&s, path) == 0)
		need(s > args && s <= line + len && strlen(path) < len);
	(void)parse_params(args, false, &p);
	(void)parse_params(args, true, &p);
	ident[0] = '\0';
	(void)parse_xforward(args, ident, sizeof(ident));
	need(memchr(ident, '\0', sizeof(ident)) != NULL);
}

/*
 * The first line is a name, then come lines of a passwd-file: the best is
 * the same by whole lines and by each of them.
 */
static void
passwd(char *in, size_t len)
{
	char *file = memchr(in, '\n', len), *end = in + len;
	char *domain, *line, *lf;
	char utf8[4096];
	struct passwd_keys k = { .n = 1 };
	struct passwd_match m = { .best = 2 };
	struct passwd_line p;
	const char *found = NULL;
	size_t best = 2, n;

	if (file == NULL || file == in)
		return;
	*file++ = '\0';
	if ((domain = strchr(in, '@')) != NULL) {
		*domain++ = '\0';
		if (name_domain(domain, strlen(domain), false, utf8,
		    sizeof(utf8)) == 0)
			k.domain = utf8;
	}
	if ((k.lens[0] = strlen(in)) == 0)
		return;
	k.names[0] = in;
	for (line = file; (n = parse_passwd_lines(line, (size_t)(end - line),
	    &k, &m)) > 0; line += n)
		if (m.line != NULL)
			found = m.line;
	(void)parse_passwd_torn(line, (size_t)(end - line), &k);
	for (line = file; (lf = memchr(line, '\n', (size_t)(end - line))) !=
	    NULL; line = lf + 1) {
		n = parse_passwd_key(line, (size_t)(lf - line), &k, best);
		if (n == best)
			continue;
		best = n;
		need(found >= line);
		*lf = '\0';
		if (parse_passwd_line(line, &p) == NULL)
			need(strncmp(p.name, in, k.lens[0]) == 0 &&
			    (n == 0) == (p.name[k.lens[0]] == '@'));
	}
	need(best == m.best && (best < 2) == (found != NULL));
}

/* The same for all forms, and no longer than a path's component may be. */
static void
domain(const char *s, size_t len)
{
	char utf8[4096], ascii[4096], again[4096];

	if (len > 1000)
		return;
	need(name_domain(s, len, false, utf8, sizeof(utf8)) == 0);
	need(name_domain(s, len, true, ascii, sizeof(ascii)) == 0);
	need(name_domain(ascii, strlen(ascii), false, again,
	    sizeof(again)) == 0 && strcmp(again, utf8) == 0);
	need(name_domain(utf8, strlen(utf8), true, again, sizeof(again)) ==
	    0 && strcmp(again, ascii) == 0);
	need(name_domain_is(ascii, strlen(ascii), utf8));
	need(name_domain_is(s, len, utf8));
	if (!name_has_forms(s, len))
		need(strcmp(ascii, utf8) == 0);
}

/* Printable ASCII, whatever it is made of, and & stands for no & alone. */
static void
folder(const char *s)
{
	char out[64];
	size_t i;

	if (name_folder(s, out, sizeof(out)) == -1)
		return;
	for (i = 0; out[i] != '\0'; i++) {
		need(out[i] >= ' ' && out[i] < 0x7f);
		need(out[i] != '&' || strchr(out + i, '-') != NULL);
	}
	need(i < sizeof(out));
}

static void
option(const char *s)
{
	struct maildirsize m;
	enum lock locks[3];
	struct quota q;
	unsigned int bits;
	uint64_t n;
	size_t nlocks;
	struct log_line l;
	char dir[32];

	if (parse_size(s, true, &n) == 0)
		need(n <= INT64_MAX);
	if (parse_quota(s, &q) == 0)
		need(q.bytes <= INT64_MAX && q.messages <= INT64_MAX);
	if (parse_locks(s, locks, &nlocks) == 0)
		need(nlocks > 0 && nlocks <= 3);
	(void)parse_trace(s, &bits);
	if (parse_maildirsize(s, &m) == 0)
		need(m.used.bytes <= INT64_MAX);
	if (template_check(s, true) == NULL)
		need(template_preset(s) <= strlen(s));
	if (template_directory(s, dir, sizeof(dir)))
		need(strlen(dir) <= template_preset(s));
	log_begin(&l);
	log_add(&l, "k", s);
	need(text_plain(l.buf, l.text.len, TEXT_LINE) == l.text.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *in = malloc(len + 1);

	need(in != NULL);
	if (len > 0)
		memcpy(in, data, len);
	in[len] = '\0';
	command(in, len);
	option(in);
	folder(in);
	if (memchr(in, '\0', len) == NULL)
		domain(in, len);
	passwd(in, len);
	free(in);
	return 0;
}
