/*
 * Where a user's mailbox is: a path with conversions in it.  Pure.
 */
#include <errno.h>
#include <string.h>

#include "lmtpd.h"

static bool
starts_at_home(const char *template)
{
	return strncmp(template, "~/", 2) == 0 ||
	    strncmp(template, "%h", 2) == 0;
}

bool
template_has(const char *template, char conversion)
{
	const char *s;

	if (conversion == 'h' && strncmp(template, "~/", 2) == 0)
		return true;
	for (s = template; (s = strchr(s, '%')) != NULL; s += 2)
		if (s[1] == conversion)
			return true;
	return false;
}

const char *
template_check(const char *template, bool has_home)
{
	const char *s;

	if (template[0] != '/' && !starts_at_home(template))
		return "a template begins with /, ~/ or %h";
	for (s = template; (s = strchr(s, '%')) != NULL; s += 2)
		if (s[1] == '\0' || strchr("hndu%", s[1]) == NULL)
			return "after % in a template comes h, n, d, u or %";
	if (!has_home && template_has(template, 'h'))
		return "with this -U nobody has a home";
	return NULL;
}

size_t
template_preset(const char *template)
{
	const char *s = template;

	if (template[0] == '~')
		return 0;
	/* "%%" stands for itself. */
	while ((s = strchr(s, '%')) != NULL && s[1] == '%')
		s += 2;
	if (s == NULL)
		return strlen(template);
	while (s > template && *s != '/')
		s--;
	return (size_t)(s - template);
}

bool
template_directory(const char *template, char *dir, size_t size)
{
	size_t i, n = 0, len = template_preset(template);

	if (template[0] != '/' || len == 0 || len >= size ||
	    template[len] != '/' || strchr(template + len + 1, '/') != NULL)
		return false;
	for (i = 0; i < len; i += template[i] == '%' ? 2 : 1)
		dir[n++] = template[i];
	dir[n] = '\0';
	return true;
}

/* Appends a value to the path of *len bytes. */
static int
path_append(char *path, size_t size, size_t *len, const char *value, size_t n)
{
	if (value == NULL) {
		errno = EINVAL;
		return -1;
	}
	if (n >= size - *len) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(path + *len, value, n);
	*len += n;
	path[*len] = '\0';
	return 0;
}

static int
append_value(char *path, size_t size, size_t *len, const char *value)
{
	return path_append(path, size, len, value,
	    value == NULL ? 0 : strlen(value));
}

static int
expand(char conversion, const struct expansion *e, char *path, size_t size,
    size_t *len)
{
	switch (conversion) {
	case 'h':
		return append_value(path, size, len, e->home);
	case 'd':
		return append_value(path, size, len, e->domain);
	case '%':
		return append_value(path, size, len, "%");
	case 'u':
		if (append_value(path, size, len, e->name) == -1)
			return -1;
		if (e->domain == NULL)
			return 0;
		if (append_value(path, size, len, "@") == -1)
			return -1;
		return append_value(path, size, len, e->domain);
	default:
		return append_value(path, size, len, e->name);
	}
}

int
template_expand(const char *template, const struct expansion *e, char *path,
    size_t size, size_t *preset)
{
	const char *s = template;
	size_t len = 0, own = template_preset(template), n;
	bool home;

	*preset = own;
	path[0] = '\0';
	for (; *s != '\0'; s += n) {
		home = s == template && starts_at_home(s);
		if (home || *s == '%') {
			n = *s == '~' ? 1 : 2;
			if (expand(*s == '~' ? 'h' : s[1], e, path, size,
			    &len) == -1)
				return -1;
			if (home || s[1] == 'h')
				*preset = len;
			/* *preset counts bytes of the path, where %% is one. */
			else if (s[1] == '%' && s < template + own)
				(*preset)--;
			continue;
		}
		n = strcspn(s, "%");
		if (path_append(path, size, &len, s, n) == -1)
			return -1;
	}
	return 0;
}
