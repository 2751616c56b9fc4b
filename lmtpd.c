/*
 * Options into a struct config; descriptors, signals and identity of the
 * process; -c and -V.
 */
#include <sys/stat.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lmtpd.h"

#define OPTIONS	":cd:eFfGH:k:m:op:Qq:r:S:s:T:t:U:u:Vvx:"

/* The options that are no configuration, and the first thing wrong. */
struct options {
	bool		 check;
	bool		 log_stderr;
	bool		 version;
	const char	*user;
	char		**environment;	/* that was inherited */
	int		 status;	/* to exit with, or 0 */
	char		 wrong[256];
};

/* Notes what is wrong; the first is the one to mend. */
static void __attribute__((__format__(printf, 2, 3)))
options_wrong(struct options *o, const char *fmt, ...)
{
	va_list ap;

	if (o->status != 0)
		return;
	o->status = EX_USAGE;
	va_start(ap, fmt);
	vsnprintf(o->wrong, sizeof(o->wrong), fmt, ap);
	va_end(ap);
}

/* The same for what the system failed. */
static void
cannot_start(struct options *o, const char *call)
{
	if (o->status != 0)
		return;
	options_wrong(o, "cannot start: %s: %s", call, strerror(errno));
	o->status = EX_OSERR;
}

static const struct format *const formats[] = {
	&mbox_format,
	&maildir_format,
#ifdef FORMAT_OF_TESTS	/* tests/null.c */
	&FORMAT_OF_TESTS,
#endif
};

static void
set_mailbox(struct options *o, struct config *cfg, const char *arg)
{
	size_t i, len = strcspn(arg, ":");

	for (i = 0; arg[len] == ':' && i < nitems(formats); i++)
		if (word_is(arg, len, formats[i]->name)) {
			cfg->format = formats[i];
			cfg->template = arg + len + 1;
			return;
		}
	options_wrong(o, "-d takes mbox:TEMPLATE or maildir:TEMPLATE, "
	    "not %s", arg);
}

static void
set_host(struct options *o, struct config *cfg, const char *arg)
{
	if (!host_is_safe(arg))
		options_wrong(o, "-H takes a host name of at most %d letters, "
		    "digits and . - _ : [ ], not \"%s\"", HOST_BYTES, arg);
	cfg->host = arg;
}

/* The inherited "NAME=value" of that name, or NULL. */
static char *
find_variable(char **environment, const char *name)
{
	size_t n = strlen(name);

	for (; *environment != NULL; environment++)
		if (strncmp(*environment, name, n) == 0 &&
		    (*environment)[n] == '=')
			return *environment;
	return NULL;
}

/* Of what -p's variable says only an address is believed. */
static void
set_peer(const struct options *o, struct config *cfg, const char *name)
{
	const char *value = find_variable(o->environment, name);
	struct in6_addr any;

	if (value != NULL)
		value += strlen(name) + 1;

	if (value != NULL && (inet_pton(AF_INET, value, &any) == 1 ||
	    inet_pton(AF_INET6, value, &any) == 1))
		cfg->peer = value;
}

/* The number that an option takes, from 1 to max. */
static long long
option_number(struct options *o, int option, const char *arg, long long max)
{
	const char *error;
	long long n = strtonum(arg, 1, max, &error);

	if (error != NULL)
		options_wrong(o, "-%c takes a number from 1 to %lld: %s is %s",
		    option, max, arg, error);
	return n;
}

/* An option that takes no argument. */
static void
set_flag(struct options *o, struct config *cfg, int option)
{
	switch (option) {
	case 'c':
		o->check = true;
		break;
	case 'e':
		o->log_stderr = true;
		break;
	case 'F':
		cfg->folders = cfg->makes_folders = true;
		break;
	case 'f':
		cfg->folders = true;
		break;
	case 'G':
		cfg->greeted = true;
		break;
	case 'o':
		cfg->once = true;
		break;
	case 'Q':
		cfg->full_is_permanent = true;
		break;
	case 'V':
		o->version = true;
		break;
	case 'v':
		cfg->verbose = true;
		break;
	}
}

