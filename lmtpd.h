/*
 * lmtpd: one-shot LMTP delivery.  The types and prototypes, a section a
 * file.  A function that fails returns -1, with errno, or with the reason in
 * a struct failure if it was given one.  A size counts the bytes of a buffer
 * and a len those of what is in it; a buffer that is given as an array has
 * room for all that may come.
 */
#ifndef LMTPD_H
#define LMTPD_H

#include <sys/types.h>

#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define nitems(a)	(sizeof((a)) / sizeof((a)[0]))

/* Is this built with a sanitizer that looks for leaks? */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED	true
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED	true
#endif
#ifndef SANITIZED
#define SANITIZED	false
#endif

#define COMMAND_MAX	2048	/* bytes in a command line, its end aside */
#define REPLY_MAX	254	/* with CRLF: Exim's buffer */
#define NAME_BYTES	200	/* of a user's name or a domain in a path */
#define COMPONENT_BYTES	255	/* of a file name: NAME_MAX of every system */
#define FOLDER_BYTES	250	/* of a folder name, and its NUL */
#define HOST_BYTES	100	/* of a host's name */
#define ORCPT_SIZE	512	/* RFC 3461: at most 500 bytes, and its NUL */
#define ID_SIZE		48	/* a delivery's id, with its NUL */

struct dotlock;
struct failure;
struct format;
struct passwd;
struct stat;
struct log;
struct source;

/* What a client is told; esc is NULL where no enhanced code belongs. */
struct reply {
	int		 code;
	const char	*esc;
	const char	*text;
};

/* Limits of a mailbox, or what is in one; as a limit, 0 is none. */
struct quota {
	uint64_t	 bytes;
	uint64_t	 messages;
};

enum lock { LOCK_FCNTL, LOCK_FLOCK, LOCK_DOTLOCK };

#define TRACE_RETURN_PATH	0x1u
#define TRACE_DELIVERED_TO	0x2u
#define TRACE_RECEIVED		0x4u

/* What the options said; constant once the dialogue begins. */
struct config {
	const char	*program;	/* its name, in the log */
	const char	*host;		/* -H: in replies, Received, names */
	const char	*node;		/* the machine's own name, and */
	char		 instance[64];	/* os_instance: both for dotlocks */
	const char	*template;	/* of mailboxes: -d without format */
	const char	*users_path;	/* of -U file: a template with %d */
	const char	*delimiters;	/* before a detail: -r */
	const char	*spool;		/* a directory: -T */
	const char	*scripts;	/* templates, colons between; or NULL */
	const char	*peer;		/* the client's address (-p) or NULL */
	struct log	*log;
	const struct format *format;	/* of mailboxes */
	const struct source *users;	/* of -U, a row of user.c */
	enum lock	 locks[3];	/* in the order of -k */
	size_t		 nlocks;	/* of those: at least one */
	unsigned int	 trace;		/* TRACE_ bits */
	size_t		 maxrcpt;	/* in a transaction */
	uint64_t	 maxsize;	/* bytes, 0 for no limit */
	struct quota	 quota;		/* if has_quota */
	bool		 has_quota;
	bool		 full_is_permanent;	/* -Q */
	bool		 log_stderr;	/* not syslog: -e, where that can be */
	bool		 folders;	/* -f: the detail may be a folder's */
	bool		 makes_folders;	/* -F */
	bool		 once;		/* -o: one copy a mailbox */
	bool		 greeted;	/* -G: the client was, before TLS */
	bool		 verbose;	/* -v */
	bool		 each_as_itself;	/* root becomes each user */
	/*
	 * What a recipient is lent for the directory of all mailboxes: its
	 * group, or that root makes the files there.  See mbox_settle.
	 */
	enum { LEND_NONE, LEND_GROUP, LEND_ROOT } root_lends;
	gid_t		 lent_gid;	/* of LEND_GROUP */
	bool		 one_user;	/* -u: all is done as this one */
	int		 timeout;	/* seconds to wait for the client */
	pid_t		 pid;		/* our own */
	uid_t		 uid;		/* our own, or that of -u */
	gid_t		 gid;
};

/*
 * text.c: text in a buffer of fixed size, with its NUL; the rest is cut.  A
 * string alone is copied by strlcpy(3); where a caller says the format, as to
 * the log, it is vsnprintf(3)'s.
 */
struct text {
	char	*buf;
	size_t	 size;		/* at least 1 */
	size_t	 len;
};

/* Begins an empty text in buf. */
void	 text_init(struct text *t, char *buf, size_t size);
void	 text_bytes(struct text *t, const char *s, size_t len);
void	 text_char(struct text *t, char c);
/* Adds the strings that follow, up to a NULL. */
void	 text_add(struct text *t, ...) __attribute__((__sentinel__));
/* Adds a number, in decimal. */
void	 text_number(struct text *t, uint64_t n);
/* Adds a number, with zeros before it up to width digits (at most 64). */
void	 text_digits(struct text *t, uint64_t n, unsigned int base,
	    size_t width);
/*
 * How many bytes at s, of len that are there (at least one), are a character
 * of UTF-8 in its only right form, RFC 3629.  0 if they are none.
 */
size_t	 text_utf8(const char *s, size_t len);
/*
 * How many bytes of the text s, at most max, are shown, so that no character
 * of UTF-8 is cut in two.
 */
size_t	 text_cut(const char *s, size_t max);
/*
 * How many bytes at s, of len that are there (at least one), are a character
 * that is never shown as it is: the controls of ASCII, those of C1 (U+0080
 * to U+009F) and what ends a line or turns writing round (U+2028 to U+202E,
 * U+2066 to U+2069) as UTF-8.  0 if they are none.
 */
size_t	 text_control(const char *s, size_t len);
/* Where text is to stand: by itself, between quotes, or as a bare word. */
enum text_place { TEXT_LINE, TEXT_QUOTED, TEXT_WORD };
/*
 * How many of len bytes may stand there as they are, up to the first control
 * character, the first byte that is no part of UTF-8, in quotes the first "
 * or \, and in a word also the first blank or =.
 */
size_t	 text_plain(const char *s, size_t len, enum text_place place);
/*
 * Adds len bytes, of no word, what may not stand as it is as a backslash and
 * three octal digits for each byte, or where it is " or \ as that behind a
 * backslash.
 */
void	 text_escape(struct text *t, const char *s, size_t len,
	    enum text_place place);
/* Adds the date of a header field in UTC; now is in seconds since 1970. */
void	 text_date(struct text *t, uint64_t now);
/* Adds the date of a From_ line: asctime(3)'s, without its newline. */
void	 text_from_date(struct text *t, const struct tm *tm);

/*
 * name.c: names that become parts of paths, and their forms.  Pure.
 */

/*
 * May the name be a component of a path, or a part of one?  Not if it is
 * empty, begins with a dot, holds a slash, or is longer than NAME_BYTES.
 */
bool	 name_is_safe(const char *name);
/* Has the path no component of more than COMPONENT_BYTES? */
bool	 name_fits(const char *path);
/* Makes the capital letters of ASCII small, in place, and no others. */
void	 name_lower(char *s);
/*
 * A folder as IMAP stores it: UTF-8 to modified UTF-7 in out, of size bytes
 * with its NUL.  0, or -1 if it is no UTF-8, holds a control character, or
 * does not fit.
 */
