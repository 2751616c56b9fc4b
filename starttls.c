/*
 * What comes before TLS: says hello to an LMTP client, waits for STARTTLS,
 * and becomes the program that does TLS.  Whatever was read in clear goes
 * with this process, so that nobody can ever answer it in TLS.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "lmtpd.h"

#define COMMANDS_MAX	50	/* of a client that wants no TLS */

/* What a command leads to. */
enum next { NEXT_LINE, NEXT_END, NEXT_TLS };

static const struct reply ready = { 220, "2.0.0", "Ready to start TLS" };
/* Not RFC 3207's 530, for which Postfix and Exim bounce mail. */
static const struct reply tls_first = { 451, "4.7.0",
    "Must issue a STARTTLS command first" };
static const struct reply no_stranger = { 421, "4.7.0", "This is LMTP" };
static const struct reply long_line = { 421, "4.7.0", "Line too long" };
static const struct reply too_many = { 421, "4.7.0", "Too many commands" };

enum args { ARGS_NONE, ARGS_SOME, ARGS_ANY };

static const struct command {
	const char		*verb;
	const struct reply	*reply;	/* NULL: that of LHLO */
	enum args		 args;
	enum next		 next;
} commands[] = {
	{ "LHLO",	NULL,			ARGS_SOME,	NEXT_LINE },
	{ "STARTTLS",	&ready,			ARGS_NONE,	NEXT_TLS },
	{ "NOOP",	&reply_ok,		ARGS_ANY,	NEXT_LINE },
	{ "RSET",	&reply_ok,		ARGS_NONE,	NEXT_LINE },
	{ "QUIT",	&reply_closing,		ARGS_NONE,	NEXT_END },
	{ "EHLO",	&reply_say_lhlo,	ARGS_ANY,	NEXT_LINE },
	{ "HELO",	&reply_no_smtp,		ARGS_ANY,	NEXT_END },
};

static enum next
starttls_answer(struct client *c, const struct reply *r, enum next next)
{
	client_reply(c, r, NULL);
	return next;
}

static enum next
greet(struct client *c)
{
	client_say(c, "250-", NULL, c->cfg->host, NULL);
	client_say(c, "250-", NULL, "ENHANCEDSTATUSCODES", NULL);
	/* Before it starts TLS, Postfix returns mail for want of these. */
	client_say(c, "250-", NULL, "8BITMIME", NULL);
	client_say(c, "250-", NULL, "SMTPUTF8", NULL);
	client_say(c, "250 ", NULL, "STARTTLS", NULL);
	return NEXT_LINE;
}

static enum next
starttls_command(struct client *c, char *line, size_t len)
{
	const struct command *cmd;
	const char *args;

	if ((args = parse_command(line, len)) == NULL)
		return starttls_answer(c, &tls_first, NEXT_LINE);
	for (cmd = commands; cmd < commands + nitems(commands); cmd++)
		if (strcasecmp(cmd->verb, line) == 0)
			break;
	if (cmd == commands + nitems(commands))
		return starttls_answer(c, &tls_first, NEXT_LINE);
	if (cmd->args != ARGS_ANY &&
	    (cmd->args == ARGS_SOME) != (args[0] != '\0'))
		return starttls_answer(c, &reply_bad_args, NEXT_LINE);
	return cmd->reply == NULL ? greet(c) :
	    starttls_answer(c, cmd->reply, cmd->next);
}

/* The n-th line that the client says, counted from 1. */
static enum next
line_run(struct client *c, unsigned int n)
{
	char *line;
	size_t len;

	switch (client_line(c, &line, &len)) {
	case CLIENT_MORE:
		break;
	case CLIENT_TIMEOUT:
		return starttls_answer(c, &reply_timed_out, NEXT_END);
	case CLIENT_ENDING:
		return starttls_answer(c, &reply_told_to_end, NEXT_END);
	case CLIENT_GONE:
	case CLIENT_EOF:
		return NEXT_END;
	}
	if (len > COMMAND_MAX)
		return starttls_answer(c, &long_line, NEXT_END);
	if (n == 1 && line_is_foreign(line, len))
		return starttls_answer(c, &no_stranger, NEXT_END);
	if (n == COMMANDS_MAX)
		return starttls_answer(c, &too_many, NEXT_END);
	return starttls_command(c, line, len);
}