/* One that takes an argument. */
static void
set_option(struct options *o, struct config *cfg, int option, char *arg)
{
	const char *error;

	switch (option) {
	case 'd':
		set_mailbox(o, cfg, arg);
		break;
	case 'H':
		set_host(o, cfg, arg);
		break;
	case 'k':
		if (parse_locks(arg, cfg->locks, &cfg->nlocks) == -1)
			options_wrong(o, "-k takes a list of fcntl, flock, "
			    "dotlock, each once, not \"%s\"", arg);
		break;
	case 'm':
		cfg->maxrcpt = (size_t)option_number(o, option, arg, 1000000);
		break;
	case 'p':
		set_peer(o, cfg, arg);
		break;
	case 'q':
		cfg->has_quota = true;
		if (parse_quota(arg, &cfg->quota) == -1)
			options_wrong(o, "-q takes BYTES[KMGT][,MESSAGES], not "
			    "\"%s\"", arg);
		break;
	case 'r':
		cfg->delimiters = arg;
		break;
	case 'S':
		cfg->scripts = arg;
		break;
	case 's':
		if (parse_size(arg, true, &cfg->maxsize) == -1)
			options_wrong(o, "-s takes a size such as 50M, not "
			    "\"%s\"", arg);
		break;
	case 'T':
		if (arg[0] != '/')
			options_wrong(o, "-T takes an absolute path, not "
			    "\"%s\"", arg);
		cfg->spool = arg;
		break;
	case 't':
		cfg->timeout = (int)option_number(o, option, arg, 86400);
		break;
	case 'U':
		if ((error = user_source(arg, cfg)) != NULL)
			options_wrong(o, "%s, not \"%s\"", error, arg);
		break;
	case 'u':
		o->user = arg;
		break;
	case 'x':
		if (parse_trace(arg, &cfg->trace) == -1)
			options_wrong(o, "-x takes none, or a list of "
			    "return-path, delivered-to, received, not \"%s\"",
			    arg);
		break;
	}
}

/* Each path of -S is a template of its own. */
static void
check_scripts(struct options *o, const struct config *cfg)
{
	char template[PATH_MAX];
	const char *s = cfg->scripts, *error;
	struct text t;
	size_t len;

	if (cfg->format->find_folder == NULL)
		options_wrong(o, "-S is for mailboxes with folders, and %s "
		    "has none", cfg->format->name);
	for (; s != NULL; s = s[len] == ':' ? s + len + 1 : NULL) {
		len = strcspn(s, ":");
		text_init(&t, template, sizeof(template));
		text_bytes(&t, s, len);
		if ((error = template_check(template,
		    cfg->users->has_home)) != NULL)
			options_wrong(o, "-S: %s: \"%s\"", error, template);
	}
}

/* Reads on after a mistake: -c and -e decide who is told of it. */
static void
read_options(struct options *o, struct config *cfg, int argc, char **argv)
{
	static const struct option none = { .name = NULL };
	const char *error;
	int option;

	opterr = 0;
	(void)user_source("passwd", cfg);
	/* Options behind operands are options, with musl's getopt(3) too. */
	while ((option = getopt_long(argc, argv, OPTIONS, &none,
	    NULL)) != -1) {
		if (option == ':')
			options_wrong(o, "-%c wants an argument", optopt);
		else if (option == '?' && optopt == 0)
			options_wrong(o, "there is no option %s; see lmtpd(8)",
			    argv[optind - 1]);
		else if (option == '?')
			options_wrong(o, "there is no option -%c; see lmtpd(8)",
			    optopt);
		set_flag(o, cfg, option);
		set_option(o, cfg, option, optarg);
	}
	if ((error = template_check(cfg->template,
	    cfg->users->has_home)) == NULL &&
	    cfg->format->check_template != NULL)
		error = cfg->format->check_template(cfg->template);
	if (error != NULL)
		options_wrong(o, "-d: %s: \"%s\"", error, cfg->template);
	if (cfg->scripts != NULL)
		check_scripts(o, cfg);
	if (o->check && optind == argc)
		options_wrong(o, "-c wants an address");
	if (!o->check && optind < argc)
		options_wrong(o, "\"%s\" is no option, and there are operands "
		    "only with -c", argv[optind]);
}

/*
 * The process: nothing that it inherits is trusted.
 */

/*
 * A zone's name or rule, but no path of a file that somebody chose.  POSIX
 * has a colon before what is the system's own, and for glibc that is a name.
 */
static bool
zone_is_safe(const char *zone)
{
	size_t n;

	if (zone[0] == ':')
		zone++;
	n = strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789_-+/,.<>:");

	return n < 64 && zone[n] == '\0' && zone[0] != '/' &&
	    zone[0] != ':' && strstr(zone, "..") == NULL;
}

/* The environment from here on: the zone of From_ lines, or nothing. */
static void
keep_zone(char *kept[2])
{
	char *zone = find_variable(environ, "TZ");

	if (zone != NULL && zone_is_safe(zone + strlen("TZ=")))
		kept[0] = zone;
	environ = kept;
}