int	 name_folder(const char *utf8, char *out, size_t size);
/*
 * Writes the domain of len bytes to out, in small letters: with ascii its
 * labels are in Punycode behind xn--, else in UTF-8.  All forms of a domain
 * come to the same.  A label that is wrong in its form stays as it is.  0, or
 * -1 if it does not fit.
 */
int	 name_domain(const char *s, size_t len, bool ascii, char *out,
	    size_t size);
/* Could the domain of len bytes be written in another form as well? */
bool	 name_has_forms(const char *s, size_t len);
/* Is the domain of len bytes this one, which is name_domain's UTF-8? */
bool	 name_domain_is(const char *s, size_t len, const char *utf8);

/*
 * parse.c: every byte that someone else wrote, to a struct.  Pure.
 */
struct address {
	char	 raw[COMMAND_MAX + 1];	/* as it came, without brackets */
	char	 local[COMMAND_MAX + 1];	/* unquoted */
	char	 domain[COMMAND_MAX + 1];	/* lower case, or empty */
};

enum param_error {
	PARAM_OK, PARAM_UNKNOWN, PARAM_VALUE	/* the value is wrong */
};

/* The parameters of MAIL or RCPT. */
struct params {
	uint64_t	 size;		/* bytes; UINT64_MAX: past counting */
	bool		 has_size;
	bool		 has_body;
	bool		 smtputf8;
	bool		 ignorequota;
	unsigned int	 ignored;	/* a bit for each that came of those */
	char		 orcpt[ORCPT_SIZE];	/* decoded, cut; or empty */
};

/* The keys that a user may have in a passwd-file, the best first. */
struct passwd_keys {
	const char	*names[4];
	size_t		 lens[4];	/* of the names, which are not empty */
	size_t		 n;		/* of names */
	const char	*domain;	/* name_domain's UTF-8, or NULL */
};

/* The best line so far, in a file that is read in pieces. */
struct passwd_match {
	size_t		 best;	/* its rank; twice the names if there is none */
	const char	*line;	/* NULL if there is none in this piece */
	size_t		 len;	/* of it, without its LF */
};

/*
 * A line of a passwd-file: pointers into it, to fields that end in a NUL.  One
 * that is missing is empty.
 */
struct passwd_line {
	const char	*name;
	const char	*uid;
	const char	*gid;
	const char	*home;
	struct quota	 quota;
	bool		 has_quota;
};

struct maildirsize {
	struct quota	 limit;
	struct quota	 used;
	size_t		 lines;		/* behind the first */
};

/* Is the word of len bytes at s this one, whatever its case? */
bool	 word_is(const char *s, size_t len, const char *word);
/*
 * Splits a command of len bytes, NUL behind it, in place at its first space.
 * Returns what follows the verb, spaces around it gone, or NULL if there is
 * a control character in it, as text_control says.
 */
char	*parse_command(char *line, size_t len);
/*
 * Is the first line of a session, of len bytes with a NUL behind them, one of
 * another protocol?
 */
bool	 line_is_foreign(const char *line, size_t len);
/* Is the first byte of a session that of TLS? */
bool	 byte_is_foreign(char c);
/*
 * Reads "<path>" at *s, blanks before it allowed, and sets *s behind it.
 * Returns 0, or -1 if there are no brackets or a forward path is malformed.
 */
int	 parse_forward_path(const char **s, struct address *a);
int	 parse_reverse_path(const char **s, char path[COMMAND_MAX + 1]);
/*
 * Reads the parameters of MAIL, or with rcpt those of RCPT, up to the first
 * that is wrong.  One that comes twice is PARAM_VALUE.
 */
enum param_error parse_params(const char *s, bool rcpt, struct params *p);
/*
 * Reads XFORWARD's attributes, of which there may be none; ident gets IDENT's
 * value, cut to size, if there is one.  0, or -1 if they are malformed.
 */
int	 parse_xforward(const char *s, char *ident, size_t size);
/*
 * Reads "10", with suffix "10M" too (K is 1024).  0, or -1 with errno EINVAL
 * (no number) or ERANGE (more than 2^63 - 1).
 */
int	 parse_size(const char *s, bool suffix, uint64_t *n);
/* Reads "10M" or "10M,100": bytes, and messages.  The same. */
int	 parse_quota(const char *s, struct quota *q);
/* The comma list of -k, of *n locks.  0, or -1 if it is wrong. */
int	 parse_locks(const char *s, enum lock locks[3], size_t *n);
/* The comma list of -x as TRACE_ bits.  0, or -1 if it is wrong. */
int	 parse_trace(const char *s, unsigned int *bits);
/*
 * Whose is the line of len bytes?  Returns its rank among the keys, of which
 * a smaller one is better: 2i for names[i]@domain and 2i + 1 for names[i]
 * alone; best if it is no better than that.
 */
size_t	 parse_passwd_key(const char *line, size_t len,
	    const struct passwd_keys *k, size_t best);
/*
 * Looks in the whole lines at s, of len bytes, for one whose rank is better
 * than m->best.  Returns the bytes of the lines that it is done with: up to
 * behind that line, or to behind the last LF.
 */
size_t	 parse_passwd_lines(const char *s, size_t len,
	    const struct passwd_keys *k, struct passwd_match *m);
/* Could the line, which has no end, become that of one of these names? */
bool	 parse_passwd_torn(const char *line, size_t len,
	    const struct passwd_keys *k);
/* Splits a line in place.  NULL, or what is wrong with it. */
const char *parse_passwd_line(char *line, struct passwd_line *p);
/*
 * Reads the text of a maildirsize.  0, or -1 if it is not as it should be; if
 * its first line is, m has the limits all the same.
 */
int	 parse_maildirsize(const char *s, struct maildirsize *m);
/* Where in a local part the detail's delimiter is, or the local part's end. */
size_t	 address_split(const char *local, const char *delimiters);
/*
 * Where in the text of nsswitch.conf the services of a database begin; "" if
 * none are named.
 */
const char *parse_nsswitch(const char *s, const char *database);
/*
 * Takes the next service off such a list at *sp, its name cut to size.  False
 * at the end of the list, and at an action that may end it there.
 */
bool	 parse_service(const char **sp, char *service, size_t size);
/* May a host's name stand in a reply, a header field and a file's name? */
bool	 host_is_safe(const char *host);

/*
 * template.c: where a user's mailbox is.  Pure.
 */

/* What a template may be filled with; each NULL if there is none. */
struct expansion {
	const char	*home;
	const char	*name;
	const char	*domain;
};

/*
 * NULL, or what is wrong with the template; has_home says whether users have
 * a home.
 */
const char *template_check(const char *template, bool has_home);

/* Does it hold the conversion, one of «hndu»?  "~/" counts as h. */
bool	 template_has(const char *template, char conversion);
/*
 * The bytes of the directory in which the component with the first conversion
 * is; of all of the template if it has none.
 */
size_t	 template_preset(const char *template);
/*
 * Writes to dir the one directory that all mailboxes lie in.  False if there
 * is no such one, or it does not fit.
 */
