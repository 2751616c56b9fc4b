/*
 * A recipient's own script, run for one message by a child that can do
 * nothing but think: it has become the recipient for good, has no descriptor
 * but a pipe, and from the moment that it looks at the message it may make no
 * system call but a few.  What it says is read as a stranger's word.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd.h"
#include "sieve/sieve.h"

#define SCRIPT_BYTES	65536	/* of a script that is read */
#define CHILD_MS	2000	/* for the child to answer */
#define PIPE_MS		100	/* a pipe may be too small for the answer */
#define ERROR_BYTES	1024	/* of what is said to be wrong */
#define LINES_MAX	8	/* of a refusal */
#define ROOM_BYTES	65536	/* more than most scripts want */

/* Of an answer: one thing that the child says, and len bytes of text. */
struct record {
	enum { RECORD_KEEP, RECORD_FILE, RECORD_REFUSE, RECORD_ERROR,
	    RECORD_TROUBLE } kind;
	unsigned char	 create;	/* a bool, but for a stranger's byte */
	unsigned int	 line;		/* of a trouble errno */
	char		 flags[sizeof(((struct filing *)0)->flags)];
	size_t		 len;		/* the text's NUL is counted */
};

/*
 * What the child writes, all at once.  There is a folder for each action, or
 * one longer text.
 */
struct answer {
	size_t	 len;		/* of the records */
	char	 records[SIEVE_ACTIONS *
		    (sizeof(struct record) + SIEVE_FOLDER)];
};

#define ANSWER_HEAD	offsetof(struct answer, records)

/* A refusal, an error or a trouble is alone in its answer. */
_Static_assert(SIEVE_ACTIONS * SIEVE_FOLDER >= SIEVE_REASON &&
    SIEVE_ACTIONS * SIEVE_FOLDER >= ERROR_BYTES &&
    SIEVE_ACTIONS * SIEVE_FOLDER >= PATH_MAX, "too long for an answer");

/*
 * The script.
 */