static void
set_process(struct options *o)
{
	umask(077);
	os_close_from(STDERR_FILENO + 1);
	if (chdir("/") == -1)
		cannot_start(o, "chdir /");
	/* -c may be interrupted as any other program. */
	if (!o->check && start_signals() == -1)
		cannot_start(o, "sigaction");
}

/*
 * Our own ids.  Borrowed ones, as with set-user-ID, are refused: who starts
 * such a program chooses its options, and could write where another may.
 */
static void
find_identity(struct options *o, struct config *cfg)
{
	uid_t ruid, suid;
	gid_t rgid = 0, sgid = 0;

	/* Root's do not count: sendmail leaves us a group of its own. */
	if (getresuid(&ruid, &cfg->uid, &suid) == -1 || (cfg->uid != 0 &&
	    getresgid(&rgid, &cfg->gid, &sgid) == -1))
		cannot_start(o, "getresuid and getresgid");
	else if (ruid != cfg->uid || suid != cfg->uid || rgid != cfg->gid ||
	    sgid != cfg->gid)
		options_wrong(o, "lmtpd must not be set-user-ID or "
		    "set-group-ID");
}

/* Who we are from here on. */
static void
set_identity(struct options *o, struct config *cfg)
{
	char *name = NULL;
	uid_t uid;
	gid_t gid;
	bool root;
	int r;

	find_identity(o, cfg);
	if (o->status != 0)
		return;
	uid = cfg->uid;
	gid = cfg->gid;
	root = uid == 0;
	cfg->each_as_itself = root && o->user == NULL;
	if (cfg->each_as_itself && identity_drop_groups() == -1)
		cannot_start(o, "setgroups and setresgid");
	if (o->user == NULL)
		return;
	cfg->one_user = true;
	r = account_option(o->user, cfg, &name);
	if (r == -1)
		cannot_start(o, "look-up of -u");
	else if (r == 0)
		options_wrong(o, "-u: there is no user or group %s; a number "
		    "that passwd does not know wants a group", o->user);
	else if (root && identity_become(name, cfg->uid, cfg->gid) == -1)
		cannot_start(o, "setgroups and setresuid");
	else if (!root && (cfg->uid != uid ||
	    (strchr(o->user, ':') != NULL && cfg->gid != gid)))
		options_wrong(o, "only root can deliver as %s", o->user);
	free(name);
	if (!root)
		cfg->gid = gid;
}

/* Says what is wrong wherever somebody may read it. */
static int
refuse(const struct options *o, const struct config *cfg)
{
	if (!cfg->log_stderr)
		log_stderr(cfg, o->wrong);
	log_warn(cfg, "%s", o->wrong);
	if (!o->check && !isatty(STDOUT_FILENO))
		client_refuse(cfg, o->wrong);
	return o->status;
}

/*
 * -c: the code that delivers says what it would do.
 */
static int
find_and_check(struct deliverer *dv, const char *address, struct rcpt *r,
    struct usage *u, struct failure *f)
{
	char line[COMMAND_MAX + 2];
	bool bare = address[0] != '<';
	const char *s;
	struct address a;
	struct text t;

	text_init(&t, line, sizeof(line));
	text_add(&t, "RCPT TO:", bare ? "<" : "", address, bare ? ">" : "",
	    NULL);
	if (t.len > COMMAND_MAX)
		return failure_set(f, &reply_long_line, "address too long");
	if ((s = parse_command(line, t.len)) == NULL)
		return failure_set(f, &reply_bad_line, "control character");
	s += strlen("TO:");
	if (parse_forward_path(&s, &a) == -1 || *s != '\0')
		return failure_set(f, &reply_malformed, "malformed address");
	identity_resume(dv->cred);
	if (user_find(dv->cfg, &a, &r->mailbox, f) == -1)
		return -1;
	return deliver_check(dv, r, u, f);
}

/*
 * Returns what to exit with.  It is written without a stream of stdio's, for
 * which each start would pay.
 */