bool	 template_directory(const char *template, char *dir, size_t size);
/*
 * Fills path; *preset is how many bytes of it must exist, as nobody makes
 * them: what stands before the first conversion, and a home.  0, or -1 and
 * errno: EINVAL if e lacks a value, ENAMETOOLONG.
 */
int	 template_expand(const char *template, const struct expansion *e,
	    char *path, size_t size, size_t *preset);

/*
 * data.c: the bytes of a message.  Pure.
 */

/* Where DATA stands between two reads; zeroed at its start. */
struct data_parser {
	enum { DATA_BOL, DATA_TEXT, DATA_CR, DATA_DOT, DATA_DOTCR } state;
	bool		 lf;	/* a session of LF: a person typing */
	bool		 chunks;	/* BDAT: dots mean nothing */
	bool		 done;
	bool		 cr;	/* the last byte put out was a CR */
	uint64_t	 crlfs;	/* line ends that lost a CR */
	uint64_t	 bare_lfs;	/* LF put out with no CR before it */
};

/*
 * Decodes a piece: line ends become LF, leading dots go, the final dot
 * ends it.  Returns how much of in was used: all of it unless done.  out
 * needs room for inlen + 1 bytes: an earlier piece may have left a CR.
 */
size_t	 data_feed(struct data_parser *p, const char *in, size_t inlen,
	    char *out, size_t *outlen);
/* The end of the last chunk: bytes (0 or 1) that were held back in out. */
size_t	 data_end(struct data_parser *p, char *out);

/*
 * What is left out of a stored message, what is quoted in it, and the empty
 * line that it gets where it does not begin with a header.
 */
struct filter {
	bool		 return_path;	/* drop Return-Path fields */
	bool		 mbox;	/* drop readers' fields, quote From_ lines */
	enum filter_state {
		FILTER_BOL, FILTER_QUOTE, FILTER_TEXT, FILTER_DROP
	} state;
	bool		 begun;	/* the first line that stays was seen; true
				 * from the start where no trace headers are
				 * before it, and so it may be anything */
	bool		 body;	/* the header is over */
	bool		 dropping;	/* the last field, and its folds */
	bool		 cr;	/* the last byte dropped was a CR */
	uint64_t	 dropped;	/* bytes */
	uint64_t	 quoted;	/* bytes added, blanks among them */
	uint64_t	 blanks;	/* empty lines added, with no CR */
	uint64_t	 dropped_lfs;	/* dropped LF with no CR before it */
};

#define FILTER_AHEAD	64	/* bytes that decide about a header's line, */
#define FILTER_FIRST	1000	/* and about the first, which may be long */

/*
 * The next piece to write of in: *out and *outlen, *outlen 0 if nothing of
 * it stays.  Returns how much of in is done with; 0 with an *outlen of 0 for
 * «show me more», which happens with fewer than FILTER_FIRST bytes and not
 * if last.
 */
size_t	 filter_next(struct filter *f, const char *in, size_t inlen,
	    bool last, const char **out, size_t *outlen);
/* Nothing is left to find: what follows may be copied as it is. */
bool	 filter_is_idle(const struct filter *f);

/*
 * What follows the colon of the first field of that name, *vlen bytes within
 * msg, folded as it came; NULL if there is none.
 */
const char *header_find(const char *msg, size_t len, const char *name,
	    size_t *vlen);
/* The Message-ID, cut to size, or "". */
void	 header_message_id(const char *msg, size_t len, char *id,
	    size_t size);
/* The id of the topmost Received field, the MTA's queue id; or "". */
void	 header_received_id(const char *msg, size_t len, char *id,
	    size_t size);

/*
 * log.c: what is said to the operator, in syslog or on standard error.  A
 * line that is not taken is waited for a second in all, and then dropped.
 */

/* Where lines go, and what became of those before; made by log_open. */
struct log {
	int		 fd;		/* or -1 */
	bool		 syslog;	/* else standard error */
	bool		 met;		/* its daemon was there once */
	bool		 ends_lines;	/* by a newline */
	bool		 socket;	/* send(2) need not wait for it */
	bool		 may_block;	/* write(2) would: poll(2) says when */
	bool		 torn;		/* the last line has no end */
	char		 who[64];	/* each line begins with */
	int		 left;		/* ms that may still be waited */
	uint64_t	 dropped;	/* lines since one went through */
};

struct log_line {
	struct text	 text;
	char		 buf[16384];	/* its longest values fit */
};

/*
 * Opens *log as cfg->log: standard error with cfg->log_stderr, else syslog.
 * Where there is no syslog it is standard error too if that is ours, and
 * cfg->log_stderr says so; without either, lines are dropped.  Has syslog been
 * reached?
 */
bool	 log_open(struct log *log, struct config *cfg, bool stderr_is_ours);
/* One line on standard error, wherever the log is, and as patiently. */
void	 log_stderr(const struct config *cfg, const char *line);
void	 log_info(const struct config *cfg, const char *fmt, ...)
	    __attribute__((__format__(printf, 2, 3)));
void	 log_warn(const struct config *cfg, const char *fmt, ...)
	    __attribute__((__format__(printf, 2, 3)));
/* A line of key=value, quoted where it must be; long values are cut. */
void	 log_begin(struct log_line *l);
void	 log_add(struct log_line *l, const char *key, const char *value);
/* The same for a value that is known to be short and to need no quotes. */
void	 log_word(struct log_line *l, const char *key, const char *value);
void	 log_number(struct log_line *l, const char *key, uint64_t n);
void	 log_send(const struct config *cfg, struct log_line *l);

/*
 * failure.c: what failed, where, as whom; and what the client is told.
 */
struct failure {
	const struct reply	*reply;
	int			 err;	/* errno, or 0 */
	char			 reason[768];
};

/* What became of a recipient. */
extern const struct reply reply_delivered, reply_discarded, reply_busy,
    reply_wrong_mailbox, reply_wrong_setup, reply_full,
    reply_full_for_good, reply_no_space, reply_trouble, reply_no_user,
    reply_bad_name;
/* What the dialogues of lmtpd and starttls, and -c, have in common. */
extern const struct reply reply_ok, reply_closing, reply_say_lhlo,
    reply_no_smtp, reply_bad_args, reply_bad_line, reply_long_line,
    reply_malformed, reply_timed_out, reply_told_to_end;

/* Every errno has a reply; one that is not known has a temporary one. */
const struct reply *reply_errno(int err);
/* What the client is told of it: a full mailbox may be for good, with -Q. */
const struct reply *failure_reply(const struct failure *f,
	    const struct config *cfg);
/* The effective ids: as whom files are opened. */
void	 failure_whom(uid_t *uid, gid_t *gid);
/*
 * Notes that call(path) failed with errno, as the one we are now: with EACCES,
 * ENOENT, ENOTDIR and ELOOP it looks for the component of an absolute path
 * that is at fault.  Returns -1, errno kept.
 */
int	 failure_errno(struct failure *f, const char *call,
	    const char *pathfmt, ...)
	    __attribute__((__format__(printf, 3, 4)));