struct script {
	char	 path[PATH_MAX];
	int	 fd;
	size_t	 size;
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

/*
 * Opens the script at s->path, as whom we are.  1; 0 if there is none; -1
 * and errno, or *wrong if it may not be run.
 */
static int
script_open(struct script *s, uid_t uid, const char **wrong)
{
	struct stat st;
	int save;

	*wrong = NULL;
	s->fd = open(s->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (s->fd == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	if (fstat(s->fd, &st) == 0 &&
	    (*wrong = script_wrong(&st, uid)) == NULL) {
		s->size = (size_t)st.st_size;
		return 1;
	}
	save = errno;
	close(s->fd);
	s->fd = -1;
	errno = save;
	return -1;
}

/* The first of the recipient's that exists.  As script_open. */
static int
script_find(struct script *s, const struct delivery *d, const char **wrong)
{
	const char *p = d->rcpt->mailbox.scripts;
	struct text t;
	size_t len;
	char first;
	int r = 0;

	for (; r == 0 && p != NULL; p = p[len] == ':' ? p + len + 1 : NULL) {
		len = strcspn(p, ":");
		text_init(&t, s->path, sizeof(s->path));
		text_bytes(&t, p, len);
		r = script_open(s, d->id.uid, wrong);
	}
	/* A disk that sleeps awakes now, and not in the child's two seconds. */
	if (r == 1 && pread(s->fd, &first, 1, 0) == -1)
		return -1;
	return r;
}

/*
 * The child.
 */

/* What it is asked. */
struct question {
	const struct delivery	*d;
	const struct envelope	*env;
	const struct text	*trace;
	uint64_t		 trace_lines;
	bool			 check;		/* compile it only */
	struct timespec		 now;
	struct script		 script;
};

/* In pages of its own, as each of ours would be copied when it writes there. */
struct child {
	const struct question	*q;
	struct sieve_room	 room;
	char			 address[sizeof(((struct envelope *)0)->peer)];
	struct answer		 answer;
	struct sieve_result	 result;
	char			 directory[PATH_MAX];	/* or "" */
	alignas(max_align_t) char memory[ROOM_BYTES];
};

/* Memory for as long as it lives.  NULL: there is none. */
static char *
child_take(struct child *c, size_t size)
{
	size_t n = (size + alignof(max_align_t) - 1) &
	    ~(alignof(max_align_t) - 1);
	char *p = c->room.at;

	if (n > c->room.left)
		return malloc(size);
	c->room.at += n;
	c->room.left -= n;
	return p;
}

static void
child_say(struct child *c, struct record *r, const char *text)
{
	char *out = c->answer.records + c->answer.len;

	r->len = strlen(text) + 1;
	memcpy(out, r, sizeof(*r));
	memcpy(out + sizeof(*r), text, r->len);
	c->answer.len += sizeof(*r) + r->len;
}

static void
child_exit(const struct child *c)
{
	(void)os_write(STDIN_FILENO, &c->answer, ANSWER_HEAD + c->answer.len,
	    NULL);
	_exit(0);
}

static void
child_fail(struct child *c, const struct sieve_error *e)
{
	struct record r = { .kind = RECORD_ERROR };
	char buf[ERROR_BYTES];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	if (e->script[0] != '\0')
		text_add(&t, c->directory, "/", e->script, ".sieve", NULL);
	else
		text_add(&t, c->q->script.path, NULL);
	text_add(&t, ":", NULL);
	text_number(&t, e->line);
	if (e->column > 0) {
		text_add(&t, ":", NULL);
		text_number(&t, e->column);
	}
	text_add(&t, ": error: ", e->text, NULL);
	child_say(c, &r, buf);
}

/* A disk that fails is no answer, and no error of the script's: errno. */
static void
child_give_up(struct child *c, const char *call, const char *path)
{
	struct record r = { .kind = RECORD_TROUBLE,
	    .line = (unsigned int)errno };
	char buf[PATH_MAX];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_add(&t, call, " ", path, ": ", strerror(errno), NULL);
	child_say(c, &r, buf);
	child_exit(c);
}

/* Where the script is, when all links are followed. */
static void
child_find_directory(struct child *c)
{
	const char *path = c->q->script.path;
	char *slash;

	if (realpath(path, c->directory) == NULL)
		strlcpy(c->directory, path, sizeof(c->directory));
	if ((slash = strrchr(c->directory, '/')) != NULL)
		*slash = '\0';
}

/* The text of a script, which is open as fd. */
static const char *
child_read(struct child *c, const struct script *s, int fd, size_t *len)
{
	char *text = child_take(c, s->size);
	ssize_t n = 1;

	for (*len = 0; n > 0 && *len < s->size; *len += (size_t)n) {
		n = text == NULL ? -1 : read(fd, text + *len,
		    s->size - *len);
		if (n == -1)
			child_give_up(c, "read", s->path);
	}
	close(fd);
	return text;
}

/* A script that another one includes, from the directory of the first. */
static const char *
child_include(void *arg, const char *name, size_t *len)
{
	struct child *c = arg;
	struct script s;
	const char *wrong;
	struct text t;
	int r;

	if (!name_is_safe(name))
		return NULL;
	if (c->directory[0] == '\0')
		child_find_directory(c);
	text_init(&t, s.path, sizeof(s.path));
	text_add(&t, c->directory, "/", name, ".sieve", NULL);
	r = script_open(&s, c->q->d->id.uid, &wrong);
	if (r == -1 && wrong == NULL)
		child_give_up(c, "open", s.path);
	return r == 1 ? child_read(c, &s, s.fd, len) : NULL;
}

static bool
child_has_folder(void *arg, const char *name)
{
	struct child *c = arg;
	const struct delivery *d = c->q->d;
	char folder[FOLDER_BYTES];
	int r;

	r = d->cfg->format->find_folder(d->rcpt->mailbox.path, name, folder);
	if (r == -1 && errno != EINVAL)
		child_give_up(c, "stat a folder of", d->rcpt->mailbox.path);
	return r == 1;
}

/* The client's address, which Received has in brackets; NULL for none. */
static const char *
child_address(struct child *c)
{
	const char *peer = c->q->env->peer;

	if (peer[0] == '\0')
		return NULL;
	peer += strncmp(peer, "[IPv6:", 6) == 0 ? 6 : 1;
	strlcpy(c->address, peer, sizeof(c->address));
	c->address[strcspn(c->address, "]")] = '\0';
	return c->address;
}

/* Minutes that local time is ahead of UTC. */
static int
zone_minutes(time_t now)
{
	struct tm tm;

	return localtime_r(&now, &tm) == NULL ? 0 : (int)(tm.tm_gmtoff / 60);
}

/* The message as it will be stored, or as much as there is in memory. */
static void
child_view(struct child *c, const struct sieve_program *p,
    struct sieve_view *v)
{
	const struct question *q = c->q;
	const struct message *m = q->d->message;
	const struct config *cfg = q->d->cfg;
	struct filter filter = {
		.return_path = (cfg->trace & TRACE_RETURN_PATH) != 0,
		.begun = q->trace->len == 0
	};
	size_t size = q->trace->len + m->len + FILTER_AHEAD;
	char *buf = child_take(c, size);

	v->message = buf;
	if (buf == NULL)
		return;
	v->len = message_view(m, &filter, q->trace, buf, size);
	/* Every LF is to be counted as the CRLF that it was. */
	v->size = q->trace->len + q->trace_lines + m->size - filter.dropped +
	    filter.quoted + filter.blanks + m->data.bare_lfs -
	    filter.dropped_lfs;
	v->sender = q->env->sender;
	v->recipient = q->d->rcpt->address;
	v->delimiters = cfg->delimiters;
	v->host = cfg->host;
	v->remote_ip = child_address(c);
	v->remote_host = q->env->lhlo;
	v->version = VERSION;
	v->now = q->now;
	/* To know it is to read a file. */
	v->zone = sieve_wants_zone(p) ? zone_minutes(v->now.tv_sec) : 0;
	v->has_folder = child_has_folder;
	v->arg = c;
}

static void
child_answer(struct child *c)
{
	const struct sieve_result *result = &c->result;
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
			text = result->reason;
			break;
		}
		child_say(c, &r, text);
	}
}

/* Does not return: the child ends here. */
static void
child_run(const struct question *q, int fd)
{
	struct child *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANON, -1, 0);
	const struct sieve_library library = { child_include, c };
	struct sieve_program *p;
	struct sieve_error e;
	struct sieve_view v;
	const char *text;
	size_t len;

