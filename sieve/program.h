/*
 * What a script becomes, and what a run of it is.  The text is read into
 * nodes (lexer.c, parser.c), which are then checked against the tables of
 * what there is (check.c) and run (run.c, test.c).
 */
#ifndef SIEVE_PROGRAM_H
#define SIEVE_PROGRAM_H

#include <stdarg.h>

#include "impl.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

/* A string of the script in a sentence, for "%.*s". */
#define SHOWN(p)	(int)((p)->len < 64 ? (p)->len : 64), (p)->s

#define DEPTH		32	/* blocks and tests in each other */
#define INCLUDES	10	/* scripts in each other, as in Pigeonhole */
#define VARIABLES	128	/* of a script; and global ones */
#define VARIABLE	4000	/* bytes of a variable's value */
#define LIST		4096	/* strings of a list */
#define PATTERN		1024	/* bytes of a key of :matches or :regex */
#define STEPS		10000000

/* Of 64 MiB in all: */
#define MEMORY_PROGRAM	(16 * 1024 * 1024)
#define MEMORY_KEPT	(12 * 1024 * 1024)
#define MEMORY_SCRATCH	(32 * 1024 * 1024)
#define MEMORY_MATCHED	(256 * 1024)	/* of each script in others */

/* Extensions, as bits of what a script requires. */
enum {
	EXT_COPY = 1 << 0,
	EXT_DATE = 1 << 1,
	EXT_BODY = 1 << 2,
	EXT_ENCODED = 1 << 3,
	EXT_ENVELOPE = 1 << 4,
	EXT_ENVIRONMENT = 1 << 5,
	EXT_EREJECT = 1 << 6,
	EXT_FILEINTO = 1 << 7,
	EXT_IHAVE = 1 << 8,
	EXT_IMAP4FLAGS = 1 << 9,
	EXT_IMAPFLAGS = 1 << 10,
	EXT_INCLUDE = 1 << 11,
	EXT_INDEX = 1 << 12,
	EXT_MAILBOX = 1 << 13,
	EXT_NUMERIC = 1 << 14,
	EXT_REGEX = 1 << 15,
	EXT_REJECT = 1 << 16,
	EXT_RELATIONAL = 1 << 17,
	EXT_SUBADDRESS = 1 << 18,
	EXT_VARIABLES = 1 << 19
};

/*
 * lexer.c
 */
enum token { TOKEN_END, TOKEN_IDENTIFIER, TOKEN_TAG, TOKEN_NUMBER,
    TOKEN_STRING, TOKEN_CHARACTER };

/* The first error is kept, and after it the text is at its end. */
struct lexer {
	struct arena	*arena;
	struct sieve_error *error;
	struct str	 script;	/* its name */
	bool		 failed;
	const char	*at;
	const char	*end;
	const char	*counted;	/* lines are counted up to here: */
	const char	*line_start;	/* of the last of them */
	/* The token: */
	enum token	 token;
	unsigned int	 line;
	unsigned int	 column;
	struct str	 text;		/* of identifier, tag, string */
	uint64_t	 number;
	char		 character;
};

/* Begins with the first token. */
void	 lexer_init(struct lexer *l, struct arena *a, const struct str *name,
	    const struct str *text, struct sieve_error *e);
void	 lexer_next(struct lexer *l);
/* The error is at the token. */
void	 lexer_fail(struct lexer *l, const char *fmt, ...)
	    __attribute__((__format__(printf, 2, 3)));
#define TOKEN_BYTES	80	/* of what an error tells of a token */

/* What the token is, for a sentence; it may stand in buf. */
const char *lexer_token(const struct lexer *l, char buf[TOKEN_BYTES]);

/* A sentence in e, cleaned of what is not printable ASCII or UTF-8. */
void	 error_put(struct sieve_error *e, const struct str *script,
	    unsigned int line, unsigned int column, const char *fmt,
	    va_list ap) __attribute__((__format__(printf, 5, 0)));

/*
 * Strings, which may name variables.
 */
enum piece_kind { PIECE_TEXT, PIECE_LOCAL, PIECE_GLOBAL, PIECE_MATCH };

