/*
 * The text of HTML, for body :text: no browser's reading of it, but what words
 * stand in it.  Tags are blanks, and in a quotation lines that begin with "> ",
 * as Pigeonhole has them; comments are nothing, scripts and styles a blank.
 */
#include <string.h>

#include "impl.h"

#define ENTITY		10	/* bytes of the longest that is looked at */
#define NOTHING		UINT32_MAX	/* what an unknown one stands for */

/*
 * Of U+00A0 to U+00FF, in their order.  Such names are no pointers, here and
 * in other tables: a program that lies anywhere in memory has each of those
 * set right at its start, be there a script or none.
 */
static const char latin1[][7] = {
	"nbsp", "iexcl", "cent", "pound", "curren", "yen", "brvbar", "sect",
	"uml", "copy", "ordf", "laquo", "not", "shy", "reg", "macr", "deg",
	"plusmn", "sup2", "sup3", "acute", "micro", "para", "middot",
	"cedil", "sup1", "ordm", "raquo", "frac14", "frac12", "frac34",
	"iquest", "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring",
	"AElig", "Ccedil", "Egrave", "Eacute", "Ecirc", "Euml", "Igrave",
	"Iacute", "Icirc", "Iuml", "ETH", "Ntilde", "Ograve", "Oacute",
	"Ocirc", "Otilde", "Ouml", "times", "Oslash", "Ugrave", "Uacute",
	"Ucirc", "Uuml", "Yacute", "THORN", "szlig", "agrave", "aacute",
	"acirc", "atilde", "auml", "aring", "aelig", "ccedil", "egrave",
	"eacute", "ecirc", "euml", "igrave", "iacute", "icirc", "iuml",
	"eth", "ntilde", "ograve", "oacute", "ocirc", "otilde", "ouml",
	"divide", "oslash", "ugrave", "uacute", "ucirc", "uuml", "yacute",
	"thorn", "yuml",
};

