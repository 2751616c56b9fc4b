/*
 * What the files of sieve/ share, and nobody else sees.  All memory comes
 * from an arena, which is freed as one; NULL from it means that the limit of
 * 64 MiB was reached, and the run or the compilation ends with that error.
 */
#ifndef SIEVE_IMPL_H
#define SIEVE_IMPL_H

#include <string.h>

#include "sieve.h"

/* ASCII, whatever the locale says. */
static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Is it one of these characters?  NUL is none, though each string has it. */
static inline bool
is_one_of(char c, const char *these)
{
	return c != '\0' && strchr(these, c) != NULL;
}

static inline char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The value of a hexadecimal digit, or -1. */
static inline int
hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* May an identifier begin with it? */
static inline bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* arena.c */
struct arena {
	struct sieve_room *room;	/* or NULL */
	struct block	*blocks;
	size_t		 used;		/* bytes in all blocks */
	size_t		 limit;
	bool		 failed;	/* something was more than there is */
};

void	*arena_take(struct arena *a, size_t n);	/* aligned, zeroed */
void	 arena_free(struct arena *a);

/* Bytes with a length: NUL may be among them.  Not owned. */
struct str {
	const char	*s;
	size_t		 len;
};

/* Is s the word, case aside?  Here, as most of those asked for are not. */
static inline bool
str_is(const struct str *s, const char *word)
{
	size_t i;

	for (i = 0; i < s->len; i++)
		if (word[i] == '\0' || to_lower(s->s[i]) != to_lower(word[i]))
			return false;
	return word[i] == '\0';
}

/* Steps of a run, counted down wherever work depends on a stranger's bytes. */
struct budget {
	uint64_t	 steps;		/* left; 0 is the end of the run */
};

/* Takes n steps; false once there are too few. */
static inline bool
budget_take(struct budget *b, uint64_t n)
{
	bool enough = b->steps >= n;

	b->steps = enough ? b->steps - n : 0;
	return enough;
}

/*
 * header.c: fields of a message.
 */

/*
 * The next field called name (case aside, `X :` is X) at or after *pos in the
 * header; *pos goes behind it.  value is the raw text behind the colon, folds
 * and all, without its last line end.  False at the end of the header.  With
 * name NULL any field; its name is then in *found if that is not NULL.
 */
bool	 header_next(const struct str *msg, size_t *pos, const struct str *name,
	    struct str *found, struct str *value);
/* The offset of the body, behind the empty line; msg->len if there is none. */
size_t	 header_end(const struct str *msg);
/* Unfolded and blanks around it gone.  0, or -1: memory. */
int	 header_unfold(struct arena *a, const struct str *raw, struct str *out);
/* RFC 2047 decoded to UTF-8, of an unfolded value. */
int	 header_decode(struct arena *a, const struct str *in, struct str *out);

/*
 * Behind the blanks and comments at s, which ends at end.  *ended is false,
 * and the end returned, if a comment has no end.
 */
const char *header_skip(const char *s, const char *end, bool *ended);

/*
 * address.c: addresses of a field, RFC 5322 with its obsolete forms.
 */
struct addr {
	struct str	 all;		/* "user@domain" or what it is; or s is
					   NULL: counted, equal to nothing */
	struct str	 localpart;	/* unquoted; see has_parts */
	struct str	 domain;
	bool		 has_parts;	/* else only all is to be compared */
	struct addr	*next;
};

/* The list of an unfolded field's addresses.  0, or -1: memory. */
int	 address_parse(struct arena *a, const struct str *field,
	    struct addr **list);
/* One of the envelope; "" is the null sender. */
int	 address_envelope(struct arena *a, const char *path, struct addr **out);
/* Fields in which Pigeonhole looks for addresses. */
bool	 address_is_field(const struct str *name);
/* May it be in an atom?  Letters, digits, some marks, and 8-bit ones. */
bool	 address_is_atext(char c);
/* :user and :detail.  False: there is no detail. */
bool	 address_user(const struct addr *ad, const char *delimiters,
	    struct str *user);
bool	 address_detail(const struct addr *ad, const char *delimiters,
	    struct str *detail);

/*
 * match.c: comparators and match types.
 */
enum comparator { COMPARE_OCTET, COMPARE_CASEMAP, COMPARE_NUMERIC };
enum match { MATCH_IS, MATCH_CONTAINS, MATCH_MATCHES, MATCH_REGEX,
    MATCH_VALUE, MATCH_COUNT };
enum relation { REL_GT, REL_GE, REL_LT, REL_LE, REL_EQ, REL_NE };

