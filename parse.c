/*
 * Every byte that someone else wrote, to a struct.  No system calls, so
 * that tests and fuzzers can link this alone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lmtpd.h"

/* ctype.h would ask the locale; the protocols mean ASCII. */
static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_utf8(char c)
{
	return (unsigned char)c >= 0x80;
}

/* Of a byte that is no NUL. */
static bool
is_atext(char c)
{
	return is_alnum(c) || is_utf8(c) ||
	    strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL;
}

static const char *
skip_spaces(const char *s)
{
	return s + strspn(s, " ");
}

/*
 * The dialogue.
 */
char *
parse_command(char *line, size_t len)
{
	char *args;
	size_t i;

	/*
	 * Of the controls above ASCII those that are written in UTF-8: a byte
	 * from 0x80 to 0x9f by itself is a letter in addresses of some older
	 * charsets.
	 */
	for (i = text_plain(line, len, TEXT_LINE); i < len; i++)
		if (text_control(line + i, len - i) > 0)
			return NULL;
	while (len > 0 && line[len - 1] == ' ')
		line[--len] = '\0';
	args = line + strcspn(line, " ");
	while (*args == ' ')
		*args++ = '\0';
	return args;
}

/*
 * Somebody who speaks another protocol, of which only the first line is
 * sure: a browser that a web page has made post a whole dialogue, a proxy
 * whose own line would put every reply one late.  Obeyed, they would reach
 * mailboxes or make a client misread what became of its mail.
 */
bool
line_is_foreign(const char *line, size_t len)
{
	static const char *const verbs[] = {
		"GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH",
		"TRACE", "CONNECT", "PRI", "PROXY"
	};
	const char *part, *space = memchr(line, ' ', len);
	size_t i, word = space == NULL ? len : (size_t)(space - line);

	if (len == 0)
		return true;
	/* A NUL in it ends nothing, and must hide nothing. */
	for (i = 0; i < word; i++)
		if (line[i] == ':' || line[i] == 0x7f ||
		    ((unsigned char)line[i] < ' ' && line[i] != '\t'))
			return true;
	for (part = line; part < line + len; part += strlen(part) + 1)
		if (strstr(part, " HTTP/") != NULL)
			return true;
	for (i = 0; i < nitems(verbs); i++)
		if (word_is(line, word, verbs[i]))
			return true;
	return false;
}

/* A record of TLS, or a hello of SSL 2, which need not hold a line's end. */
bool
byte_is_foreign(char c)
{
	return c == 0x16 || is_utf8(c);
}

/*
 * A domain of RFC 5321 4.1.2, or with UTF-8, or with the dot of the DNS's
 * root behind it.  Its end, or NULL.
 */
static const char *
skip_domain(const char *s)
{
	const char *start, *label;

	if (*s == '[') {
		size_t n = strcspn(s + 1, "[]>@ ");

		return n > 0 && s[n + 1] == ']' ? s + n + 2 : NULL;
	}
	for (start = s;; s++) {
		label = s;
		while (is_alnum(*s) || is_utf8(*s) || *s == '-' || *s == '_')
			s++;
		if (s == label && s == start)
			return NULL;
		if (s == label || *s != '.')
			return s;
	}
}

/* A source route, RFC 5321 appendix C: to be accepted and ignored. */
static const char *
skip_route(const char *s)
{
	const char *p = s;

	while (*p == '@') {
		if ((p = skip_domain(p + 1)) == NULL)
			return s;
		if (*p == ':')
			return p + 1;
		if (*p == ',')
			p++;
	}
	return s;
}

/*
 * A local part, unquoted into local.  Words and dots may follow each other
 * in any way: such addresses exist.  Its end, or NULL.
 */
static const char *
parse_local(const char *s, char *local)
{
	const char *start = s;
	bool quoted = false;

	for (; *s != '\0'; s++) {
		if (*s == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && *s == '\\' && s[1] != '\0')
			s++;
		else if (!quoted && *s != '.' && !is_atext(*s))
			break;
		*local++ = *s;
	}
	*local = '\0';
	return quoted || s == start ? NULL : s;
}

static bool
ends_path(const char *s)
{
	return s != NULL && *s == '>' && (s[1] == '\0' || s[1] == ' ');
}

