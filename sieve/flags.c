/*
 * Sets of flags.  Keywords are kept while a script runs, since it may ask
 * for them; only system flags come out of it.
 */
#include <string.h>

#include "program.h"

static const struct {
	const char	*name;
	char		 letter;	/* of a Maildir's file name: sorted */
} system_flags[] = {
	{ "\\draft", 'D' },
	{ "\\flagged", 'F' },
	{ "\\answered", 'R' },
	{ "\\seen", 'S' },
	{ "\\deleted", 'T' },
};

/* A system flag, or an atom of IMAP (RFC 3501, section 9); not empty. */
static bool
is_flag(const struct str *s)
{
	size_t i;

	for (i = 0; i < nitems(system_flags); i++)
		if (str_is(s, system_flags[i].name))
			return true;
	for (i = 0; i < s->len; i++)
		if (s->s[i] < '!' || s->s[i] >= 0x7f ||
		    is_one_of(s->s[i], "(){%*\"\\]"))
			return false;
	return true;
}

/* What stands between blanks at the start of s, which begins behind it. */
static bool
flags_word(struct str *s, struct str *word)
{
	for (; s->len > 0 && *s->s == ' '; s->len--)
		s->s++;
	word->s = s->s;
	for (word->len = 0; s->len > 0 && *s->s != ' '; s->len--) {
		s->s++;
		word->len++;
	}
	return word->len > 0;
}

bool
flags_next(struct str *s, struct str *flag)
{
	while (flags_word(s, flag))
		if (is_flag(flag))
			return true;
	return false;
}

static bool
has_flag(struct str set, const struct str *flag)
{
	struct str f;

	while (flags_next(&set, &f))
		if (str_same(&f, flag))
			return true;
	return false;
}

/* Makes the set's bytes its own, with room for as many as there may be. */
static char *
own(struct run *r, struct str *set)
{
	char *buf = run_take(r, &r->kept, VARIABLE);

	if (buf == NULL)
		return NULL;
	if (set->len > 0)
		memcpy(buf, set->s, set->len);
	set->s = buf;
	return buf;
}

static bool
flags_put(struct run *r, struct str *set, char *buf, const struct str *flag)
{
	size_t len = set->len + (set->len > 0) + flag->len;

	if (len > VARIABLE)
		return run_fail(r, "the flags have more than %d bytes",
		    VARIABLE);
	if (set->len > 0)
		buf[set->len] = ' ';
	memcpy(buf + len - flag->len, flag->s, flag->len);
	set->len = len;
	return true;
}

static bool
cut(struct run *r, struct str *set, char *buf, const struct str *flag)
{
	struct str rest = *set, word;

	(void)r;
	for (set->len = 0; flags_word(&rest, &word);) {
		if (str_same(&word, flag))
			continue;
		if (set->len > 0)
			buf[set->len++] = ' ';
		memmove(buf + set->len, word.s, word.len);
		set->len += word.len;
	}
	return true;
}

/*
 * Calls what for each flag of the list that is in the set already, or with
 * has false for each that is not.
 */
static bool
change(struct run *r, struct str *set, const struct list *flags, bool has,
    bool (*what)(struct run *, struct str *, char *, const struct str *))
{
	struct str *s = run_expand(r, flags), flag;
	char *buf = s == NULL ? NULL : own(r, set);
	size_t i;

	if (buf == NULL)
		return false;
	for (i = 0; i < flags->n; i++)
		while (flags_next(&s[i], &flag)) {
			if (!run_step(r, 1 + set->len / 16))
				return false;
			if (has_flag(*set, &flag) == has &&
			    !what(r, set, buf, &flag))
				return false;
		}
	return true;
}

bool
flags_add(struct run *r, struct str *set, const struct list *flags)
{
	return change(r, set, flags, false, flags_put);
}

bool
flags_remove(struct run *r, struct str *set, const struct list *flags)
{
	return change(r, set, flags, true, cut);
}

void
flags_letters(const struct str *set, char letters[6])
{
	struct str rest = *set, f;
	bool has[nitems(system_flags)] = { false };
	size_t i, n = 0;

	while (flags_next(&rest, &f))
		for (i = 0; i < nitems(system_flags); i++)
			if (str_is(&f, system_flags[i].name))
				has[i] = true;
	for (i = 0; i < nitems(system_flags); i++)
		if (has[i])
			letters[n++] = system_flags[i].letter;
	letters[n] = '\0';
}