#define CAPTURES	32	/* ${0} to ${31}, as many as Pigeonhole has */

struct captures {
	size_t		 n;
	struct str	 text[CAPTURES];
};

struct regex;			/* regex.c */

/* Are a and b the same, does s begin with the word?  Case aside. */
bool	 str_same(const struct str *a, const struct str *b);
bool	 str_begins(const struct str *s, const char *word);
/* For bsearch(3): a str, and a row that begins with a word in lower case. */
int	 str_compare(const void *str, const void *row);

/* <0, 0, >0 as by the comparator; of numerics what has no digit is infinite. */
int	 match_compare(enum comparator c, const struct str *a,
	    const struct str *b);
bool	 match_contains(enum comparator c, const struct str *value,
	    const struct str *key, struct budget *b);
/* Fills cap on success, if it is not NULL. */
bool	 match_wildcard(enum comparator c, const struct str *value,
	    const struct str *pattern, struct captures *cap, struct budget *b);

/*
 * regex.c: POSIX extended regular expressions in linear time: leftmost, and
 * longest; groups as the order of the pattern prefers them.  No backreferences,
 * repetitions of at most 50, patterns of at most 1 KiB.
 */
/*
 * NULL and *wrong, a constant, if the pattern cannot be; NULL and *wrong NULL:
 * memory.
 */
struct regex *regex_compile(struct arena *a, const struct str *pattern,
	    bool fold, const char **wrong);
/* Fills cap on a match; without cap only whether.  a is for its own use. */
bool	 regex_match(struct arena *a, const struct regex *r,
	    const struct str *value, struct captures *cap, struct budget *b);

/*
 * date.c: RFC 5260.
 */
struct sieve_date {
	int64_t		 seconds;	/* since 1970, UTC */
	int		 zone;		/* minutes east */
};

/* Of a field, or of what stands behind its last ";", as in Received. */
bool	 date_parse(const struct str *field, struct sieve_date *d);
/* "+0130"; false if malformed. */
bool	 date_zone(const struct str *s, int *zone);
/* "year", "iso8601", ...: is there such a part? */
bool	 date_is_part(const struct str *part);
/* That part of d in its zone, "" if there is none.  0, or -1: memory. */
int	 date_part(struct arena *a, const struct sieve_date *d,
	    const struct str *part, struct str *out);
/* Appends n, not below 0, with at least that many digits, and no NUL. */
void	 number_put(char *out, size_t *len, int64_t n, size_t width);

/*
 * body.c: RFC 5173.  Texts of the parts that a body test looks at, decoded.
 */
enum body_transform { BODY_RAW, BODY_CONTENT, BODY_TEXT };

struct body_part {
	struct str	 text;
	struct body_part *next;
};

/* Lines of msg may end in LF or CRLF; those of the parts end in CRLF. */
int	 body_parts(struct arena *a, const struct str *msg,
	    enum body_transform how, const struct str *types, size_t ntypes,
	    struct budget *b, struct body_part **list);

/*
 * mime.c: transfer encodings and charsets.  The decoders write at most len
 * bytes at out and return how many.
 */
/* Up to the first byte that is no base64; blanks and line ends may be in it. */
size_t	 mime_base64(const char *s, size_t len, char *out);
/* The Q of RFC 2047. */
size_t	 mime_q(const char *s, size_t len, char *out);
/* The quoted-printable of RFC 2045; lines end in CRLF, so it is 2 len bytes. */
size_t	 mime_quoted_printable(const char *s, size_t len, char *out);

/* NULL if lmtpd does not know it; "" is US-ASCII. */
struct charset;
const struct charset *mime_charset(const struct str *name);
/*
 * Appends in as UTF-8 to the len bytes at out, where there must be room for
 * three times in's; returns the new length.  A run of what is no character is
 * one U+FFFD.  With cs NULL only ASCII is.
 */
size_t	 mime_utf8(const struct charset *cs, const struct str *in, char *out,
	    size_t len);

/*
 * html.c: the text of HTML to out, where there must be room for half as much
 * again: "<>" in a quotation becomes three bytes.  Returns the length.
 */
size_t	 html_text(const char *s, size_t len, char *out);

/*
 * utf8.c
 */
bool	 utf8_is_valid(const struct str *s);
/* Bytes of the well-formed character at s; 0 if there is none. */
size_t	 utf8_valid(const char *s, size_t len);
/* Bytes of the character at s (1 for a byte that begins none). */
size_t	 utf8_length(const char *s, size_t len);
/* Appends one character at out (4 bytes of room); returns its bytes. */
size_t	 utf8_put(uint32_t c, char *out);

#endif