static const struct {
	char		 name[8];
	uint32_t	 c;
} entities[] = {
	{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' },
	{ "apos", '\'' }, { "OElig", 0x152 }, { "oelig", 0x153 },
	{ "Scaron", 0x160 }, { "scaron", 0x161 }, { "Yuml", 0x178 },
	{ "circ", 0x2c6 }, { "tilde", 0x2dc }, { "ensp", 0x2002 },
	{ "emsp", 0x2003 }, { "thinsp", 0x2009 }, { "zwnj", 0x200c },
	{ "zwj", 0x200d }, { "ndash", 0x2013 }, { "mdash", 0x2014 },
	{ "lsquo", 0x2018 }, { "rsquo", 0x2019 }, { "sbquo", 0x201a },
	{ "ldquo", 0x201c }, { "rdquo", 0x201d }, { "bdquo", 0x201e },
	{ "dagger", 0x2020 }, { "Dagger", 0x2021 }, { "bull", 0x2022 },
	{ "hellip", 0x2026 }, { "permil", 0x2030 }, { "lsaquo", 0x2039 },
	{ "rsaquo", 0x203a }, { "euro", 0x20ac }, { "trade", 0x2122 },
};

/* What is left of the HTML, and the text so far. */
struct html {
	const char	*s, *end;
	char		*out;
	size_t		 len;
	size_t		 quotes;	/* blockquotes that are open */
};

/* Does what comes next begin with word?  Case aside. */
static bool
is_next(const struct html *h, const char *word)
{
	struct str rest = { h->s, (size_t)(h->end - h->s) };

	return str_begins(&rest, word);
}

/* The same, with the name ending there. */
static bool
is_tag(const struct html *h, const char *tag)
{
	size_t n = strlen(tag);

	return is_next(h, tag) && (size_t)(h->end - h->s) > n &&
	    (is_space(h->s[n]) || h->s[n] == '>');
}

static void
put(struct html *h, const char *text)
{
	while (*text != '\0')
		h->out[h->len++] = *text++;
}

/* Passes over all until word, and over it.  false: it does not come. */
static bool
skip_until(struct html *h, const char *word)
{
	while (h->s < h->end && !is_next(h, word))
		h->s++;
	if (h->s == h->end)
		return false;
	h->s += strlen(word);
	return true;
}

static void
html_comment(struct html *h)
{
	h->s += 4;
	while (h->s < h->end) {
		(void)skip_until(h, "--");
		while (h->s < h->end && is_space(*h->s))
			h->s++;
		if (h->s < h->end && *h->s++ == '>')
			return;
	}
}

/* Passes over a tag, in whose quotes ">" may stand.  false: it has no end. */
static bool
skip_tag(struct html *h)
{
	char quote = '\0';

	for (; h->s < h->end; h->s++) {
		if (quote == '\0' && *h->s == '>') {
			h->s++;
			return true;
		}
		if (quote == '\0' && (*h->s == '"' || *h->s == '\''))
			quote = *h->s;
		else if (*h->s == quote)
			quote = '\0';
		else if (quote != '\0' && *h->s == '\\' && h->s + 1 < h->end)
			h->s++;
	}
	return false;
}

static void
put_blank(struct html *h)
{
	if (h->len > 0 && !is_one_of(h->out[h->len - 1], " \r\n"))
		put(h, " ");
}

static void
html_tag(struct html *h)
{
	bool ends = h->quotes > 0 && is_next(h, "</blockquote>");

	if (is_tag(h, "<blockquote"))
		h->quotes++;
	else if (ends)
		h->quotes--;
	if (!skip_tag(h))
		return;
	if (h->quotes > 0)
		put(h, "\n> ");
	else if (ends)
		put(h, "\n");
	else
		put_blank(h);
}

/* What stands at "<". */
static void
read_tag(struct html *h)
{
	if (is_next(h, "<!--")) {
		html_comment(h);
	} else if (is_tag(h, "<script")) {
		if (skip_until(h, "</script>"))
			put_blank(h);
	} else if (is_tag(h, "<style")) {
		if (skip_until(h, "</style>"))
			put_blank(h);
	} else {
		html_tag(h);
	}
}

/* A CDATA section: text without tags and entities. */
static void
read_cdata(struct html *h)
{
	h->s += strlen("<![CDATA[");
	while (h->s < h->end && !is_next(h, "]]>"))
		h->out[h->len++] = *h->s++;
	(void)skip_until(h, "]]>");
}

/* Of "#65" or "#x41", NOTHING if it is no number.  ";" is behind it. */
static uint32_t
entity_number(const char *s, size_t len)
{
	uint32_t n = 0, base = 10, digit;
	size_t i = 1;

	if (s[1] == 'x') {
		base = 16;
		i = 2;
	}
	if (i == len)
		return NOTHING;
	for (; i < len; i++) {
		if (is_digit(s[i]))
			digit = (uint32_t)(s[i] - '0');
		else if (base == 16 && (s[i] | 0x20) >= 'a' &&
		    (s[i] | 0x20) <= 'f')
			digit = (uint32_t)((s[i] | 0x20) - 'a' + 10);
		else
			return NOTHING;
		if ((n = n * base + digit) > 0x10ffff)
			return NOTHING;
	}
	return n >= 0xd800 && n <= 0xdfff ? NOTHING : n;
}

/* What a name stands for, NOTHING if there is none.  ";" is behind it. */
static uint32_t
entity_find(const char *s, size_t len)
{
	size_t i;

	if (*s == '#')
		return entity_number(s, len);
	for (i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (strlen(entities[i].name) == len &&
		    memcmp(entities[i].name, s, len) == 0)
			return entities[i].c;
	for (i = 0; i < sizeof(latin1) / sizeof(latin1[0]); i++)
		if (strlen(latin1[i]) == len &&
		    memcmp(latin1[i], s, len) == 0)
			return (uint32_t)(0xa0 + i);
	return NOTHING;
}

/* What stands at "&"; it is never longer than what it stands for. */
static void
html_entity(struct html *h)
{
	const char *name = ++h->s;
	uint32_t c;
	size_t n = 0, left = (size_t)(h->end - name);

	while (n < left && n < ENTITY && name[n] != ';' &&
	    !is_space(name[n]))
		n++;
	if (n == left || name[n] != ';')
		return;
	if ((c = entity_find(name, n)) != NOTHING)
		h->len += utf8_put(c, h->out + h->len);
	h->s += n + 1;
}

size_t
html_text(const char *s, size_t len, char *out)
{
	struct html h = { s, s + len, out, 0, 0 };

	while (h.s < h.end) {
		if (is_next(&h, "<![CDATA["))
			read_cdata(&h);
		else if (*h.s == '<')
			read_tag(&h);
		else if (*h.s == '&')
			html_entity(&h);
		else
			out[h.len++] = *h.s++;
	}
	return h.len;
}