/* Says the same in the log alone: nobody else is to know. */
void	 failure_log(const struct config *cfg, const char *call,
	    const char *pathfmt, ...)
	    __attribute__((__format__(printf, 3, 4)));
/* Notes what is no system call's fault.  Returns -1. */
int	 failure_set(struct failure *f, const struct reply *reply,
	    const char *fmt, ...) __attribute__((__format__(printf, 3, 4)));

/*
 * identity.c: as whom.  Nobody else calls set*id.
 */
struct identity {
	uid_t		 uid;
	gid_t		 gid;
	const char	*name;		/* whose groups count, or NULL */
	gid_t		*groups;	/* what identity_groups found */
	int		 ngroups;
};

/* Whose effective ids the process has, as long as root is not wanted. */
struct credentials {
	const struct config	*cfg;
	bool			 assumed;
	bool			 groups;	/* supplementary ones too */
	uid_t			 uid;
	gid_t			 gid;		/* stays when root is resumed */
};

/*
 * Becomes id.  Does nothing if the process is not root or is id already.
 * 0, or -1 and errno.
 */
int	 identity_assume(struct credentials *c, const struct identity *id);
/*
 * Becomes the one who may make files beside the mailbox of id: root where it
 * lends that (root_lends), else id.  0, or -1 and errno.
 */
int	 identity_assume_directory(struct credentials *c,
	    const struct identity *id);
/*
 * Has root's effective uid again, whatever the groups, or ends the process:
 * it must not go on as another.
 */
void	 identity_resume(struct credentials *c);
/*
 * Did a call as id fail with err perhaps for nothing but that id's groups
 * have not been looked up yet?
 */
bool	 identity_lacks_groups(const struct config *cfg,
	    const struct identity *id, int err);
/*
 * The groups of id->name, which cost a walk through all directories that
 * NSS has: to be asked for only where access fails without them.  0, or -1
 * and errno.
 */
int	 identity_groups(struct identity *id);
/* In a child: to be id for good, whoever it is by now.  0, or -1 and errno. */
int	 identity_shed(struct credentials *c, const struct identity *id);
/*
 * At the start, as root: has no groups but root's own.  0, or -1 and errno.
 */
int	 identity_drop_groups(void);
/*
 * At the start, as root: becomes uid and gid for good, with the groups of the
 * user name, or if that is NULL none but gid.  0, or -1 and errno.
 */
int	 identity_become(const char *name, uid_t uid, gid_t gid);

/*
 * The umask that main sets makes 0600 and 0700 of these, but where the
 * directory's default ACL says who may: a mode without the group's bits would
 * shut them out again.
 */
#define FILE_MODE	0666
#define DIR_MODE	0777

/*
 * os.c: what differs between systems.
 */

/* What makes a name and its data safe; see os_sync_policy in os.c. */
enum sync_policy {
	SYNC_EACH,	/* sync each file, then each directory */
	SYNC_AGAIN,	/* as EACH, and the file once more under its name */
	SYNC_JOURNAL	/* write all out, then any one sync is for all */
};

/*
 * The name of this machine, or "localhost" where that is none that may stand
 * in a reply, a header field and a file's name.
 */
void	 os_host(char *name, size_t size);
/*
 * A child has our memory until one of us writes to it: then it is copied, page
 * by page.  This is fork(2) without the stack below the caller, which nobody
 * uses.
 */
pid_t	 os_fork(void);
/* No child has any use for these n bytes. */
void	 os_spare(void *p, size_t n);
/* Milliseconds since then, a moment of the monotonic clock. */
int64_t	 os_ms_since(const struct timespec *then);
/* What the file system wants that fd is on, and whose device is dev. */
enum sync_policy os_sync_policy(int fd, dev_t dev);
/* Makes all safe of the file system that fd is on.  0, or -1 and errno. */
int	 os_sync_file_system(int fd);
/*
 * Renames a file within dir, over nothing.  0, or -1 and errno: EEXIST, or
 * ENOSYS and others where this cannot be had.
 */
int	 os_rename_noreplace(int dir, const char *from, const char *to);
/*
 * Begins to write a file's data to the disk, or with wait does so and waits
 * until it is there.  0, or -1 and errno.
 */
int	 os_write_out(int fd, bool wait);
/*
 * fstat(2) as the server of the file knows it now.  *append_only says that
 * what is added can never be taken back.  0, or -1 and errno.
 */
int	 os_fstat(int fd, struct stat *st, bool *append_only);
/*
 * The second on the file system's clock that has now come, as the time of a
 * file says that is made at path, below the open directory at, and removed.
 * 0, or -1 and errno.
 */
int	 os_time_beside(int at, const char *path, time_t *now);
/*
 * Names this boot and this pid namespace in text, so that a pid means the
 * same process wherever it is the same; "" where that cannot be known.
 */
void	 os_instance(char *text, size_t size);
/*
 * Copies len bytes from offset of one file to where the other stands, and
 * adds them to *written.  0, or -1 and errno.
 */
int	 os_copy(int from, off_t offset, int to, uint64_t len,
	    uint64_t *written);
/*
 * Gives up what neither this process nor any program that it becomes has a
 * use for.
 */
void	 os_shed(void);
/* Closes every descriptor from first on. */
void	 os_close_from(int first);
/* Makes a file in dir that has no name.  Its descriptor, or -1 and errno. */
int	 os_tmpfile(const char *dir);
/* Opens the directory path below the open one at.  NULL and errno if not. */
DIR	*os_open_dir(int at, const char *path);
/*
 * The next name in it, good until the one after; NULL at its end, or if it
 * cannot be read.
 */
const char *os_read_dir(DIR *dir);
/*
 * Closes it right behind that NULL.  0, or -1 and errno if it could not be
 * read to its end.
 */
int	 os_close_dir(DIR *dir);
/* access(2) as whom we are now. */
int	 os_access(int at, const char *path, int mode);
/*
 * Makes the directories that path needs, 0700, and with last path itself,
 * but none within its first preset bytes.  0, or -1 and errno.
 */
int	 os_make_dirs(const char *path, size_t preset, bool last);
/* Could it make them?  Writes nothing.  0, or -1 and errno. */
int	 os_may_make(const char *path, size_t preset);
/*
 * Writes all of it, or fails with -1 and errno; what was written is added to
 * *written, unless that is NULL.
 */
int	 os_write(int fd, const void *buf, size_t len, uint64_t *written);

/*
 * volume.c: the file systems that mail is put on.
 */

/* A file system, and what was learnt of it. */
struct volume {
	dev_t			 dev;
	enum sync_policy	 policy;
	bool			 replaces;	/* no RENAME_NOREPLACE here */
};

#define VOLUMES	16	/* file systems that are remembered */

struct volumes {
	struct volume	 v[VOLUMES];
	size_t		 n;
};

/*
 * The file system that fd is on, whose device is dev; asked about once.  What
 * is returned is vs's, and good as long as that is.
 */
struct volume *volume_find(struct volumes *vs, int fd, dev_t dev);
/*
 * Moves a file that is open as fd, on the file system v, within dir and over
 * nothing.  0, or -1 and errno; EEXIST if another file has that name.
 */
int	 volume_rename(struct volume *v, int dir, int fd, const char *from,
	    const char *to);
