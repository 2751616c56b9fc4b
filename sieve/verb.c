/*
 * All commands and tests, by name: how each is called, and who checks and runs
 * it.
 */
#include <stdlib.h>

#include "program.h"

#define COMPARES	(TAG_COMPARATOR | TAG_MATCH)
#define FLAGS		(EXT_IMAP4FLAGS | EXT_IMAPFLAGS)

static const struct verb commands[] = {
	{ "addflag", FLAGS, "f", 0, TESTS_NONE, false, NULL,
	    action_flags, NULL },
	{ "discard", 0, "", 0, TESTS_NONE, false, NULL,
	    action_discard, NULL },
	{ "else", 0, "", 0, TESTS_NONE, true, NULL, action_if, NULL },
	{ "elsif", 0, "", 0, TESTS_ONE, true, check_condition,
	    action_if, NULL },
	{ "ereject", EXT_EREJECT, "s", 0, TESTS_NONE, false, NULL,
	    action_reject, NULL },
	{ "error", EXT_IHAVE, "s", 0, TESTS_NONE, false, NULL,
	    action_error, NULL },
	{ "fileinto", EXT_FILEINTO, "s", TAG_COPY | TAG_CREATE | TAG_FLAGS,
	    TESTS_NONE, false, check_fileinto, action_fileinto, NULL },
	{ "global", EXT_INCLUDE, "l", 0, TESTS_NONE, false, check_global,
	    action_nothing, NULL },
	{ "if", 0, "", 0, TESTS_ONE, true, check_condition,
	    action_if, NULL },
	{ "include", EXT_INCLUDE, "s", TAG_LOCATION | TAG_ONCE | TAG_OPTIONAL,
	    TESTS_NONE, false, check_include, action_include, NULL },
	{ "keep", 0, "", TAG_FLAGS, TESTS_NONE, false, NULL,
	    action_keep, NULL },
	{ "mark", EXT_IMAPFLAGS, "", 0, TESTS_NONE, false, NULL,
	    action_mark, NULL },
	{ "reject", EXT_REJECT, "s", 0, TESTS_NONE, false, NULL,
	    action_reject, NULL },
	{ "removeflag", FLAGS, "f", 0, TESTS_NONE, false, NULL,
	    action_flags, NULL },
	{ "require", 0, "l", 0, TESTS_NONE, false, check_require,
	    action_nothing, NULL },
	{ "return", EXT_INCLUDE, "", 0, TESTS_NONE, false, NULL,
	    action_return, NULL },
	{ "set", EXT_VARIABLES, "ss", TAG_CASE | TAG_FIRST | TAG_QUOTE |
	    TAG_LENGTH, TESTS_NONE, false, check_set, action_set, NULL },
	{ "setflag", FLAGS, "f", 0, TESTS_NONE, false, NULL,
	    action_flags, NULL },
	{ "stop", 0, "", 0, TESTS_NONE, false, NULL, action_stop, NULL },
	{ "unmark", EXT_IMAPFLAGS, "", 0, TESTS_NONE, false, NULL,
	    action_mark, NULL },
};

static const struct verb tests[] = {
	{ "address", 0, "ll", COMPARES | TAG_PART | TAG_INDEX | TAG_LAST,
	    TESTS_NONE, false, check_address, NULL, test_address },
	{ "allof", 0, "", 0, TESTS_LIST, false, check_allof,
	    NULL, test_allof },
	{ "anyof", 0, "", 0, TESTS_LIST, false, check_anyof,
	    NULL, test_anyof },
	{ "body", EXT_BODY, "l", COMPARES | TAG_TRANSFORM, TESTS_NONE, false,
	    NULL, NULL, test_body },
	{ "currentdate", EXT_DATE, "sl", COMPARES | TAG_ZONE, TESTS_NONE,
	    false, NULL, NULL, test_currentdate },
	{ "date", EXT_DATE, "ssl", COMPARES | TAG_ZONE | TAG_ORIGINAL |
	    TAG_INDEX | TAG_LAST, TESTS_NONE, false, check_date,
	    NULL, test_date },
	{ "envelope", EXT_ENVELOPE, "ll", COMPARES | TAG_PART, TESTS_NONE,
	    false, check_envelope, NULL, test_envelope },
	{ "environment", EXT_ENVIRONMENT, "sl", COMPARES, TESTS_NONE, false,
	    NULL, NULL, test_environment },
	{ "exists", 0, "l", 0, TESTS_NONE, false, NULL, NULL, test_exists },
	{ "false", 0, "", 0, TESTS_NONE, false, check_false,
	    NULL, test_true },
	{ "hasflag", EXT_IMAP4FLAGS, "f", COMPARES, TESTS_NONE, false, NULL,
	    NULL, test_hasflag },
	{ "header", 0, "ll", COMPARES | TAG_INDEX | TAG_LAST, TESTS_NONE,
	    false, NULL, NULL, test_header },
	{ "ihave", EXT_IHAVE, "l", 0, TESTS_NONE, false, check_ihave,
	    NULL, test_true },
	{ "mailboxexists", EXT_MAILBOX, "l", 0, TESTS_NONE, false, NULL,
	    NULL, test_mailboxexists },
	{ "not", 0, "", 0, TESTS_ONE, false, check_not, NULL, test_not },
	{ "size", 0, "n", TAG_LIMIT, TESTS_NONE, false, check_size,
	    NULL, test_size },
	{ "string", EXT_VARIABLES, "ll", COMPARES, TESTS_NONE, false, NULL,
	    NULL, test_string },
	{ "true", 0, "", 0, TESTS_NONE, false, check_true, NULL, test_true },
};

const struct verb *
verb_find(const struct str *name, bool is_test)
{
	const struct verb *table = is_test ? tests : commands;
	size_t n = is_test ? nitems(tests) : nitems(commands);

	return bsearch(name, table, n, sizeof(*table), str_compare);
}