struct piece {
	enum piece_kind	 kind;
	size_t		 index;		/* of a variable or match value */
	struct str	 text;
	struct piece	*next;
};

struct value {
	struct str	 source;	/* as it stands in the script */
	struct piece	*pieces;	/* NULL: it is what it stands for */
};

struct compiler;
struct run;

struct list {
	struct value	*values;
	size_t		 n;
};

struct variable {
	struct str	 name;
	enum piece_kind	 kind;		/* LOCAL or GLOBAL */
	size_t		 index;		/* among those of that kind */
};

/*
 * Nodes: commands and tests.
 */
enum argument_kind { ARGUMENT_NUMBER, ARGUMENT_STRING, ARGUMENT_LIST,
    ARGUMENT_TAG };

struct argument {
	enum argument_kind kind;
	unsigned int	 line;
	unsigned int	 column;
	uint64_t	 number;
	struct str	 tag;
	struct list	 list;		/* of one for STRING */
	struct argument	*next;
};

/* What tags a node had. */
enum {
	TAG_COPY = 1 << 0,
	TAG_CREATE = 1 << 1,
	TAG_FLAGS = 1 << 2,
	TAG_COMPARATOR = 1 << 3,
	TAG_MATCH = 1 << 4,
	TAG_PART = 1 << 5,
	TAG_INDEX = 1 << 6,
	TAG_LAST = 1 << 7,
	TAG_LIMIT = 1 << 8,		/* :over, :under */
	TAG_ZONE = 1 << 9,
	TAG_ORIGINAL = 1 << 10,		/* :originalzone */
	TAG_TRANSFORM = 1 << 11,	/* :raw, :content, :text */
	TAG_CASE = 1 << 12,		/* :lower, :upper */
	TAG_FIRST = 1 << 13,		/* :lowerfirst, :upperfirst */
	TAG_QUOTE = 1 << 14,		/* :quotewildcard */
	TAG_LENGTH = 1 << 15,
	TAG_LOCATION = 1 << 16,		/* :personal, :global */
	TAG_ONCE = 1 << 17,
	TAG_OPTIONAL = 1 << 18
};

/* What is known of a test before it is run. */
enum truth { TRUTH_UNKNOWN, TRUTH_FALSE, TRUTH_TRUE };

enum part { PART_ALL, PART_LOCALPART, PART_DOMAIN, PART_USER, PART_DETAIL };

struct node {
	struct str	 name;
	unsigned int	 line;
	unsigned int	 column;
	struct argument	*arguments;
	struct node	*tests;
	struct node	*block;
	bool		 in_parentheses;
	bool		 has_block;
	struct node	*next;		/* command or test */
	struct node	*otherwise;	/* of if, elsif: elsif or else */

	/* What the check makes of them: */
	const struct verb *verb;
	enum truth	 truth;		/* of a test */
	unsigned int	 tags;
	enum comparator	 comparator;
	enum match	 match;
	enum relation	 relation;
	enum part	 part;
	enum body_transform transform;
	bool		 over;		/* else :under */
	bool		 upper;		/* else :lower */
	bool		 upper_first;	/* else :lowerfirst */
	bool		 global;	/* else :personal */
	uint64_t	 number;	/* of size or :index */
	struct list	 list[3];	/* positional arguments */
	struct list	 names;		/* variables of set, addflag, hasflag */
	struct list	 types;		/* of :content */
	struct list	 flags;		/* of :flags */
	struct list	 zone;
	struct regex	**regexes;	/* of constant keys; else NULL */
	struct script	*script;	/* of include */
};

struct script {
	struct str	 name;		/* "" for the first */
	unsigned int	 extensions;
	struct node	*commands;
	bool		 open;		/* is being compiled */
	size_t		 index;		/* among the program's */
	struct variable	*variables;	/* VARIABLES of them, or NULL */
	size_t		 nvariables;
	size_t		 nlocals;
	struct script	*next;
};