/*
 * Changes the inode of the open file, and nothing of what it says: so that a
 * sync of it is one for all changes before.  0, or -1 and errno.
 */
int	 volume_touch(int fd);
/*
 * Syncs the directory path, below the open one at.  With the file systems
 * that are known, made, it is because something was made in it, and done
 * only if no later sync is for that too.  0, 1 if this file system cannot,
 * or -1 and errno.
 */
int	 volume_sync_dir(int at, const char *path, struct volumes *made);
/*
 * Makes the names of the directories that path needs safe, whoever made them,
 * but for those within its first preset bytes; inside is open, and below all
 * of them.  0, or -1 and errno.
 */
int	 volume_sync_parents(const char *path, size_t preset, int inside,
	    struct volumes *vs);

/*
 * message.c: one message while it waits.
 */
#ifndef MESSAGE_MEMORY	/* fuzz/run has another, which inputs reach */
#define MESSAGE_MEMORY	(1024 * 1024)	/* bytes; more goes to a file */
#endif

struct message {
	char			*mem;		/* its first bytes */
	size_t			 len;		/* in mem */
	size_t			 room;		/* of mem */
	int			 fd;		/* the rest, or -1 */
	bool			 lent;		/* fd: a delivery's own file */
	const char		*place;		/* where fd is, for the log */
	uint64_t		 size;		/* as stored: lines end in LF */
	char			 last;		/* its last byte */
	bool			 unchanged;	/* by the filter, as was seen */
	struct data_parser	 data;
};

void	 message_init(struct message *m);
/* For the next one: frees all but the memory, which it keeps. */
void	 message_reset(struct message *m);
void	 message_free(struct message *m);
/* How many bytes more may be kept in memory. */
size_t	 message_room(const struct message *m);
/* Is the end of its header in memory? */
bool	 message_has_body(const struct message *m);
/*
 * What comes from now on is written to fd, which stays the caller's to close;
 * place says where that is, for the log.
 */
void	 message_lend(struct message *m, int fd, const char *place);
/*
 * Adds bytes; what does not fit in memory goes to a file in dir, or to the
 * one that was lent.  0, or -1 and the failure.
 */
int	 message_append(struct message *m, const char *dir, const char *buf,
	    size_t len, struct failure *f);
/*
 * What of it is in memory as it is stored, with before in front: at most size
 * bytes in buf.  Returns how many.
 */
size_t	 message_view(const struct message *m, struct filter *f,
	    const struct text *before, char *buf, size_t size);
/*
 * Writes it to fd, with before in front and after behind; *written is how many
 * bytes were, also when it fails.  All who write it have the same filter, and
 * what has left it as it was is not asked again.  0, or -1 and errno.
 */
int	 message_write(struct message *m, int fd, struct filter *f,
	    const struct text *before, const char *after, uint64_t *written);

/*
 * account.c: the system's users and groups, as NSS has them.  A look-up
 * returns 1, 0 if there is nobody of that name, and -1 with errno: whatever
 * that is, ENOENT and ESRCH too, it is a directory that did not answer, as
 * «nobody» is no error.
 */

/*
 * Fills pw, whose strings are in *buf; by the uid if name is NULL.  The caller
 * frees *buf in any case.
 */
int	 account_passwd(const char *name, uid_t uid, struct passwd *pw,
	    char **buf);
/* The gid of the group of that name. */
int	 account_group(const char *name, gid_t *gid);
/*
 * Notes that call(name) failed.  Whatever its errno, nothing is wrong with
 * the mailbox.  Returns -1.
 */
int	 account_failed(struct failure *f, const char *call, const char *name);
/*
 * Reads -u: a name or number, perhaps a colon and a group.  Sets cfg's uid and
 * gid; *name is the login name, to be freed, or NULL.  1, 0 if nobody has that
 * name, or -1 with errno.
 */
int	 account_option(const char *s, struct config *cfg, char **name);

/*
 * nss.c: is «nobody» the answer of all, for that name?  Where /etc/passwd or
 * nsswitch.conf cannot be read, the module of a service not be loaded, or a
 * service does not answer, glibc asks others, which may know nobody; and an
 * empty /etc/passwd is being written.  0, or -1 and the failure.
 */
int	 nss_has_answered(const char *name, struct failure *f);

/*
 * passwdfile.c: a passwd-file, read once for all the names that its user may
 * have in it.
 */
struct passwd_scan {
	const char		*path;	/* for what is said of it */
	int			 fd;
	struct passwd_keys	 keys;
	struct passwd_match	 match;	/* of the best line */
	char			*line;	/* a copy of it, to be freed, or NULL */
	off_t			 at;	/* where it begins, or the torn one */
	const char		*wrong;	/* with its form, or NULL */
	bool			 is_empty;	/* the file */
	bool			 has_nul;	/* so it is no text, or torn */
	bool			 torn;	/* the user may be in the last line */
};

#define PASSWD_NO_NEWLINE	"it has no newline, as if it were being written"

/*
 * Looks for the keys in the file, in blocks: one of a million lines is
 * neither copied nor kept, and a line that does not fit into a block is cut.
 * The keys, match.best and fd are the caller's.  0, or -1 and errno.
 */
int	 passwd_scan(struct passwd_scan *s);
/* The number, from 1, of the line that begins where s->at says. */
size_t	 passwd_number(const struct passwd_scan *s);

/*
 * way.c: the way to a mailbox through the directories above it.  preset is
 * how many bytes of a path are the administrator's own.
 */

/*
 * Root finds a mailbox where users have the directories above it: does every
 * component of its way, and of each link on it, belong to root or to the
 * mailbox's owner?  0, or -1 and the failure.
 */
int	 way_check(const char *path, size_t preset, uid_t owner,
	    struct failure *f);
/*
 * Is there a link of a user's before the way ends?  Then nobody may learn
 * whether there is anything behind it: root sees what that user may not.
 */
bool	 way_has_link(const char *path, size_t preset);
/*
 * Is a directory, with all above it, root's alone, but that a group may
 * write to it?  Links of root's are followed, and dir, of PATH_MAX bytes, is
 * where they lead; *st is what it is.
 */
bool	 way_is_roots(char *dir, struct stat *st);
/*
 * Is it only the user that is missing at path?  If it is the place itself, or
 * what a link on the way leads to, a disk may be missing: -1 and the failure.
 */
int	 way_exists(const char *path, size_t preset, struct failure *f);

/*
 * user.c: an address to a mailbox, or the reply that refuses it.
 */
struct mailbox {
	char		*name;		/* %n: the name that matched */
	char		*detail;	/* with -f, or NULL */
	char		*folder;	/* "" the inbox; NULL: not looked for */
	char		*scripts;	/* paths, a colon between; or NULL */
	char		*path;
	size_t		 preset;	/* bytes of path that are never made */
	struct identity	 id;
	struct quota	 quota;		/* if has_quota: the user's own */
	bool		 has_quota;
};

struct lookup;

