/*
 * A recipient's own script, run for one message by a child that can do
 * nothing but think: it has become the recipient for good, has no descriptor
 * but a pipe, and from the moment that it looks at the message it may make no
 * system call but a few.  What it says is read as a stranger's word.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"
#include "sieve/sieve.h"

#define SCRIPT_BYTES	65536	/* of a script that is read */
#define CHILD_MS	2000	/* for the child to answer */
#define ERROR_BYTES	1024	/* of what is said to be wrong */
#define LINES_MAX	8	/* of a refusal */

/* What the child writes: records, each with len bytes of text behind it. */
struct record {
	enum { RECORD_KEEP, RECORD_FILE, RECORD_REFUSE, RECORD_ERROR,
	    RECORD_TROUBLE, RECORD_END } kind;
	unsigned char	 create;	/* a bool, but for a stranger's byte */
	unsigned int	 line;
	char		 flags[sizeof(((struct filing *)0)->flags)];
	size_t		 len;
};

#define ANSWER_BYTES	(FILINGS * (sizeof(struct record) + SIEVE_REASON))

/*
 * The script.
 */
struct script {
	char	 path[PATH_MAX];
	char	*text;
	size_t	 len;
};

/* NULL, or what forbids that a file is run as uid's script. */
static const char *
script_wrong(const struct stat *st, uid_t uid)
{
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_uid != 0 && st->st_uid != uid)
		return "it belongs to somebody else";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others may write to it";
	if (st->st_size > SCRIPT_BYTES)
		return "it is larger than 64 KiB";
	return NULL;
}

static int
script_read(struct script *s, int fd, off_t size)
{
	size_t room = (size_t)size + 1;
	ssize_t n;

	if ((s->text = malloc(room)) == NULL)
		return -1;
	for (s->len = 0; s->len < (size_t)size; s->len += (size_t)n) {
		n = read(fd, s->text + s->len, (size_t)size - s->len);
		if (n == -1)
			return -1;
		if (n == 0)
			break;
	}
	s->text[s->len] = '\0';
	return 0;
}

/*
 * Reads the script at s->path, as whom we are.  1; 0 if there is none; -1
 * and errno, or *wrong if it may not be run.
 */