/* True if TLS is to begin. */
static bool
talk(struct client *c)
{
	enum next next = NEXT_LINE;
	const char *rest;
	unsigned int n;
	size_t left;

	client_say(c, "220 ", NULL, c->cfg->host, " LMTP", NULL);
	for (n = 1; next == NEXT_LINE; n++)
		next = line_run(c, n);
	client_flush(c);
	if (next != NEXT_TLS || client_over(c) != NULL)
		return false;
	/* No client sends it before it has heard 220. */
	if ((left = client_input(c, &rest)) > 0)
		log_warn(c->cfg, "%zu bytes behind STARTTLS are dropped: "
		    "they did not wait for TLS", left);
	return true;
}

/* Returns only if it cannot be. */
static void
become(const struct config *cfg, char **program)
{
	start_signals_default();
	execvp(program[0], program);
	log_warn(cfg, "cannot start %s: %s", program[0], strerror(errno));
}

/* Says it wherever somebody may read it. */
static int
starttls_refuse(const struct config *cfg, const char *why, int status)
{
	if (!cfg->log_stderr)
		log_stderr(cfg, why);
	log_warn(cfg, "%s", why);
	if (!isatty(STDOUT_FILENO))
		client_refuse(cfg, why);
	return status;
}

/* NULL, or what is wrong with the options. */
static const char *
starttls_options(struct config *cfg, int argc, char **argv)
{
	const char *error;
	int option;

	opterr = 0;
	/* What follows the program is the program's. */
	while ((option = getopt(argc, argv, "+H:t:")) != -1)
		switch (option) {
		case 'H':
			if (!host_is_safe(optarg))
				return "-H takes a host name of letters, "
				    "digits and . - _ : [ ]";
			cfg->host = optarg;
			break;
		case 't':
			cfg->timeout = (int)strtonum(optarg, 1, 86400, &error);
			if (error != NULL)
				return "-t takes a number from 1 to 86400";
			break;
		default:
			return "there is no such option, or it lacks its "
			    "argument; see starttls(8)";
		}
	return optind < argc ? NULL : "the program that does TLS is missing";
}

int
main(int argc, char *argv[])
{
	char node[256];
	struct config cfg = { .program = "starttls", .timeout = 300 };
	struct client client;
	struct log log;
	const char *wrong;
	bool shielded = false, go_on;

	if (start_descriptors(true, &shielded) == -1)
		return EX_OSERR;
	wrong = starttls_options(&cfg, argc, argv);
	cfg.pid = getpid();
	if (start_log(&log, &cfg, !shielded) == -1)
		return EX_OSERR;
	os_host(node, sizeof(node));
	if (cfg.host == NULL)
		cfg.host = node;
	if (start_signals() == -1)
		return starttls_refuse(&cfg, "cannot start: sigaction",
		    EX_OSERR);
	if (wrong != NULL)
		return starttls_refuse(&cfg, wrong, EX_USAGE);
	if (start_listens())
		return starttls_refuse(&cfg,
		    "standard input is a socket that listens: systemd's socket "
		    "unit wants Accept=yes, inetd nowait", EX_OSERR);
	os_shed();
	if (client_init(&client, &cfg) == -1)
		return starttls_refuse(&cfg, "cannot start: malloc",
		    EX_OSERR);
	go_on = talk(&client);
	client_free(&client);
	if (!go_on)
		return 0;
	become(&cfg, argv + optind);
	return EX_OSERR;
}
