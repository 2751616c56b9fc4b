/*
 * The parsers.  A path that is accepted is read again as the same; a name
 * that is safe never leaves the template's directory; the line of a
 * passwd-file that a name is found in is a line of that name.
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
	size_t fixed;

	if (!name_is_safe(a->local) || !name_is_safe(a->domain))
		return;
	need(template_expand(template, &e, path, sizeof(path), &fixed) == 0);
	need(strncmp(path, "/m/", 3) == 0 && fixed == 2);
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

/* The first line is a name, the second a line of a passwd-file. */
static void
passwd(char *in)
{
	char *line = strchr(in, '\n'), *domain;
	struct passwd_line p;
	bool whole, split = false;
	size_t n;

	if (line == NULL)
		return;
	*line++ = '\0';
	n = strlen(in);
	whole = parse_passwd_key(line, strlen(line), in, NULL);
	if ((domain = strchr(in, '@')) != NULL) {
		*domain++ = '\0';
		split = parse_passwd_key(line, strlen(line), in, domain);
	}
	if (parse_passwd_line(line, &p) == NULL && (whole || split))
		need(strlen(p.name) == n);
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
	const char *p;
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
	if (template_check(s, USERS_PASSWD) == NULL)
		need(template_fixed(s) <= strlen(s));
	if (template_directory(s, dir, sizeof(dir)))
		need(strlen(dir) <= template_fixed(s));
	log_begin(&l);
	log_add(&l, "k", s);
	for (p = l.buf; *p != '\0'; p++)
		need((unsigned char)*p >= ' ' && *p != 0x7f);
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
	passwd(in);
	free(in);
	return 0;
}