/* Where users are looked up: what -U names. */
struct source {
	const char	*name;		/* behind it, if takes_path, ":/PATH" */
	/* 1 with the mailbox, 0 if there is no such user, -1 for failure. */
	int		 (*find)(struct lookup *, struct mailbox *,
			    struct failure *);
	bool		 takes_path;
	bool		 has_home;	/* a user has one */
	bool		 makes_mailboxes; /* those that are missing */
	bool		 is_system;	/* its users have groups; root is one */
	bool		 asks_nss;	/* whatever -u says */
	bool		 names_ids;	/* by names too, if -u does not say */
	bool		 root_wants_u;
};

/* Reads -U's argument into cfg.  NULL, or what is wrong with it. */
const char *user_source(const char *arg, struct config *cfg);
/* May finding a user ask NSS, and so want its sockets? */
bool	 user_asks_nss(const struct config *cfg);
/*
 * Finds the mailbox of an address.  0, or -1 and the failure; mailbox_free in
 * both cases.
 */
int	 user_find(const struct config *cfg, const struct address *a,
	    struct mailbox *mb, struct failure *f);
void	 mailbox_free(struct mailbox *mb);
/*
 * May it be made if it is missing?  Not with -U dir, nor where a path without
 * a conversion is the mailbox of all.
 */
bool	 mailbox_may_be_made(const struct config *cfg,
	    const struct mailbox *mb);
/* Are both the same one, whatever the folder? */
bool	 mailbox_is(const struct mailbox *a, const struct mailbox *b);
/* Has a folder to be looked for in it? */
bool	 mailbox_wants_folder(const struct config *cfg,
	    const struct mailbox *mb);

/*
 * Whether to go on, which is asked between two pieces of work.
 */
struct watch {
	/*
	 * Waits for us microseconds, less than a second, or until no other
	 * process has the pipe fd, if it is not -1.  NULL, or why it is over.
	 */
	const char	*(*pause)(void *arg, int fd, long us);
	void		*arg;
};

/*
 * quota.c: how full a mailbox is, and one message more.  All of it as the
 * recipient.
 */
struct usage {
	struct quota	 limit;
	struct quota	 used;
	bool		 kept;	/* there is a maildirsize to keep in step */
};

/* What is to be added to a mailbox. */
struct demand {
	struct quota	 more;
	bool		 write;	/* a count may be left in maildirsize */
};

/* Adds "used/limit" in bytes, and ",used/limit" in messages if limited. */
void	 usage_text(struct text *t, const struct usage *u);
/* Has the mailbox a limit by the options or its user's own? */
bool	 quota_is_set(const struct config *cfg, const struct mailbox *mb);
/*
 * A walk through directories.  Their owner decides how long it would take,
 * and others wait for it: so it is ended after some seconds.
 */
struct walk {
	const char		*path;		/* of the mailbox */
	const char		*done;		/* "counted": what takes long */
	const struct watch	*watch;
	struct failure		*failure;	/* gets the reason */
	struct timespec		 begun;
	unsigned int		 entries;	/* seen so far */
};

/* Sets what the caller, who fills the first four members, does not. */
void	 walk_begin(struct walk *w);
/* To be asked at each entry.  0, or -1 and the failure: it is to end. */
int	 walk_may_go_on(struct walk *w);
/* Does mail in that folder count?  "" or NULL is the inbox. */
bool	 quota_counts(const char *folder);
/*
 * Is there room in the mailbox for what is demanded, where used is its size
 * in bytes?  Fills u, which is zeroed.  0, or -1 and the failure.
 */
int	 quota_mbox(const struct config *cfg, const struct mailbox *mb,
	    uint64_t used, const struct demand *need, struct usage *u,
	    struct failure *f);
/*
 * The same for the Maildir, which is open as dir, or not, where that is -1.
 * It is counted where its maildirsize cannot be believed, or says full and is
 * old; that takes some seconds at most.
 */
int	 quota_maildir(const struct config *cfg, const struct mailbox *mb,
	    int dir, const struct demand *need, const struct watch *watch,
	    struct usage *u, struct failure *f);
/*
 * Notes in the maildirsize of the Maildir dir, if there is one, a message of
 * so many bytes more, or one less.  0, or -1 and errno.
 */
int	 quota_add(int dir, uint64_t bytes, bool less);

/*
 * A recipient of a message, and the envelope that names it.
 */
struct rcpt {
	char			*address;	/* as it came, no brackets */
	char			*orcpt;		/* ORCPT=, or NULL */
	struct mailbox		 mailbox;
	char			*sieve;		/* sieve= in the log, or NULL */
	bool			 ignorequota;
	bool			 discarded;	/* by its own script */
	struct reply		 refusal;	/* that of its own script, */
	char			*refusal_text;	/* and its text, or NULL */
	const struct reply	*reply;		/* the result */
	char			 id[ID_SIZE];
};

struct envelope {
	char		 sender[COMMAND_MAX + 1];	/* reverse-path */
	char		 lhlo[256];
	char		 peer[64];	/* [address], or empty */
	char		 qid[64];	/* the MTA's queue id, or empty */
	char		 msgid[256];
	uint64_t	 size;		/* SIZE=, or 0 */
	bool		 smtputf8;
	struct timespec	 begun;		/* at MAIL, monotonic */
	struct rcpt	*rcpts;
	size_t		 nrcpt;
	size_t		 room;		/* for so many of these */
};

/*
 * A delivery while it is under way: one message into one mailbox.
 */
struct delivery {
	const struct config	*cfg;
	struct credentials	*cred;
	const struct watch	*watch;
	struct message		*message;	/* NULL before it is there */
	const struct rcpt	*rcpts;		/* the message's first, and */
	struct rcpt		*rcpt;		/* whose it is, at or behind */
	const struct delivery	*group;		/* its first; d is behind */
	void			*state;		/* of the format, zeroed */
	struct dotlock		*dotlock;	/* in it; NULL if it has none */
	struct identity		 id;		/* as whom */
	struct failure		 failure;	/* if it is not ok */
	struct usage		 usage;		/* if it was asked for */
	bool			 ok;		/* begun, and nothing failed */
	bool			 busy;		/* failed, but wait and retry */
	bool			 alone;		/* its message has no other */
	int			 fd;		/* what is written, or -1 */
	dev_t			 dev;		/* of it, if fd is not -1 */
	dev_t			 place_dev;	/* what all deliveries into */
	ino_t			 place_ino;	/* one mailbox have in common */
	struct volumes		*volumes;	/* that are known, */
	struct volume		*volume;	/* and the one of fd */
	const struct rcpt	*first;	/* -o: whose copy this is, or NULL */
	bool			 settled;	/* no copy; it has its reply */
	uint64_t		 size;		/* bytes written */
	const char		*file;		/* for the log: its name */
};

/* One copy that a recipient's script asks for. */
struct filing {
	bool	 keep;			/* where it goes without a script */
	bool	 create;		/* the folder may be made */
	unsigned int line;		/* of its command, for an error */
	char	 flags[6];		/* of D F R S T, sorted, or "" */
	char	 folder[FOLDER_BYTES];	/* as it is on the disk */
};

/* What a delivery is begun with. */
struct draft {
	const struct filing *filing;	/* where to, or NULL: as if by none */
	const char	*sender;
	const char	*unique;	/* for a file's name */
	struct text	 trace;		/* headers */
	uint64_t	 trace_lines;	/* LF in it */
};