int
parse_forward_path(const char **sp, struct address *a)
{
	const char *s = skip_spaces(*sp), *start, *domain;
	size_t len;

	a->domain[0] = '\0';
	if (*s != '<')
		return -1;
	start = s = skip_route(s + 1);
	if ((s = parse_local(s, a->local)) == NULL)
		return -1;
	if (*s == '@') {
		domain = s + 1;
		if ((s = skip_domain(domain)) == NULL)
			return -1;
		len = (size_t)(s - domain);
		/* The same domain is written without a dot in all paths. */
		if (s[-1] == '.')
			len--;
		memcpy(a->domain, domain, len);
		a->domain[len] = '\0';
		name_lower(a->domain);
	}
	if (!ends_path(s))
		return -1;
	len = (size_t)(s - start);
	memcpy(a->raw, start, len);
	a->raw[len] = '\0';
	*sp = s + 1;
	return 0;
}

/*
 * The MTA has taken the mail already, so anything will do as its sender.
 * A bracket within quotes does not close it, unless nothing else would.
 */
int
parse_reverse_path(const char **sp, char path[COMMAND_MAX + 1])
{
	const char *s = skip_spaces(*sp), *start, *p;
	bool quoted = false;
	size_t len;

	if (*s != '<')
		return -1;
	start = skip_route(s + 1);
	for (p = start; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && ends_path(p))
			break;
	}
	if (*p == '\0')
		for (p = start; *p != '\0' && !ends_path(p); p++)
			continue;
	if (*p == '\0')
		return -1;
	len = (size_t)(p - start);
	memcpy(path, start, len);
	path[len] = '\0';
	*sp = p + 1;
	return 0;
}