static int
script_open(struct script *s, uid_t uid, const char **wrong)
{
	struct stat st;
	int fd, r = -1, save;

	*wrong = NULL;
	fd = open(s->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	if (fstat(fd, &st) == 0 &&
	    (*wrong = script_wrong(&st, uid)) == NULL)
		r = script_read(s, fd, st.st_size);
	save = errno;
	close(fd);
	errno = save;
	return r == 0 ? 1 : -1;
}

/* The first of the recipient's that exists.  As script_open. */
static int
script_find(struct script *s, const struct delivery *d, const char **wrong)
{
	const char *p = d->rcpt->mailbox.scripts;
	struct text t;
	size_t len;
	int r = 0;

	for (; r == 0 && p != NULL; p = p[len] == ':' ? p + len + 1 : NULL) {
		len = strcspn(p, ":");
		text_init(&t, s->path, sizeof(s->path));
		text_bytes(&t, p, len);
		r = script_open(s, d->id.uid, wrong);
	}
	return r;
}

/*
 * The child.
 */
struct child {
	const struct delivery	*d;
	const struct envelope	*env;
	const struct text	*trace;
	uint64_t		 trace_lines;
	struct timespec		 now;
	int			 zone;		/* minutes east of UTC */
	struct script		 script;
	struct script		*included;
	size_t			 nincluded;
	char			 directory[PATH_MAX];
	char			 address[sizeof(((struct envelope *)0)->peer)];
};

static void
child_write(const struct record *r, const char *text)
{
	(void)os_write(STDIN_FILENO, r, sizeof(*r), NULL);
	(void)os_write(STDIN_FILENO, text, r->len, NULL);
}

static void
child_fail(const struct child *c, const struct sieve_error *e)
{
	struct record r = { .kind = RECORD_ERROR };
	char buf[ERROR_BYTES];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	if (e->script[0] != '\0')
		text_add(&t, c->directory, "/", e->script, ".sieve", NULL);
	else
		text_add(&t, c->script.path, NULL);
	text_add(&t, ":", NULL);
	text_number(&t, e->line, 10, 0);
	if (e->column > 0) {
		text_add(&t, ":", NULL);
		text_number(&t, e->column, 10, 0);
	}
	text_add(&t, ": error: ", e->text, NULL);
	r.len = t.len;
	child_write(&r, buf);
}

/* A disk that fails is no answer, and no error of the script's: errno. */
static void
child_give_up(const char *call, const char *path)
{
	struct record r = { .kind = RECORD_TROUBLE };
	char buf[PATH_MAX];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_add(&t, call, " ", path, ": ", strerror(errno), NULL);
	r.len = t.len;
	child_write(&r, buf);
	_exit(0);
}

/* Where the script is, when all links are followed. */
static void
child_find_directory(struct child *c)
{
	char *slash;

	if (realpath(c->script.path, c->directory) == NULL)
		strlcpy(c->directory, c->script.path, sizeof(c->directory));
	if ((slash = strrchr(c->directory, '/')) != NULL)
		*slash = '\0';
}

/*
 * A script that another one includes, from the directory of that one; no more
 * than SIEVE_SCRIPTS are asked for.
 */
static const char *
child_include(void *arg, const char *name, size_t *len)
{
	struct child *c = arg;
	struct script *s;
	const char *wrong;
	struct text t;
	int r;

	if (!name_is_safe(name))
		return NULL;
	if (c->directory[0] == '\0')
		child_find_directory(c);
	if (c->included == NULL &&
	    (c->included = calloc(SIEVE_SCRIPTS, sizeof(*s))) == NULL)
		return NULL;
	s = &c->included[c->nincluded];
	text_init(&t, s->path, sizeof(s->path));
	text_add(&t, c->directory, "/", name, ".sieve", NULL);
	r = script_open(s, c->d->id.uid, &wrong);
	if (r == -1 && wrong == NULL)
		child_give_up("open", s->path);
	if (r != 1)
		return NULL;
	c->nincluded++;
	*len = s->len;
	return s->text;
}

static bool
child_has_folder(void *arg, const char *name)
{
	const struct child *c = arg;
	char folder[FOLDER_BYTES];
	int r;

	r = c->d->cfg->format->find_folder(c->d->rcpt->mailbox.path, name,
	    folder);
	if (r == -1 && errno != EINVAL)
		child_give_up("stat a folder of", c->d->rcpt->mailbox.path);
	return r == 1;
}

/* The client's address, which Received has in brackets; NULL for none. */
static const char *
child_address(struct child *c)
{
	const char *peer = c->env->peer;

	if (peer[0] == '\0')
		return NULL;
	peer += strncmp(peer, "[IPv6:", 6) == 0 ? 6 : 1;
	strlcpy(c->address, peer, sizeof(c->address));
	c->address[strcspn(c->address, "]")] = '\0';
	return c->address;
}

/* The message as it will be stored, or as much as there is in memory. */
static void
child_view(struct child *c, struct sieve_view *v)
{
	const struct message *m = c->d->message;
	const struct config *cfg = c->d->cfg;
	struct filter filter = {
		.return_path = (cfg->trace & TRACE_RETURN_PATH) != 0,
		.begun = c->trace->len == 0
	};
	size_t size = c->trace->len + m->len + FILTER_AHEAD;
	char *buf = malloc(size);

	memset(v, 0, sizeof(*v));
	if (buf == NULL)
		return;
	v->len = message_view(m, &filter, c->trace, buf, size);
	v->message = buf;
	/* Every LF is to be counted as the CRLF that it was. */
	v->size = c->trace->len + c->trace_lines + m->size - filter.dropped +
	    filter.quoted + filter.blanks + m->data.bare_lfs -
	    filter.dropped_lfs;
	v->sender = c->env->sender;
	v->recipient = c->d->rcpt->address;
	v->delimiters = cfg->delimiters;
	v->host = cfg->host;
	v->remote_ip = child_address(c);
	v->remote_host = c->env->lhlo;
	v->version = VERSION;
	v->now = c->now;
	v->zone = c->zone;
	v->has_folder = child_has_folder;
	v->arg = c;
}

static void
child_answer(const struct sieve_result *result)
{
	const struct sieve_action *a;

	for (a = result->actions; a < result->actions + result->n; a++) {
		struct record r = { .create = a->create, .line = a->line };
		const char *text = a->folder;

		memcpy(r.flags, a->flags, sizeof(r.flags));
		switch (a->kind) {
		case SIEVE_KEEP:
			r.kind = RECORD_KEEP;
			text = "";
			break;
		case SIEVE_FILEINTO:
			r.kind = RECORD_FILE;
			break;
		case SIEVE_REJECT:
			r.kind = RECORD_REFUSE;
			text = a->reason;
			break;
		}
		r.len = strlen(text);
		child_write(&r, text);
	}
}

/* Does not return: the child ends here. */
static void
child_run(struct child *c, int fd, bool check)
{
	const struct sieve_library library = { child_include, c };
	static const struct record end = { .kind = RECORD_END };
	struct sieve_result *result = malloc(sizeof(*result));
	struct sieve_program *p;
	struct sieve_error e;
	struct sieve_view v;

	if (identity_shed(c->d->cred, &c->d->id) == -1 ||
	    dup2(fd, STDIN_FILENO) == -1 || result == NULL)
		_exit(1);
	os_close_from(STDIN_FILENO + 1);
	confine_limits();
	p = sieve_compile(c->script.text, c->script.len, &library, &e);
	if (p == NULL)
		child_fail(c, &e);
	else if (!check) {
		child_view(c, &v);
		confine_child();
		if (v.message == NULL)
			_exit(1);
		sieve_run(p, &v, result);
		if (result->failed)
			child_fail(c, &result->error);
		else
			child_answer(result);
	}
	child_write(&end, "");
	_exit(0);
}

/*
 * The parent.
 */

/* All that the child writes, for two seconds at most.  Bytes, or -1. */
static ssize_t
answer_read(struct delivery *d, int fd, char *buf, size_t size)
{
	struct timespec begun;
	const char *over;
	size_t have = 0;
	long left = CHILD_MS;
	ssize_t n = 1;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (n != 0 && left > 0 && have < size) {
		over = d->watch->pause(d->watch->arg, fd, left * 1000);
		if (over != NULL)
			return failure_set(&d->failure, &reply_trouble, "%s",
			    over);
		n = read(fd, buf + have, size - have);
		if (n > 0)
			have += (size_t)n;
		else if (n == -1 && errno != EAGAIN && errno != EINTR)
			break;
		left = CHILD_MS - (long)os_ms_since(&begun);
	}
	return (ssize_t)have;
}

static int
verdict_error(const struct delivery *d, struct verdict *v, unsigned int line,
    const char *what, const char *name)
{
	char buf[ERROR_BYTES];
	struct text t;

	v->kind = VERDICT_ERROR;
	text_init(&t, buf, sizeof(buf));
	text_add(&t, d->rcpt->sieve, NULL);
	if (line > 0) {
		text_add(&t, ":", NULL);
		text_number(&t, line, 10, 0);
	}
	text_add(&t, ": error: ", what, name, NULL);
	free(d->rcpt->sieve);
	d->rcpt->sieve = strdup(buf);
	return 0;
}

static bool
flags_are_good(const char *flags, size_t size)
{
	size_t len = strnlen(flags, size);

	return len < size && strspn(flags, "DFRST") == len;
}

/* The same folder is one copy, with the last flags. */
static void
verdict_file(struct verdict *v, const struct delivery *d,
    const struct filing *f)
{
	const char *inbox = d->rcpt->mailbox.folder;
	struct filing *known;

	for (known = v->filings; known < v->filings + v->n; known++) {
		const char *a = known->keep ? inbox : known->folder;
		const char *b = f->keep ? inbox : f->folder;

		if (strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0) {
			memcpy(known->flags, f->flags, sizeof(f->flags));
			return;
		}
	}
	v->filings[v->n++] = *f;
}

/* Heeds one record that the child wrote.  0, or -1 and d's failure. */
static int
verdict_take(struct delivery *d, struct verdict *v, const struct record *r,
    const char *text)
{
	struct filing f = { .keep = r->kind == RECORD_KEEP,
	    .create = r->create, .line = r->line };
	int found;

	if (r->kind == RECORD_ERROR) {
		v->kind = VERDICT_ERROR;
		free(d->rcpt->sieve);
		d->rcpt->sieve = strdup(text);
		return 0;
	}
	if (r->kind == RECORD_TROUBLE)
		return failure_set(&d->failure, &reply_trouble, "%s", text);
	if (r->kind == RECORD_REFUSE) {
		v->kind = VERDICT_REFUSE;
		strlcpy(v->text, text, sizeof(v->text));
		return 0;
	}
	if (!flags_are_good(r->flags, sizeof(r->flags)) || v->n == FILINGS)
		return verdict_error(d, v, 0, "its child says nonsense", "");
	memcpy(f.flags, r->flags, sizeof(f.flags));
	if (r->kind == RECORD_FILE) {
		found = d->cfg->format->find_folder(d->rcpt->mailbox.path,
		    text, f.folder);
		if (found == -1 && errno != EINVAL)
			return failure_errno(&d->failure, "stat", "%s of %s",
			    text, d->rcpt->mailbox.path);
		if (found == -1)
			return verdict_error(d, v, r->line,
			    "no folder can be called ", text);
		if (found == 0 && !r->create)
			return verdict_error(d, v, r->line,
			    "there is no folder ", text);
	}
	verdict_file(v, d, &f);
	return 0;
}

/* What the child wrote, byte for byte as a stranger could have. */
static int
verdict_read(struct delivery *d, struct verdict *v, const char *buf,
    size_t len)
{
	char text[SIEVE_REASON];
	struct record r;

	while (v->kind != VERDICT_ERROR && len >= sizeof(r)) {
		memcpy(&r, buf, sizeof(r));
		buf += sizeof(r);
		len -= sizeof(r);
		if (r.kind == RECORD_END)
			return 0;
		if ((unsigned int)r.kind > RECORD_END || r.len > len ||
		    r.len >= sizeof(text) || memchr(buf, '\0', r.len) != NULL)
			break;
		memcpy(text, buf, r.len);
		text[r.len] = '\0';
		buf += r.len;
		len -= r.len;
		if (verdict_take(d, v, &r, text) == -1)
			return -1;
	}
	return v->kind == VERDICT_ERROR ? 0 :
	    verdict_error(d, v, 0, "its child died or took too long", "");
}

/* Minutes that local time is ahead of UTC. */
static int
zone_minutes(time_t now)
{
	struct tm tm;

	return localtime_r(&now, &tm) == NULL ? 0 : (int)(tm.tm_gmtoff / 60);
}

static int
filter_ask(struct delivery *d, struct child *c, bool check,
    struct verdict *v)
{
	char *buf;
	ssize_t n;
	pid_t pid;
	int fds[2], r;

	/* Not in the child: each would read the file of the zone anew. */
	clock_gettime(CLOCK_REALTIME, &c->now);
	c->zone = zone_minutes(c->now.tv_sec);
	if (pipe2(fds, O_CLOEXEC) == -1)
		return failure_errno(&d->failure, "pipe2 for", "%s",
		    c->script.path);
	if ((pid = fork()) == 0)
		child_run(c, fds[1], check);
	close(fds[1]);
	buf = malloc(ANSWER_BYTES);
	if (pid == -1 || buf == NULL || fcntl(fds[0], F_SETFL,
	    O_NONBLOCK) == -1) {
		r = failure_errno(&d->failure, "fork for", "%s",
		    c->script.path);
	} else if ((n = answer_read(d, fds[0], buf, ANSWER_BYTES)) == -1)
		r = -1;
	else
		r = verdict_read(d, v, buf, (size_t)n);
	close(fds[0]);
	free(buf);
	/* One that hangs is ended by its limits, and collected later on. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	return r;
}

int
filter_run(struct delivery *d, const struct envelope *env,
    const struct text *trace, uint64_t trace_lines, bool check,
    struct verdict *v)
{
	struct child c = { .d = d, .env = env, .trace = trace,
	    .trace_lines = trace_lines };
	const char *wrong;
	int r;

	v->kind = VERDICT_NONE;
	v->n = 0;
	free(d->rcpt->sieve);
	d->rcpt->sieve = NULL;
	if ((r = script_find(&c.script, d, &wrong)) == 0)
		return 0;
	if (r == -1 && wrong == NULL)
		failure_errno(&d->failure, "open", "%s", c.script.path);
	else if ((d->rcpt->sieve = strdup(c.script.path)) == NULL)
		r = failure_errno(&d->failure, "strdup", "script");
	else if (wrong != NULL)
		r = verdict_error(d, v, 0, wrong, "");
	else {
		v->kind = VERDICT_FILE;
		r = filter_ask(d, &c, check, v);
	}
	free(c.script.text);
	return r;
}

/*
 * What the client is told of a refusal: the script's own words, line by
 * line, or where it could not read them others.
 */
int
filter_refusal(struct rcpt *r, const char *text, bool utf8)
{
	char buf[LINES_MAX * REPLY_MAX];
	struct text t;
	const char *s;
	size_t len, shown, lines = 0;

	text_init(&t, buf, sizeof(buf));
	for (s = text; *s != '\0' && (*s & 0x80) == 0; s++)
		continue;
	if (*s != '\0' && !utf8)
		text = "";
	for (; *text != '\0' && lines < LINES_MAX; text += len) {
		len = strcspn(text, "\r\n");
		if (strspn(text, " \t") < len) {
			text_add(&t, lines++ > 0 ? "\n" : "", NULL);
			shown = len < REPLY_MAX - 12 ? len : REPLY_MAX - 12;
			/* A character is not cut in two. */
			while (shown < len && (text[shown] & 0xc0) == 0x80)
				shown--;
			text_escape(&t, text, shown, TEXT_LINE);
		}
		len += strspn(text + len, "\r\n");
	}
	if (lines == 0)
		text_add(&t, "The recipient refuses this message", NULL);
	if ((r->refusal_text = strdup(buf)) == NULL)
		return -1;
	r->refusal = (struct reply){ 550, "5.7.1", r->refusal_text };
	r->reply = &r->refusal;
	return 0;
}