/* What a step of a delivery is given beside it; each has its own member. */
struct step_args {
	const struct draft	*draft;		/* begin */
	const struct demand	*demand;	/* room */
	bool			 carries;	/* sync: others rely on it */
};

/* 0, or -1 and the delivery's failure. */
typedef int delivery_step(struct delivery *d, const struct step_args *a);

/*
 * folder.c: which folder of a Maildir is meant.
 */

/* Bytes of a path below the Maildir: ".", the folder, "/", a part, and NUL. */
#define FOLDER_PATH	(FOLDER_BYTES + 16)

/*
 * Settles which folder the recipient's mail goes to by its address, once a
 * transaction: the quota, the copies of -o and the delivery are all about the
 * same one.  dir is the open Maildir, or -1 where there is none yet.  Sets
 * d->rcpt->mailbox.folder, which mailbox_free frees.  0, or -1 and the
 * failure.
 */
int	 folder_settle(struct delivery *d, int dir);
/*
 * Finds the folder of the Maildir at path that a script calls name.  This is
 * the find_folder of struct format, and takes and returns what stands there.
 */
int	 folder_for_script(const char *path, const char *name, char *folder);

/*
 * dotlock.c: the lock file beside a mailbox.
 */

/* A lock file, as it was seen. */
struct dotlock_file {
	ino_t		 ino;
	struct timespec	 mtime;
};

/* The dotlock of a delivery, zeroed before it is taken. */
struct dotlock {
	bool			 waits;	/* another's was in the way */
	bool			 held;
	struct dotlock_file	 ours;	/* if held */
	/* The one in the way, which has not changed since then: */
	struct dotlock_file	 seen;
	struct timespec		 since;		/* monotonic */
	time_t			 seen_at;	/* the file system's clock */
	bool			 stays;	/* the log has it: it stays there */
};

/* Does -k ask for dotlocks? */
bool	 dotlock_is_wanted(const struct config *cfg);
/* Would a mailbox of that path be the dotlock of another? */
bool	 dotlock_is_name(const char *path);
/*
 * Tries once to make the mailbox's dotlock, and breaks a stale one that is in
 * the way.  0, and the process is the recipient; 1 if another's is there, or
 * -1 and the failure, and then the process may be somebody else.
 */
int	 dotlock_take(struct delivery *d);
/*
 * Removes the dotlock if it is held, and still ours.  The process may be
 * somebody else then.  What fails is said in the log.
 */
void	 dotlock_release(struct delivery *d);
/*
 * Could it be made, if it is wanted?  Writes nothing.  0, and the process is
 * the recipient; or -1 and the failure, and then it may be somebody else.
 */
int	 dotlock_check(struct delivery *d);

/*
 * mbox.c and maildir.c: a format of mailboxes.  What is given a delivery is
 * called with its recipient's identity; -1 is failure.
 */
struct format {
	const char	*name;		/* in -d, before the colon */
	size_t		 state_size;	/* bytes of a delivery's state */
	/* sync makes the data safe too: a mailbox has its name already. */
	bool		 syncs_itself;
	bool		 keeps_quota;	/* a mailbox can have its own limit */
	bool		 locks;		/* and asks if a process is alive */
	bool		 follows_links;	/* from a mailbox to where it lies */
	/* More may be written to fd between begin and commit. */
	bool		 takes_more;
	/* NULL, or what is wrong with a template. */
	const char	*(*check_template)(const char *template);
	/* Is there a mailbox at path, and whose?  1, 0 or -1. */
	int		 (*owner)(const char *path, struct identity *id,
			    struct failure *f);
	/* Would a mailbox of that path be taken for another's lock? */
	bool		 (*name_is_taken)(const char *path);
	/* At the start, as whom we began: completes cfg.  0, or -1, errno. */
	int		 (*settle)(struct config *cfg);
	/* Makes of the user whose it is the one who is to write it. */
	void		 (*writer)(const struct config *cfg,
			    struct identity *id);
	/*
	 * A delivery, in this order: begin writes it where no reader sees
	 * it, or at the end under the lock, and has undone all if it fails;
	 * room asks for the quota; commit gives it its place; sync makes sure
	 * of that; finish lets go, as whoever the process is.  undo, after
	 * any of these or another one's failed, leaves things as they were.
	 */
	delivery_step	 *begin;
	delivery_step	 *room;		/* also without begin; fills usage */
	delivery_step	 *commit;
	delivery_step	 *sync;
	int		 (*finish)(struct delivery *d);
	void		 (*undo)(struct delivery *d);
	/* Could it be begun?  Writes nothing. */
	delivery_step	 *check;
	/*
	 * Does the mailbox at path have the folder that a script calls name?
	 * Fills folder, of FOLDER_BYTES: its name on the disk, "" for the
	 * inbox; where there is none it is what would be made.  1, 0, or -1
	 * and errno: EINVAL for a name that no folder can have.  NULL if the
	 * format has no folders.
	 */
	int		 (*find_folder)(const char *path, const char *name,
			    char *folder);
};

extern const struct format mbox_format, maildir_format;

/*
 * trace.c: what is left of a delivery for people: its names, its trace
 * headers, its line in the log.
 */
struct tracer {
	uint64_t	 random;
	char		 rest[20];	/* the end of each name: all of that */
	unsigned int	 count;		/* names made */
	/* What all deliveries of a message have in common: */
	char		 id[ID_SIZE];	/* how their ids begin, */
	char		 name[64];	/* their names, */
	char		 received[512];	/* and Received, up to the id; */
	char		 date[40];	/* what it ends with */
};

#define TRACE_BYTES	(4 * COMMAND_MAX)	/* bytes of trace headers */

/* t is all zero before.  0, or -1 and errno. */
int	 trace_init(struct tracer *t);
/* A message is to be delivered now. */
void	 trace_begin(struct tracer *t, const struct config *cfg,
	    const struct envelope *env);
/*
 * A name that no other delivery has: an id for the log and the reply, if it
 * is not NULL, and with more randomness one for a file.
 */
void	 trace_names(struct tracer *t, char *id, struct text *unique);

/* The trace headers of one recipient; returns the lines of them. */
uint64_t trace_headers(const struct tracer *t, const struct config *cfg,
	    const struct envelope *env, const struct rcpt *r,
	    struct text *trace);
/*
 * The recipient's line in the log, with its n deliveries from d on; d is
 * NULL if it came to none.  reason is NULL if it was delivered.
 */
void	 trace_log(const struct config *cfg, const struct envelope *env,
	    const struct rcpt *r, const struct delivery *d, size_t n,
	    const char *reason);

/*
 * confine.c: what the process gives up before it hears a stranger.
 */

/*
 * As much as the system has, once the process is who it will be.  What it
 * has not is no failure; with -v the log says what was obtained.
 */
void	 confine(const struct config *cfg);
/* What a script's child may use up, at most. */
void	 confine_limits(void);
/* Gives up all but memory, a pipe and the names of folders. */
void	 confine_child(void);

/*
 * filter.c: a recipient's own script, run by a child.
 */
#define FILINGS	32		/* copies that a script may ask for */