static int
check(struct deliverer *dv, const char *address)
{
	const struct config *cfg = dv->cfg;
	const struct reply *reply;
	struct failure f = { .reply = NULL };
	char clean[COMMAND_MAX], outcome[REPLY_MAX] = "ok", usage[96];
	struct usage u;
	struct text t;
	struct rcpt r;
	bool good;
	int n;

	/* A tab or a newline in it would be taken for the end of a field. */
	text_init(&t, clean, sizeof(clean));
	text_escape(&t, address, strlen(address), TEXT_LINE);
	memset(&r, 0, sizeof(r));
	memset(&u, 0, sizeof(u));
	good = find_and_check(dv, address, &r, &u, &f) == 0;
	if (!good) {
		reply = failure_reply(&f, cfg);
		text_init(&t, outcome, sizeof(outcome));
		text_digits(&t, (uint64_t)reply->code, 10, 3);
		text_add(&t, " ", reply->esc, " ", reply->text, NULL);
		log_warn(cfg, "%s: %s", address, f.reason);
	}
	text_init(&t, usage, sizeof(usage));
	usage_text(&t, &u);
	if (r.mailbox.path == NULL)
		n = dprintf(STDOUT_FILENO, "%s\t%s\t-\t-\t-\n", clean,
		    outcome);
	else
		n = dprintf(STDOUT_FILENO, "%s\t%s\t%s:%s\t%ld:%ld\t%s%s%s\n",
		    clean, outcome, cfg->format->name, r.mailbox.path,
		    (long)r.mailbox.id.uid, (long)r.mailbox.id.gid, usage,
		    cfg->scripts == NULL ? "" : "\tsieve:",
		    cfg->scripts == NULL ? "" :
		    r.sieve == NULL ? "-" : r.sieve);
	mailbox_free(&r.mailbox);
	free(r.sieve);
	return n < 0 ? EX_OSERR : good ? 0 : 1;
}

static int
check_all(const struct config *cfg, char **addresses)
{
	struct credentials cred = { .cfg = cfg };
	struct watch watch = { .pause = client_none };
	struct deliverer dv;
	int one, status = 0;

	if (deliver_init(&dv, cfg, &cred, &watch) == -1) {
		log_warn(cfg, "malloc and getentropy: %s", strerror(errno));
		status = EX_OSERR;
	}
	/* Deliveries would show that only when a large message comes. */
	if (os_access(AT_FDCWD, cfg->spool, W_OK | X_OK) == -1)
		failure_log(cfg, "-T: access", "%s", cfg->spool);
	for (; status != EX_OSERR && *addresses != NULL; addresses++)
		if ((one = check(&dv, *addresses)) != 0)
			status = one;
	deliver_free(&dv);
	return status;
}

/* As whom the process goes on, and what only that one can find out. */
static void
settle(struct options *o, struct config *cfg)
{
	if (!o->check && start_listens()) {
		options_wrong(o, "standard input is a socket that listens: "
		    "systemd's socket unit wants Accept=yes, inetd nowait");
		o->status = EX_OSERR;
	}
	if (o->status == 0)
		set_identity(o, cfg);
	if (cfg->each_as_itself && cfg->users->root_wants_u)
		options_wrong(o, "-U %s as root wants -u", cfg->users->name);
	if (o->status == 0 && cfg->format->settle != NULL &&
	    cfg->format->settle(cfg) == -1)
		cannot_start(o, "strdup");
}

int
main(int argc, char *argv[])
{
	char *kept[2] = { NULL };
	struct options o = { .environment = environ };
	struct config cfg = {
		.program = "lmtpd",
		.template = "/var/mail/%n",
		.format = &mbox_format,
		.delimiters = "+",
		.spool = "/var/tmp",
		.locks = { LOCK_FCNTL, LOCK_DOTLOCK },
		.nlocks = 2,
		.trace = TRACE_RETURN_PATH | TRACE_DELIVERED_TO |
		    TRACE_RECEIVED,
		.maxrcpt = 1000,
		.timeout = 300
	};
	char node[256];
	bool shielded = false;
	struct log log;

	keep_zone(kept);
	read_options(&o, &cfg, argc, argv);
	if (start_descriptors(!o.check && !o.version, &shielded) == -1)
		cannot_start(&o, "open /dev/null");
	if (o.version && o.status == 0)
		return dprintf(STDOUT_FILENO, "lmtpd %s\n", VERSION) < 0 ?
		    EX_OSERR : 0;
	cfg.log_stderr = (o.log_stderr || o.check) && !shielded;
	set_process(&o);
	cfg.pid = getpid();
	if (start_log(&log, &cfg, !shielded) == -1 && !o.check)
		cannot_start(&o, "open /dev/null");
	if (o.log_stderr && shielded)
		log_warn(&cfg, "-e: standard error is the client's");
	os_host(node, sizeof(node));
	cfg.node = node;
	if (cfg.host == NULL)
		cfg.host = node;
	settle(&o, &cfg);
	if (o.status == 0) {
		confine(&cfg);
		if (o.check)
			return check_all(&cfg, argv + optind);
		if (session_run(&cfg) == 0)
			return 0;
		cannot_start(&o, "malloc and getentropy");
	}
	return refuse(&o, &cfg);
}