struct sieve_program {
	struct arena	 arena;
	struct script	*scripts;	/* the first is run */
	size_t		 nscripts;
	struct str	*globals;	/* names, VARIABLES of them, or NULL */
	size_t		 nglobals;
};

/* Commands, NULL and an error if it is no script. */
struct node *parser_run(struct lexer *l);

/*
 * check.c: what a script says, against what there is.
 */
enum tests { TESTS_NONE, TESTS_ONE, TESTS_LIST };

struct compiler {
	struct sieve_program *program;
	const struct sieve_library *includes;
	struct sieve_error *error;
	bool		 failed;
	struct script	*script;	/* that is being compiled */
	int		 depth;		/* of includes */
	bool		 may_require;	/* no other command has come yet */
};

struct verb {
	char		 name[16];
	unsigned int	 extensions;	/* one of these is wanted; 0: none */
	const char	*arguments;	/* n number, s string, l list */
	unsigned int	 tags;		/* that it knows */
	enum tests	 tests;
	bool		 has_block;
	/* What is more to check; NULL: nothing. */
	bool		 (*check)(struct compiler *, struct node *);
	/* A command has the one, a test the other. */
	void		 (*command)(struct run *, const struct node *);
	bool		 (*test)(struct run *, const struct node *);
};

/* Makes what the nodes are to be of commands that were parsed. */
bool	 check_commands(struct compiler *c, struct node *first);

/*
 * compile.c
 */
void	*compiler_take(struct compiler *c, size_t n);
/* The first error stays.  Returns false. */
bool	 compiler_fail(struct compiler *c, unsigned int line,
	    unsigned int column, const char *fmt, ...)
	    __attribute__((__format__(printf, 4, 5)));
/* The error is where a node or an argument begins. */
#define FAIL(at, ...)	compiler_fail(c, (at)->line, (at)->column, __VA_ARGS__)

bool	 check_address(struct compiler *, struct node *);
bool	 check_allof(struct compiler *, struct node *);
bool	 check_anyof(struct compiler *, struct node *);
bool	 check_condition(struct compiler *, struct node *);
bool	 check_date(struct compiler *, struct node *);
bool	 check_envelope(struct compiler *, struct node *);
bool	 check_false(struct compiler *, struct node *);
bool	 check_fileinto(struct compiler *, struct node *);
bool	 check_global(struct compiler *, struct node *);
bool	 check_ihave(struct compiler *, struct node *);
bool	 check_include(struct compiler *, struct node *);
bool	 check_not(struct compiler *, struct node *);
bool	 check_require(struct compiler *, struct node *);
bool	 check_set(struct compiler *, struct node *);
bool	 check_size(struct compiler *, struct node *);
bool	 check_true(struct compiler *, struct node *);

/*
 * value.c: strings that may name variables, which are put in at run time.
 */
/*
 * Makes the pieces of v.  With a script's `encoded-character` or `variables`
 * not required, "${" is text.  At is where an error is.  False: failed.
 */
bool	 value_compile(struct compiler *c, struct value *v,
	    const struct argument *at);
/* The name itself stands in v, of a variable that can be set if wants_set. */
bool	 value_compile_name(struct compiler *c, struct value *v,
	    const struct argument *at, bool wants_set);
/* Declares a global variable for this script. */
bool	 value_declare_global(struct compiler *c, const struct value *v,
	    const struct argument *at);
/* Without variables: its text in *s. */
bool	 value_is_constant(const struct value *v, struct str *s);
/* The text of v in this run, which lives until the next command or test. */
bool	 value_expand(struct run *r, const struct value *v, struct str *out);

/*
 * run.c
 */
struct frame {			/* of a script that runs */
	const struct script *script;
	struct frame	*caller;
	struct str	 variables[VARIABLES];
	struct arena	 arena;	/* of the match values */
	struct captures	 matched;
};