struct verdict {
	enum {
		VERDICT_NONE,		/* there is no script */
		VERDICT_FILE,		/* n copies; none is discarded */
		VERDICT_REFUSE,
		VERDICT_ERROR		/* to be kept as if there were none */
	} kind;
	size_t		 n;
	struct filing	 filings[FILINGS];
	char		 text[4096];	/* of VERDICT_REFUSE, UTF-8 */
};

/*
 * Runs the script that d's recipient has for the message with these trace
 * headers in front, and notes in d->rcpt->sieve which one and what is wrong
 * with it.  With check it is compiled only.  d is as it is before it is begun,
 * and the process its recipient.  0, or -1 and d's failure.
 */
int	 filter_run(struct delivery *d, const struct envelope *env,
	    const struct text *trace, uint64_t trace_lines, bool check,
	    struct verdict *v);

/*
 * Makes the script's text r's reply; where that is not ASCII, and utf8 is
 * false, other words.  0, or -1 and errno.
 */
int	 filter_refusal(struct rcpt *r, const char *text, bool utf8);

/*
 * deliver.c: one message to all its recipients.
 */

/* Lives as long as the session. */
struct deliverer {
	const struct config	*cfg;
	struct credentials	*cred;
	struct watch		 watch;
	struct delivery		*group;
	char			*states;	/* of the group's format */
	size_t			 room;		/* in it; at least one */
	size_t			 max;		/* in a group; 0: not asked */
	size_t			 n;		/* in the group now, */
	size_t			 nrcpt;		/* of so many recipients */
	struct verdict		*verdict;	/* for a script's, or NULL */
	struct volumes		 volumes;
	struct tracer		 tracer;
	long			 waited;	/* ms for one message's locks */
	const char		*over;		/* why nothing more is begun */
	bool			 begun;		/* by deliver_early */
};

/* 0, or -1 and errno; deliver_free in both cases. */
int	 deliver_init(struct deliverer *dv, const struct config *cfg,
	    struct credentials *cred, const struct watch *watch);
void	 deliver_free(struct deliverer *dv);
/*
 * Delivers to the recipients from first on, as many as go together; each
 * gets its reply and id.  Returns how many, at least one.  If dv->watch said
 * before their commit that it is over, none of them is delivered.
 */
size_t	 deliver_group(struct deliverer *dv, struct envelope *env,
	    struct message *m, size_t first);
/*
 * Begins the delivery of a message that is not whole yet, so that what comes
 * is written once: to its only recipient, if the mailbox can take it so.
 * deliver_group goes on with it, deliver_abandon takes it back.
 */
void	 deliver_early(struct deliverer *dv, struct envelope *env,
	    struct message *m);
void	 deliver_abandon(struct deliverer *dv);
/* The group's lines in the log; to be called when all have their replies. */
void	 deliver_log(struct deliverer *dv, const struct envelope *env);
/*
 * At RCPT: has the mailbox room for a message of so many bytes?  Becomes the
 * recipient.  0, or -1 and the failure.
 */
int	 deliver_room(struct deliverer *dv, const struct envelope *env,
	    struct rcpt *r, uint64_t bytes, struct failure *f);
/*
 * For -c: what a delivery to r would come to, but writes nothing.  Fills u.  0,
 * or -1 and the failure.
 */
int	 deliver_check(struct deliverer *dv, struct rcpt *r,
	    struct usage *u, struct failure *f);

/*
 * start.c: what the process was started with, descriptors and signals.
 */

/*
 * Opens those of the descriptors 0 to 2 that are closed, on /dev/null.  Where
 * there is a client it puts standard error there too if that is the client's,
 * as it is with Exim, sendmail, spawn(8) and inetd, and says so in *shielded.
 * 0, or -1 and errno: /dev/null cannot be opened.
 */
int	 start_descriptors(bool has_client, bool *shielded);
/*
 * Opens *log as log_open does.  0, or -1 and errno: there is neither syslog nor
 * /dev/null, as in a chroot without /dev, where only a reply can tell.
 */
int	 start_log(struct log *log, struct config *cfg, bool stderr_is_ours);
/* Is standard input a socket that waits for connections? */
bool	 start_listens(void);
/*
 * Blocks the signals that end us but while the client is waited for, and
 * ignores those that only say what a system call says as well.  0, or -1 and
 * errno.
 */
int	 start_signals(void);
/*
 * Undoes that, for another program to be started; a signal that has come
 * meanwhile ends the process.
 */
void	 start_signals_default(void);

/*
 * client.c: both descriptors of the client.
 */
struct client {
	const struct config	*cfg;
	bool			 gone;		/* the client has */
	bool			 ending;	/* we were told to end */
	time_t			 deadline;	/* for replies then, or 0 */
	bool			 no_socket;	/* standard output is none */
	bool			 decided;	/* how lines end: */
	bool			 lf;		/* by LF, not by CRLF */
	unsigned int		 fills;		/* times that input was got */
	size_t			 inpos;		/* what was used of in, */
	size_t			 inlen;		/* and what was read */
	size_t			 outlen;	/* said, and not yet written */
	char			*in;
	char			*out;
};

/* What came of waiting for the client's next word. */
enum client_input {
	CLIENT_MORE, CLIENT_TIMEOUT, CLIENT_ENDING, CLIENT_GONE, CLIENT_EOF
};

/* 0, or -1 and errno; client_free in both cases. */
int	 client_init(struct client *c, const struct config *cfg);
void	 client_free(struct client *c);
/* "[address]" of whom we talk to, "" where there is none. */
void	 client_peer(const struct client *c, char *peer, size_t size);
/* NULL, or why there is nothing more to be done for the client. */
const char *client_over(const struct client *c);
/* The pause of a struct watch where there is no client. */
const char *client_none(void *unused, int fd, long us);
/* The pause of a struct watch with a struct client; once over, no wait. */
const char *client_pause(void *client, int fd, long us);
/*
 * Adds one line of reply: code with its space or hyphen, enhanced code or
 * NULL, text without control characters up to a NULL.  The text is cut, the
 * code never is.
 */
void	 client_say(struct client *c, const char *code, const char *esc, ...)
	    __attribute__((__sentinel__));
/* Adds the reply, a line for each of its text's; id is a delivery's or NULL. */
void	 client_reply(struct client *c, const struct reply *r,
	    const char *id);
/* Writes what was said, or finds that the client has gone. */
void	 client_flush(struct client *c);
/* Gets more input, after all that was said is written. */
enum client_input client_fill(struct client *c);
/* How many bytes were read and not used; *p is where they are. */
size_t	 client_input(const struct client *c, const char **p);
/* The first n of those are used by now. */
void	 client_used(struct client *c, size_t n);
/*
 * The next command, of *len bytes and a NUL, good until more input is got.  A
 * line that is too long is read to its end, and *len is above COMMAND_MAX.
 */
enum client_input client_line(struct client *c, char **line, size_t *len);
/* Says 421 4.3.5 and why to a client that we cannot serve. */
void	 client_refuse(const struct config *cfg, const char *why);

/*
 * session.c: the dialogue.
 */

/*
 * Talks until the client quits, goes away or must; the log has the rest.
 * 0, or -1 if it could not even begin.
 */
int	 session_run(const struct config *cfg);

#endif