	/* Two descriptors, of which the script's goes when it is read. */
	if (c == MAP_FAILED || identity_shed(q->d->cred, &q->d->id) == -1 ||
	    dup2(fd, STDIN_FILENO) == -1 ||
	    dup2(q->script.fd, STDOUT_FILENO) == -1)
		_exit(1);
	os_close_from(STDOUT_FILENO + 1);
	confine_limits();
	c->q = q;
	c->room.at = c->memory;
	/* A sanitizer sees what goes past the end of what malloc gives. */
	c->room.left = SANITIZED ? 0 : sizeof(c->memory);
	text = child_read(c, &q->script, STDOUT_FILENO, &len);
	p = sieve_compile(text, len, &library, &c->room, &e);
	if (p == NULL)
		child_fail(c, &e);
	else if (!q->check) {
		child_view(c, p, &v);
		confine_child();
		if (v.message == NULL)
			_exit(1);
		sieve_run(p, &v, &c->result);
		if (c->result.failed)
			child_fail(c, &c->result.error);
		else
			child_answer(c);
	}
	child_exit(c);
}

/*
 * The parent.
 */

static bool
answer_is_whole(const struct answer *a, size_t have)
{
	return have >= ANSWER_HEAD && have - ANSWER_HEAD == a->len;
}

/*
 * Waits for the answer, two seconds at most, and for the child's end, before
 * which each page that we write to would be copied.  1; 0 if no answer comes,
 * or what is none; -1 and d's failure.
 */
static int
answer_read(struct delivery *d, int fd, struct answer *a)
{
	char *buf = (char *)a;
	struct timespec begun;
	const char *over;
	size_t have = 0;
	long left = CHILD_MS;
	ssize_t n = 1;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (n != 0 && left > 0 && !answer_is_whole(a, have)) {
		over = d->watch->pause(d->watch->arg, fd,
		    1000 * (left < PIPE_MS ? left : PIPE_MS));
		if (over != NULL)
			return failure_set(&d->failure, &reply_trouble, "%s",
			    over);
		n = read(fd, buf + have, sizeof(*a) - have);
		if (n > 0)
			have += (size_t)n;
		else if (n == -1 && errno != EAGAIN && errno != EINTR)
			break;
		left = CHILD_MS - (long)os_ms_since(&begun);
	}
	return answer_is_whole(a, have);
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
		text_number(&t, line);
	}
	text_add(&t, ": error: ", what, name, NULL);
	free(d->rcpt->sieve);
	d->rcpt->sieve = strdup(buf);
	return 0;
}