bool
word_is(const char *s, size_t len, const char *word)
{
	/* Most differ in their first letter. */
	return len > 0 && ((s[0] ^ word[0]) & ~0x20) == 0 &&
	    strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* Digits, and no more: "010" is ten, "-1" and "0x10" are nothing. */
static int
parse_number(const char **sp, uint64_t *n)
{
	const char *s = *sp;
	uint64_t v = 0;
	bool over = false;

	if (!is_digit(*s)) {
		errno = EINVAL;
		return -1;
	}
	for (; is_digit(*s); s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (over || v > (INT64_MAX - digit) / 10)
			over = true;
		else
			v = v * 10 + digit;
	}
	*sp = s;
	if (over) {
		errno = ERANGE;
		return -1;
	}
	*n = v;
	return 0;
}

/* One suffix, if there is one, as a power of 1024. */
static int
parse_unit(const char **sp, uint64_t *n)
{
	static const char units[] = "KMGT";
	const char *unit = NULL;
	unsigned int shift;

	if (**sp != '\0')
		unit = strchr(units, **sp >= 'a' ? **sp - 'a' + 'A' : **sp);
	if (unit == NULL)
		return 0;
	shift = 10 * (unsigned int)(unit - units + 1);
	if (*n > (uint64_t)INT64_MAX >> shift) {
		errno = ERANGE;
		return -1;
	}
	*n <<= shift;
	(*sp)++;
	return 0;
}

int
parse_size(const char *s, bool suffix, uint64_t *n)
{
	if (parse_number(&s, n) == -1 || (suffix && parse_unit(&s, n) == -1))
		return -1;
	if (*s != '\0') {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int
parse_quota(const char *s, struct quota *q)
{
	q->messages = 0;
	if (parse_number(&s, &q->bytes) == -1 ||
	    parse_unit(&s, &q->bytes) == -1)
		return -1;
	if (*s == '\0')
		return 0;
	if (*s != ',') {
		errno = EINVAL;
		return -1;
	}
	return parse_size(s + 1, false, &q->messages);
}

static enum param_error
parse_size_param(const char *value, size_t len, struct params *p)
{
	if (p->has_size || value == NULL || len == 0)
		return PARAM_VALUE;
	if (strspn(value, "0123456789") != len)
		return PARAM_VALUE;
	p->has_size = true;
	if (parse_number(&value, &p->size) == -1)
		p->size = UINT64_MAX;
	return PARAM_OK;
}

static enum param_error
parse_flag(const char *value, bool *flag)
{
	if (*flag || value != NULL)
		return PARAM_VALUE;
	*flag = true;
	return PARAM_OK;
}

static int
hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* xtext, RFC 3461 section 4; what does not fit is cut.  0 or -1. */
static int
parse_xtext(const char *s, size_t len, char *out, size_t size)
{
	const char *end = s + len;
	size_t o = 0;

	if (len == 0)
		return -1;
	for (; s < end; s++) {
		char c = *s;

		if (c == '=' || is_utf8(c))
			return -1;
		if (c == '+') {
			int high, low;

			if (end - s < 3 || (high = hex_digit(s[1])) == -1 ||
			    (low = hex_digit(s[2])) == -1 || high + low == 0)
				return -1;
			c = (char)(high << 4 | low);
			s += 2;
		}
		if (o + 1 < size)
			out[o++] = c;
	}
	out[o] = '\0';
	return 0;
}

static enum param_error
parse_body_param(const char *value, size_t len, struct params *p)
{
	if (p->has_body || value == NULL || (!word_is(value, len, "7BIT") &&
	    !word_is(value, len, "8BITMIME")))
		return PARAM_VALUE;
	p->has_body = true;
	return PARAM_OK;
}

static void
parse_orcpt(const char *value, size_t len, struct params *p)
{
	/* If it is not encoded as it should be, the log has it as it came. */
	if (parse_xtext(value, len, p->orcpt, sizeof(p->orcpt)) == -1) {
		if (len >= sizeof(p->orcpt))
			len = sizeof(p->orcpt) - 1;
		memcpy(p->orcpt, value, len);
		p->orcpt[len] = '\0';
	}
}

/*
 * What some clients send unasked, and what means nothing to a delivery: any
 * value will do, once.
 */
static enum param_error
parse_ignored(const char *s, size_t key, const char *value, size_t len,
    bool rcpt, struct params *p)
{
	static const struct {
		const char	*name;
		bool		 rcpt;
	} ignored[] = {
		{ "RET", false }, { "ENVID", false }, { "AUTH", false },
		{ "NOTIFY", true }, { "ORCPT", true }
	};
	size_t i;

	for (i = 0; i < nitems(ignored); i++)
		if (ignored[i].rcpt == rcpt && word_is(s, key,
		    ignored[i].name))
			break;
	if (i == nitems(ignored))
		return PARAM_UNKNOWN;
	if (len == 0 || (p->ignored & 1u << i) != 0)
		return PARAM_VALUE;
	p->ignored |= 1u << i;
	if (word_is(s, key, "ORCPT"))
		parse_orcpt(value, len, p);
	return PARAM_OK;
}

static enum param_error
parse_param(const char *s, size_t len, bool rcpt, struct params *p)
{
	const char *value = memchr(s, '=', len);
	size_t key = value != NULL ? (size_t)(value - s) : len, vlen = 0;

	if (value != NULL) {
		value++;
		vlen = len - key - 1;
	}
	if (rcpt && word_is(s, key, "IGNOREQUOTA"))
		return parse_flag(value, &p->ignorequota);
	if (!rcpt && word_is(s, key, "SIZE"))
		return parse_size_param(value, vlen, p);
	if (!rcpt && word_is(s, key, "SMTPUTF8"))
		return parse_flag(value, &p->smtputf8);
	if (!rcpt && word_is(s, key, "BODY"))
		return parse_body_param(value, vlen, p);
	return parse_ignored(s, key, value, vlen, rcpt, p);
}

enum param_error
parse_params(const char *s, bool rcpt, struct params *p)
{
	enum param_error error;
	size_t len;

	memset(p, 0, sizeof(*p));
	for (s = skip_spaces(s); *s != '\0'; s = skip_spaces(s + len)) {
		len = strcspn(s, " ");
		error = parse_param(s, len, rcpt, p);
		if (error != PARAM_OK)
			return error;
	}
	return PARAM_OK;
}

int
parse_xforward(const char *s, char *ident, size_t size)
{
	char value[COMMAND_MAX], id[COMMAND_MAX];
	bool has_ident = false;
	size_t key, len;

	/* With no attribute at all, as amavisd sends it, none is wrong. */
	for (; *s != '\0'; s = skip_spaces(s + len)) {
		len = strcspn(s, " ");
		key = strcspn(s, "= ");
		if (key == 0 || s[key] != '=' || parse_xtext(s + key + 1,
		    len - key - 1, value, sizeof(value)) == -1)
			return -1;
		if (!word_is(s, key, "IDENT"))
			continue;
		has_ident = true;
		strlcpy(id, strcmp(value, "[UNAVAILABLE]") == 0 ? "" : value,
		    sizeof(id));
	}
	/* What is malformed is refused whole. */
	if (has_ident)
		strlcpy(ident, id, size);
	return 0;
}

/*
 * Options and names.
 */

/* The index among n names of the word that a comma list begins with, or n. */
static size_t
list_word(const char **s, const char *const names[], size_t n)
{
	size_t i, len = strcspn(*s, ",");

	for (i = 0; i < n; i++)
		if (word_is(*s, len, names[i]))
			break;
	*s = (*s)[len] == ',' ? *s + len + 1 : NULL;
	return i;
}

int
parse_locks(const char *s, enum lock locks[3], size_t *n)
{
	static const char *const names[] = {
		[LOCK_FCNTL] = "fcntl",
		[LOCK_FLOCK] = "flock",
		[LOCK_DOTLOCK] = "dotlock"
	};
	unsigned int seen = 0;
	size_t i;

	for (*n = 0; s != NULL; (*n)++) {
		i = list_word(&s, names, nitems(names));
		if (i == nitems(names) || (seen & 1u << i) != 0)
			return -1;
		seen |= 1u << i;
		locks[*n] = (enum lock)i;
	}
	return 0;
}

int
parse_trace(const char *s, unsigned int *bits)
{
	static const char *const names[] = {
		"return-path", "delivered-to", "received"
	};
	static const unsigned int trace[] = {
		TRACE_RETURN_PATH, TRACE_DELIVERED_TO, TRACE_RECEIVED
	};
	size_t i;

	*bits = 0;
	if (strcasecmp(s, "none") == 0)
		return 0;
	while (s != NULL) {
		i = list_word(&s, names, nitems(names));
		if (i == nitems(names))
			return -1;
		*bits |= trace[i];
	}
	return 0;
}

size_t
address_split(const char *local, const char *delimiters)
{
	return strcspn(local, delimiters);
}

bool
host_is_safe(const char *host)
{
	size_t n = strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]");

	return n > 0 && n <= HOST_BYTES && host[n] == '\0';
}

/*
 * nsswitch.conf(5).
 */
const char *
parse_nsswitch(const char *s, const char *database)
{
	size_t n = strlen(database);
	const char *p;

	for (; *s != '\0'; s += *s == '\n' ? 1 : 0) {
		p = s + strspn(s, " \t");
		if (strncasecmp(p, database, n) == 0) {
			p += n + strspn(p + n, " \t");
			if (*p == ':')
				return p + 1;
		}
		s += strcspn(s, "\n");
	}
	return s;
}

/* Does an action, [NOTFOUND=return] say, end the list for some? */
static bool
action_ends(const char *s, size_t len)
{
	static const char word[] = "return";
	size_t i;

	for (i = 0; i + sizeof(word) - 1 <= len; i++)
		if (strncasecmp(s + i, word, sizeof(word) - 1) == 0)
			return true;
	return false;
}

bool
parse_service(const char **sp, char *service, size_t size)
{
	const char *s = *sp + strspn(*sp, " \t\r");
	struct text t;
	size_t len;

	while (*s == '[') {
		len = strcspn(s, "]#\n");
		if (action_ends(s, len))
			return false;
		s += len + (s[len] == ']' ? 1 : 0);
		s += strspn(s, " \t\r");
	}
	len = strcspn(s, " \t\r[]#\n");
	text_init(&t, service, size);
	text_bytes(&t, s, len);
	*sp = s + len;
	return len > 0;
}

/*
 * The passwd-file, as Dovecot reads it.
 */

/* The rank of a line that begins with names[i]; SIZE_MAX for none. */
static size_t
passwd_rank(const char *line, size_t len, const struct passwd_keys *k,
    size_t i)
{
	size_t n = k->lens[i];
	const char *colon;

	/* A comment is no line; the password is no part of a name. */
	if (line[0] == '#' || memchr(line, ':', n) != NULL)
		return SIZE_MAX;
	line += n;
	len -= n;
	colon = memchr(line, ':', len);
	/* A name alone is a line of that user, though a bad one. */
	if (colon != NULL)
		len = (size_t)(colon - line);
	else if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return 2 * i + 1;
	return k->domain != NULL && line[0] == '@' &&
	    name_domain_is(line + 1, len - 1, k->domain) ? 2 * i : SIZE_MAX;
}

static inline size_t
passwd_key(const char *line, size_t len, const struct passwd_keys *k,
    size_t best)
{
	size_t i, n, rank;

	for (i = 0; 2 * i < best; i++) {
		n = k->lens[i];
		/* Names of one file often begin alike, and end otherwise. */
		if (len < n || line[n - 1] != k->names[i][n - 1] ||
		    memcmp(line, k->names[i], n) != 0)
			continue;
		rank = passwd_rank(line, len, k, i);
		if (rank < best)
			return rank;
	}
	return best;
}

size_t
parse_passwd_key(const char *line, size_t len, const struct passwd_keys *k,
    size_t best)
{
	return passwd_key(line, len, k, best);
}

size_t
parse_passwd_lines(const char *s, size_t len, const struct passwd_keys *k,
    struct passwd_match *m)
{
	const char *line = s, *end = s + len, *lf;
	size_t rank, best = m->best;

	m->line = NULL;
	while (end > s && end[-1] != '\n')
		end--;
	/* Only a line with the domain is better than one of names[0]. */
	if (best == 1 && memchr(s, '@', (size_t)(end - s)) == NULL)
		line = end;
	for (; line < end; line = lf + 1) {
		lf = memchr(line, '\n', (size_t)(end - line));
		rank = passwd_key(line, (size_t)(lf - line), k, best);
		if (rank == best)
			continue;
		m->best = rank;
		m->line = line;
		m->len = (size_t)(lf - line);
		return (size_t)(lf + 1 - s);
	}
	return (size_t)(end - s);
}

bool
parse_passwd_torn(const char *line, size_t len, const struct passwd_keys *k)
{
	size_t i, n;

	if (len == 0 || line[0] == '#' || memchr(line, ':', len) != NULL)
		return false;
	for (i = 0; i < k->n; i++) {
		n = k->lens[i];
		if (memcmp(line, k->names[i], len < n ? len : n) == 0 &&
		    (len <= n || line[n] == '@'))
			return true;
	}
	return false;
}

/*
 * A number with a unit, of which the first letter counts: B, and K to T, so
 * that 1GB and 1GiB are 1G.  A bare number is in the unit bare.
 */
static int
parse_amount(const char *s, const char *bare, uint64_t *n)
{
	const char *unit;

	if (parse_number(&s, n) == -1)
		return -1;
	if (*s == '\0')
		s = bare;
	if (*s == 'B' || *s == 'b')
		return 0;
	unit = s;
	return parse_unit(&s, n) == -1 || s == unit ? -1 : 0;
}

/* One element of a quota rule for all mailboxes: "storage=1G".  0 or -1. */
static int
parse_limit(const char *s, struct quota *q)
{
	if (strcmp(s, "ignore") == 0) {
		q->bytes = q->messages = 0;
		return 0;
	}
	if (strncmp(s, "messages=", 9) == 0)
		return parse_amount(s + 9, "B", &q->messages);
	if (strncmp(s, "bytes=", 6) == 0)
		return parse_amount(s + 6, "B", &q->bytes);
	if (strncmp(s, "storage=", 8) == 0)
		return parse_amount(s + 8, "K", &q->bytes);
	return -1;
}

static int
parse_quota_rule(char *s, struct passwd_line *p)
{
	char *limit;

	/*
	 * Rules for other mailboxes, Trash say, are not about delivery; "?"
	 * is "*", but gives way to a limit of the mailbox itself.
	 */
	if (strncmp(s, "*:", 2) != 0 && strncmp(s, "?:", 2) != 0)
		return 0;
	s += 2;
	p->has_quota = true;
	while ((limit = strsep(&s, ":")) != NULL)
		if (parse_limit(limit, &p->quota) == -1)
			return -1;
	return 0;
}

static int
parse_extra(char *s, struct passwd_line *p)
{
	static const char rule[] = "userdb_quota_rule=";
	static const char size[] = "userdb_quota_storage_size=";
	char *word;

	while ((word = strsep(&s, " \t")) != NULL) {
		if (strncmp(word, rule, sizeof(rule) - 1) == 0) {
			if (parse_quota_rule(word + sizeof(rule) - 1, p) == -1)
				return -1;
		} else if (strncmp(word, size, sizeof(size) - 1) == 0) {
			word += sizeof(size) - 1;
			p->has_quota = true;
			if (strcmp(word, "unlimited") == 0)
				p->quota.bytes = 0;
			else if (parse_amount(word, "B",
			    &p->quota.bytes) == -1)
				return -1;
		}
	}
	return 0;
}

/* The next field, which ends at a colon or with the line; "" behind that. */
static const char *
next_field(char **line)
{
	const char *field = *line;
	char *colon;

	if (field == NULL)
		return "";
	colon = strchr(field, ':');
	*line = colon == NULL ? NULL : colon + 1;
	if (colon != NULL)
		*colon = '\0';
	return field;
}

const char *
parse_passwd_line(char *line, struct passwd_line *p)
{
	enum { NAME, PASSWORD, UID, GID, GECOS, HOME, SHELL, FIELDS };
	const char *field[FIELDS];
	size_t n;

	memset(p, 0, sizeof(*p));
	/* The file may have been saved with CRLF. */
	n = strlen(line);
	if (n > 0 && line[n - 1] == '\r')
		line[n - 1] = '\0';
	for (n = 0; n < FIELDS; n++) {
		if (n == PASSWORD && line == NULL)
			return "it is a name alone";
		field[n] = next_field(&line);
	}
	p->name = field[NAME];
	p->uid = field[UID];
	p->gid = field[GID];
	p->home = field[HOME];
	if (p->home[0] != '\0' && p->home[0] != '/')
		return "the home is not absolute";
	/* The last field is all of the rest: rules have colons of their own. */
	if (line != NULL && parse_extra(line, p) == -1)
		return "a quota rule cannot be read";
	return NULL;
}

/*
 * Maildir++: a line of limits, then a line of bytes and messages for each
 * change, negative for what went.
 */
static int
parse_signed(const char **sp, int64_t *sum)
{
	uint64_t n;
	bool minus;

	*sp = skip_spaces(*sp);
	minus = **sp == '-';
	if (minus)
		(*sp)++;
	if (parse_number(sp, &n) == -1)
		return -1;
	if (minus ? *sum < INT64_MIN + (int64_t)n :
	    *sum > INT64_MAX - (int64_t)n)
		return -1;
	*sum += minus ? -(int64_t)n : (int64_t)n;
	return 0;
}

static int
parse_limits(const char **sp, struct quota *limit)
{
	const char *s = *sp;
	uint64_t n;

	while (*s != '\n' && *s != '\0') {
		if (parse_number(&s, &n) == -1)
			return -1;
		if (*s == 'S')
			limit->bytes = n;
		else if (*s == 'C')
			limit->messages = n;
		if (*s != '\n' && *s != '\0')
			s++;
		if (*s == ',')
			s++;
	}
	*sp = s;
	return 0;
}

int
parse_maildirsize(const char *s, struct maildirsize *m)
{
	int64_t bytes = 0, messages = 0;

	memset(m, 0, sizeof(*m));
	if (parse_limits(&s, &m->limit) == -1) {
		m->limit.bytes = m->limit.messages = 0;
		return -1;
	}
	while (*s == '\n' && s[1] != '\0') {
		s++;
		if (parse_signed(&s, &bytes) == -1 ||
		    parse_signed(&s, &messages) == -1)
			return -1;
		s = skip_spaces(s);
		m->lines++;
	}
	/* Less than nothing: something was taken away twice. */
	if ((*s != '\n' && *s != '\0') || bytes < 0 || messages < 0)
		return -1;
	m->used.bytes = (uint64_t)bytes;
	m->used.messages = (uint64_t)messages;
	return 0;
}
