/*
 * Sieve, RFC 5228: a script to a program, a program and a message to a list
 * of actions.  Depends on libc alone and makes no system call but for memory.
 */
#ifndef SIEVE_H
#define SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define SIEVE_ACTIONS	32	/* different ones that a run may ask for */
#define SIEVE_SCRIPTS	64	/* that a script may include, all in all */
#define SIEVE_FOLDER	1024	/* bytes of a folder's name in UTF-8 */
#define SIEVE_REASON	4096	/* bytes of a refusal's text */

/* Where and what is wrong.  Lines and columns count from one. */
struct sieve_error {
	char		 script[256];	/* of include, or "" for the first */
	unsigned int	 line;
	unsigned int	 column;	/* 0 if only the line is known */
	char		 text[256];	/* clean: no control character */
};

/*
 * How include finds a script's text: NULL if there is none of that name.  A
 * name is UTF-8 without `/` and control characters, does not begin with a dot
 * and has less than 256 bytes.  No more than SIEVE_SCRIPTS are asked for and
 * given.
 */
struct sieve_library {
	const char	*(*get)(void *arg, const char *name, size_t *len);
	void		*arg;
};

struct sieve_program;

/*
 * Memory that the caller has, aligned as malloc's is: it is used up before
 * malloc is asked.
 */
struct sieve_room {
	char		*at;
	size_t		 left;
};

/*
 * Compiles len bytes of text.  library may be NULL: then include finds
 * nothing.  room may be NULL, and is the program's and its runs' otherwise.
 * Returns the program, which sieve_free frees, or NULL and *e.  The texts must
 * stay as long as it.
 */
struct sieve_program *sieve_compile(const char *text, size_t len,
	    const struct sieve_library *library, struct sieve_room *room,
	    struct sieve_error *e);
void	 sieve_free(struct sieve_program *p);
/* Will it ask for dates, and so for the zone? */
bool	 sieve_wants_zone(const struct sieve_program *p);

/* A message and its envelope, as tests see them. */
struct sieve_view {
	const char	*message;	/* as stored, lines end in LF: */
	size_t		 len;		/* its header and its first MiB */
	uint64_t	 size;		/* octets, with CRLF line ends */
	const char	*sender;	/* reverse-path, "" for <> */
	const char	*recipient;	/* forward-path as it came */
	const char	*delimiters;	/* of -r, for :user and :detail */
	const char	*host;		/* environment "host" */
	const char	*remote_ip;	/* or NULL */
	const char	*remote_host;	/* what LHLO said, or NULL */
	const char	*version;	/* of lmtpd */
	struct timespec	 now;
	int		 zone;		/* minutes east of UTC, for dates */
	/* Is there a folder of that name (UTF-8, as the script has it)? */
	bool		 (*has_folder)(void *arg, const char *name);
	void		*arg;
};

enum sieve_kind { SIEVE_KEEP, SIEVE_FILEINTO, SIEVE_REJECT };

struct sieve_action {
	enum sieve_kind	 kind;
	bool		 implicit;	/* the keep that nothing cancelled */
	bool		 create;	/* fileinto's :create */
	unsigned int	 line;		/* of its command */
	char		 flags[6];	/* of D F R S T, sorted, or "" */
	char		 folder[SIEVE_FOLDER];	/* of FILEINTO: see below */
};

struct sieve_result {
	bool			 failed;
	struct sieve_error	 error;	/* if failed */
	size_t			 n;	/* 0: discarded by the script */
	struct sieve_action	 actions[SIEVE_ACTIONS];	/* n of them */
	char			 reason[SIEVE_REASON];	/* UTF-8, LF */
};

/*
 * Runs the program.  Afterwards r holds its actions, or, if failed, what went
 * wrong, and then the actions mean nothing.
 *
 * A folder is UTF-8 without control characters; `/` and `.` both separate
 * its parts, none of which is empty.  INBOX alone has that case, and is an
 * action beside KEEP.  The same folder, and KEEP, are there once, with the
 * flags of the last time and where that was in the order.  Folders that only
 * the caller can know to be the same (INBOX.a and a, INBOX and KEEP) are his
 * to make one: the flags of the later one hold.  A REJECT is alone, and
 * the reason is of it.
 */
void	 sieve_run(const struct sieve_program *p, const struct sieve_view *v,
	    struct sieve_result *r);

#endif