static int
verdict_nonsense(const struct delivery *d, struct verdict *v)
{
	return verdict_error(d, v, 0, "its child says nonsense", "");
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
	if (r->kind == RECORD_TROUBLE) {
		failure_set(&d->failure, &reply_trouble, "%s", text);
		/* Groups that are lacking may help. */
		d->failure.err = (int)r->line;
		return -1;
	}
	if (r->kind == RECORD_REFUSE) {
		v->kind = VERDICT_REFUSE;
		strlcpy(v->text, text, sizeof(v->text));
		return 0;
	}
	if (!flags_are_good(r->flags, sizeof(r->flags)) || v->n == FILINGS)
		return verdict_nonsense(d, v);
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
verdict_read(struct delivery *d, struct verdict *v, const struct answer *a)
{
	const char *text, *p = a->records;
	size_t left = a->len;
	struct record r;

	while (v->kind != VERDICT_ERROR && left > 0) {
		if (left < sizeof(r))
			return verdict_nonsense(d, v);
		memcpy(&r, p, sizeof(r));
		text = p + sizeof(r);
		left -= sizeof(r);
		if ((unsigned int)r.kind > RECORD_TROUBLE || r.len > left ||
		    memchr(text, '\0', r.len) != text + r.len - 1)
			return verdict_nonsense(d, v);
		p = text + r.len;
		left -= r.len;
		if (verdict_take(d, v, &r, text) == -1)
			return -1;
	}
	return 0;
}

/*
 * Not inline, so that the answer is not yet on the stack when a child is made,
 * which gets a copy of what is there.
 */
static __attribute__((__noinline__)) int
filter_heed(struct delivery *d, int fd, struct verdict *v)
{
	struct answer a;
	int r;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		return failure_errno(&d->failure, "fcntl for", "%s",
		    d->rcpt->sieve);
	if ((r = answer_read(d, fd, &a)) == 0)
		return verdict_error(d, v, 0,
		    "its child died or took too long", "");
	return r == -1 ? -1 : verdict_read(d, v, &a);
}

static int
filter_ask(struct delivery *d, struct question *q, struct verdict *v)
{
	pid_t pid;
	int fds[2], r;

	clock_gettime(CLOCK_REALTIME, &q->now);
	if (pipe2(fds, O_CLOEXEC) == -1)
		return failure_errno(&d->failure, "pipe2 for", "%s",
		    q->script.path);
	if ((pid = os_fork()) == 0)
		child_run(q, fds[1]);
	close(fds[1]);
	r = pid == -1 ? failure_errno(&d->failure, "fork for", "%s",
	    q->script.path) : filter_heed(d, fds[0], v);
	close(fds[0]);
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
	struct question q;
	const char *wrong;
	int r;

	q.d = d;
	q.env = env;
	q.trace = trace;
	q.trace_lines = trace_lines;
	q.check = check;
	v->kind = VERDICT_NONE;
	v->n = 0;
	free(d->rcpt->sieve);
	d->rcpt->sieve = NULL;
	if ((r = script_find(&q.script, d, &wrong)) == 0)
		return 0;
	if (r == -1 && wrong == NULL)
		failure_errno(&d->failure, "open", "%s", q.script.path);
	else if ((d->rcpt->sieve = strdup(q.script.path)) == NULL)
		r = failure_errno(&d->failure, "strdup", "script");
	else if (wrong != NULL)
		r = verdict_error(d, v, 0, wrong, "");
	else {
		v->kind = VERDICT_FILE;
		r = filter_ask(d, &q, v);
	}
	if (q.script.fd != -1)
		close(q.script.fd);
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
			shown = text_cut(text, REPLY_MAX - 12);
			if (shown > len)
				shown = len;
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