struct run {
	const struct sieve_program *program;
	const struct sieve_view *view;
	struct sieve_result *result;
	struct budget	 budget;
	struct arena	 kept;		/* to the end of the run */
	struct arena	 scratch;	/* to the end of a command or test */
	struct str	 message;
	struct frame	*frame;
	struct frame	*spare;		/* that can be used again */
	const struct node *at;		/* what is being run */
	struct str	*globals;	/* as many as the program has */
	struct str	 flags;		/* those of no variable */
	bool		 once[SIEVE_SCRIPTS + 1];	/* scripts that ran */
	bool		 keeps;		/* the implicit keep is to be */
	bool		 stopped;
	bool		 returned;
};

/* Counts n steps; false: the run has failed. */
bool	 run_step(struct run *r, uint64_t n);
/* Memory of n bytes, or NULL and the run has failed. */
void	*run_take(struct run *r, struct arena *a, size_t n);
/* The first error stays, with the line of r->at; the run ends.  False. */
bool	 run_fail(struct run *r, const char *fmt, ...)
	    __attribute__((__format__(printf, 2, 3)));

/*
 * A command or a test is over: what it took of the scratch memory is free
 * again.  False: the run has failed, perhaps only now.
 */
bool	 run_end(struct run *r);
/* Keeps bytes to the end of the run: a variable's value, of n at most. */
bool	 run_keep(struct run *r, const struct str *s, struct str *out);
/* The strings of a list, expanded; NULL: the run has failed. */
struct str *run_expand(struct run *r, const struct list *l);
/* What is wrong with a folder's name, or NULL. */
const char *folder_wrong(const struct str *name);
/* The match values of the script that runs. */
bool	 run_captured(struct run *r, const struct captures *c);
/* Commands, to the end or to a stop, return or error. */
void	 run_block(struct run *r, const struct node *n);
/* Another script, with variables of its own. */
void	 run_script(struct run *r, const struct script *s);

/*
 * flags.c: imap4flags (RFC 5232).  A set of flags is a string of them with
 * blanks between.
 */

/* Flags to the set, or from it.  False: the run has failed. */
bool	 flags_add(struct run *r, struct str *set, const struct list *flags);
bool	 flags_remove(struct run *r, struct str *set, const struct list *flags);
/* The next flag of s, which begins behind it afterwards; false: none. */
bool	 flags_next(struct str *s, struct str *flag);
/* Letters of the system flags, sorted. */
void	 flags_letters(const struct str *set, char letters[6]);

/*
 * test.c
 */
bool	 test_run(struct run *r, const struct node *n);

bool	 test_address(struct run *, const struct node *);
bool	 test_allof(struct run *, const struct node *);
bool	 test_anyof(struct run *, const struct node *);
bool	 test_body(struct run *, const struct node *);
bool	 test_currentdate(struct run *, const struct node *);
bool	 test_date(struct run *, const struct node *);
bool	 test_envelope(struct run *, const struct node *);
bool	 test_environment(struct run *, const struct node *);
bool	 test_exists(struct run *, const struct node *);
bool	 test_hasflag(struct run *, const struct node *);
bool	 test_header(struct run *, const struct node *);
bool	 test_mailboxexists(struct run *, const struct node *);
bool	 test_not(struct run *, const struct node *);
bool	 test_size(struct run *, const struct node *);
bool	 test_string(struct run *, const struct node *);
bool	 test_true(struct run *, const struct node *);

/*
 * action.c: commands.
 */
void	 action_discard(struct run *, const struct node *);
void	 action_error(struct run *, const struct node *);
void	 action_fileinto(struct run *, const struct node *);
void	 action_flags(struct run *, const struct node *);
void	 action_if(struct run *, const struct node *);
void	 action_include(struct run *, const struct node *);
void	 action_keep(struct run *, const struct node *);
void	 action_mark(struct run *, const struct node *);
void	 action_nothing(struct run *, const struct node *);
void	 action_reject(struct run *, const struct node *);
void	 action_return(struct run *, const struct node *);
void	 action_set(struct run *, const struct node *);
void	 action_stop(struct run *, const struct node *);
/* At the end of a run: the keep that nothing cancelled. */
void	 action_implicit_keep(struct run *r);

/*
 * verb.c: all commands and tests that there are.
 */

/* The command (or test) of that name, or NULL. */
const struct verb *verb_find(const struct str *name, bool is_test);

#endif
