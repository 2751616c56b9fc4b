/*
 * Sieve, as a table: a row is a script, and what RFC 5228, its extensions,
 * Pigeonhole or lmtpd(8) say must come of it for the message below.  Prints
 * a line for each row that fails, and a count.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sieve/program.h"
#include "fence.h"

#define AT		__LINE__	/* where a row stands */

static const char message[] =
    "Return-Path: <alice@example.com>\n"
    "Received: from a by b; Fri, 27 Nov 2026 16:00:00 +0000\n"
    "From: Alice <alice@example.com>\n"
    "To: \"Bob B\" <bob+detail@example.org>,\n"
    "\tCarol <carol@x.example>\n"
    "Subject: Hello [list] World\n"
    "Date: Sat, 28 Nov 2026 16:00:00 +0100\n"
    "X-Flag: YES\n"
    "X-Level: 12\n"
    "X-A: one\n"
    "X-A: two\n"
    "X-A: three\n"
    "\n"
    "Body text here\n";

/* What include finds, beside chain0, chain1, ... of which each has the next. */
static const struct {
	const char	*name;
	const char	*text;
} library[] = {
	{ "bad", "keep;\n foo;" },
	{ "dated", "require \"date\";" },
	{ "global", "require [\"include\", \"variables\", \"fileinto\"];"
	    "global \"g\"; fileinto \"got ${g}\"; set \"g\" \"new\";"
	    "set \"l\" \"${l}x\"; fileinto \"local ${l}\";" },
	{ "into", "require \"fileinto\"; fileinto \"included\";" },
	{ "loop", "require \"include\"; include \"loop\";" },
	{ "matches", "require [\"variables\", \"fileinto\"];"
	    "fileinto \"before ${1}\";"
	    "if header :matches \"x-level\" \"*\" { fileinto \"in ${1}\"; }" },
	{ "once", "require [\"include\", \"fileinto\"];"
	    "fileinto \"once\"; include :once \"once\";" },
	{ "returns", "require \"include\"; return; discard;" },
	{ "runtime", "require \"ihave\";\n\nerror \"no\";" },
	{ "stops", "stop;" },
	{ "torn", "keep;\n @" },
};

static const struct {
	int		 at;
	const char	*script;
	const char	*want;
} rows[] = {
	/* What is kept, and what cancels it. */
	{ AT, "keep",
	    "compile:1:5: expected ';' or '{' behind this command, but "
	    "found the end of the script" },
	{ AT, "keep;", "keep" },
	{ AT, "", "implicit keep" },
	{ AT, "KEEP; Discard;", "keep" },
	{ AT, "discard;", "discard" },
	{ AT, "discard; keep;", "keep" },
	{ AT, "discard; discard;", "discard" },
	{ AT, "stop; discard;", "implicit keep" },
	{ AT, "if true { stop; discard; } discard;", "implicit keep" },
	{ AT, "require \"fileinto\"; fileinto \"x\";", "into x" },
	{ AT, "require \"fileinto\"; fileinto \"x\"; fileinto \"y\"; fileinto "
	    "\"x\";", "into y, into x" },
	{ AT, "require \"fileinto\"; fileinto \"a/b\"; fileinto \"c\"; "
	    "fileinto \"a.b\";", "into c, into a/b" },
	{ AT, "require \"fileinto\"; fileinto \"a.b\"; fileinto \"axb\"; "
	    "fileinto \"a.bc\";", "into a.b, into axb, into a.bc" },
	{ AT, "require \"fileinto\"; fileinto \"x\"; fileinto \"X\";",
	    "into x, into X" },
	{ AT, "require \"fileinto\"; fileinto \"inbox\"; fileinto \"INBOX\";",
	    "into INBOX" },
	{ AT, "require \"fileinto\"; fileinto \"InBox.Sent\";",
	    "into InBox.Sent" },
	{ AT, "require [\"fileinto\", \"copy\"]; fileinto :copy \"x\";",
	    "into x, implicit keep" },
	{ AT, "require [\"fileinto\", \"copy\"]; fileinto :copy \"x\"; "
	    "discard;", "into x" },
	{ AT, "require [\"fileinto\", \"copy\"]; fileinto :copy \"x\"; keep; "
	    "discard;", "into x, keep" },
	{ AT, "require [\"fileinto\", \"copy\"]; discard; fileinto :copy "
	    "\"x\";", "into x" },
	{ AT, "require [\"fileinto\", \"copy\"]; fileinto :copy \"x\"; "
	    "fileinto \"x\";", "into x, implicit keep" },
	{ AT, "require [\"fileinto\", \"copy\"]; fileinto \"x\"; fileinto "
	    ":copy \"x\";", "into x" },
	{ AT, "require [\"fileinto\", \"mailbox\"]; fileinto :create \"x\";",
	    "create x" },
	{ AT, "require [\"fileinto\", \"mailbox\"]; fileinto :create \"x\"; "
	    "fileinto \"x\";", "create x" },
	{ AT, "require [\"fileinto\", \"mailbox\"]; fileinto \"x\"; fileinto "
	    ":create \"x\";", "into x" },
	{ AT, "require \"reject\"; reject \"no\";", "reject no" },
	{ AT, "require \"ereject\"; ereject \"no\";", "reject no" },
	{ AT, "require \"reject\"; reject \"\";", "reject " },
	{ AT, "require \"reject\"; reject text:\n\n\n.\n;", "reject " },
	{ AT, "require \"reject\"; reject text:\none\n\ntwo\n\n.\n;",
	    "reject one\n\ntwo" },
	{ AT, "require [\"reject\", \"encoded-character\"]; reject "
	    "\"a${hex:01 7f ff 09}b${unicode:e9}\";",
	    "reject a??? b\303\251" },
	/* Half a character, and behind the text its other half. */
	{ AT, "require [\"reject\", \"encoded-character\", \"variables\", "
	    "\"regex\"]; set \"a\" \"a${unicode:e9}\";"
	    "if string :comparator \"i;octet\" :regex \"${a}\" "
	    "\"(a.)\" { reject \"${1}\"; }", "reject a?" },
	{ AT, "require \"reject\"; discard; reject \"no\"; discard;",
	    "reject no" },
	{ AT, "require \"reject\"; reject \"no\"; reject \"yes\";",
	    "run:1:32: the message is refused already, on line 1" },
	{ AT, "require [\"reject\", \"ereject\"]; ereject \"no\"; reject "
	    "\"yes\";", "run:1:46: the message is refused already, on line 1" },
	{ AT, "require \"reject\"; reject \"no\"; keep;",
	    "run:1:32: a message is delivered or refused, not both: see "
	    "line 1" },
	{ AT, "require \"reject\"; keep; reject \"no\";",
	    "run:1:25: a message is delivered or refused, not both: see "
	    "line 1" },
	{ AT, "require [\"reject\", \"fileinto\", \"copy\"]; fileinto :copy "
	    "\"x\"; reject \"no\";",
	    "run:1:61: a message is delivered or refused, not both: see "
	    "line 1" },
	/* Names of folders. */
	{ AT, "require \"fileinto\"; fileinto \"\";",
	    "run:1:21: the folder \"\" cannot be: a part of it is empty" },
	{ AT, "require \"fileinto\"; fileinto \"a//b\";",
	    "run:1:21: the folder \"a//b\" cannot be: a part of it is empty" },
	{ AT, "require \"fileinto\"; fileinto \".a\";",
	    "run:1:21: the folder \".a\" cannot be: a part of it is empty" },
	{ AT, "require \"fileinto\"; fileinto \"a/\";",
	    "run:1:21: the folder \"a/\" cannot be: a part of it is empty" },
	{ AT, "require \"fileinto\"; fileinto \"a\nb\";",
	    "run:1:21: the folder \"a??b\" cannot be: there is a control "
	    "character in it" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"a${hex:00}\";",
	    "run:1:44: the folder \"a\" cannot be: there is a control "
	    "character in it" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"a${hex:ff}\";", "compile:1:44: the folder's name is not UTF-8" },
	{ AT, "require [\"fileinto\", \"encoded-character\", \"variables\"]; "
	    "fileinto \"a${hex:ff}${x}\";",
	    "run:1:57: the folder \"a?\" cannot be: it is not UTF-8" },
	{ AT, "require \"fileinto\"; fileinto \"Entw\303\274rfe & mehr\";",
	    "into Entw\303\274rfe & mehr" },
	/* The text of a script. */
	{ AT, "if header:is\"x-flag\"\"yes\"{discard;}", "discard" },
	{ AT, "keep # comment\n; /* a \n * /*/ stop;\n# the end", "keep" },
	{ AT, "require \"fileinto\"; fileinto \"a\\b\\\"c\\\\\";",
	    "into ab\"c\\" },
	{ AT, "require \"fileinto\"; fileinto text:\na.\n.\n;",
	    "run:1:21: the folder \"a.??\" cannot be: there is a control "
	    "character in it" },
	{ AT, "require [\"variables\", \"reject\"]; set \"a\" text: # "
	    "c\na\r\n..b\n.\n; if string \"${a}\" \"a\n.b\n\" { discard; }",
	    "discard" },
	{ AT, "require [\"variables\"]; set \"a\" text:\n.\n; if string "
	    "\"${a}\" \"\" { discard; }", "discard" },
	{ AT, "require [\"variables\"]; set \"z\" \"1\"; set \"_9Z\" "
	    "\"2\"; set \"Aa0\" \"3\"; if string \"${z}${_9z}${AA0}${Z}\" "
	    "\"1231\" { discard; }", "discard" },
	{ AT, "require [\"variables\"]; set \"a\" TEXT:\n...\n.\n; if string "
	    "\"${a}\" \"..\n\" { discard; }", "discard" },
	{ AT, "require \"reject\"; reject text:\nx\n.",
	    "compile:3:2: expected ';' or '{' behind this "
	    "command, but found the end of the script" },
	{ AT, "require [\"variables\", \"fileinto\"]; set \"a_B\" \"x\"; "
	    "fileinto \"${A_b}\";", "into x" },
	{ AT, "require [\"variables\", \"fileinto\"]; set :length \"a\" "
	    "\"0123456789ab\"; fileinto \"${a}\";", "into 12" },
	{ AT, "if size :over 1K { discard; }", "implicit keep" },
	{ AT, "if not size :over 0K { stop; } discard;", "discard" },
	{ AT, "if size :over 18446744073709551615 { discard; }",
	    "implicit keep" },
	{ AT, "if size :over 18446744073709551616 { discard; }",
	    "compile:1:15: this number is too large" },
	{ AT, "if size :over 17179869183G { discard; }", "implicit keep" },
	{ AT, "if size :over 17179869184g { discard; }",
	    "compile:1:15: this number is too large" },
	{ AT, "if size :over 17592186044415M { discard; }",
	    "implicit keep" },
	{ AT, "if size :over 17592186044416m { discard; }",
	    "compile:1:15: this number is too large" },
	{ AT, "if size :over 18014398509481983K { discard; }",
	    "implicit keep" },
	{ AT, "if size :over 18014398509481984k { discard; }",
	    "compile:1:15: this number is too large" },
	{ AT, "if size :over 10X { discard; }",
	    "compile:1:17: a '{', ',' or ')' is missing before \"X\"" },
	{ AT, "", "implicit keep" },
	{ AT, ";", "compile:1:1: expected a command, but found ';'" },
	{ AT, "keep;;", "compile:1:6: expected a command, but found ';'" },
	{ AT, "keep; }", "compile:1:7: expected a command, but found '}'" },
	{ AT, "{ keep; }", "compile:1:1: expected a command, but found '{'" },
	{ AT, "@", "compile:1:1: this character means nothing here" },
	{ AT, "\357\273\277keep;",
	    "compile:1:1: this character means nothing here" },
	{ AT, "keep a-b;", "compile:1:7: this character means nothing here" },
	{ AT, "keep :;",
	    "compile:1:6: expected ';' or '{' behind this command, but "
	    "found ':'" },
	{ AT, ":foo;", "compile:1:1: expected a command, but found \":foo\"" },
	{ AT, "if true { keep; ",
	    "compile:1:17: expected a command or '}' of this block, but "
	    "found the end of the script" },
	{ AT, "if true { keep }",
	    "compile:1:16: expected ';' or '{' behind this command, but "
	    "found '}'" },
	{ AT, "keep; /* never ends", "compile:1:7: this comment has no end" },
	{ AT, "require \"fileinto\"; fileinto \"never ends",
	    "compile:1:30: this string has no end" },
	{ AT, "keep; /*", "compile:1:7: this comment has no end" },
	{ AT, "keep; /*/", "compile:1:7: this comment has no end" },
	{ AT, "keep; /**/", "keep" },
	{ AT, "text:\nnever ends\n",
	    "compile:1:1: this text has no line with a dot that ends it" },
	{ AT, "require \"fileinto\"; fileinto text: \t#\nx\n.\n;",
	    "run:1:21: the folder \"x??\" cannot be: there is a control "
	    "character in it" },
	{ AT, "require \"fileinto\"; fileinto text: x\n.\n;",
	    "compile:1:30: only a comment may stand behind \"text:\"" },
	{ AT, "if true, false {}",
	    "compile:1:8: expected ';' or '{' behind this command, but "
	    "found ','" },
	{ AT, "if anyof(true false) {}",
	    "compile:1:15: a '{', ',' or ')' is missing before \"false\"" },
	{ AT, "if anyof() {}",
	    "compile:1:10: expected a test in this list of tests, but found "
	    "')'" },
	{ AT, "if anyof(true,) {}",
	    "compile:1:15: expected a test in this list of tests, but found "
	    "')'" },
	{ AT, "if header [\"a\" \"b\"] \"c\" {}",
	    "compile:1:16: expected ',' or ']' in this list, but found a "
	    "string" },
	{ AT, "if header [\"a\",] \"c\" {}",
	    "compile:1:16: expected a string of this list, but found ']'" },
	{ AT, "if header [] \"c\" {}",
	    "compile:1:12: expected a string of this list, but found ']'" },
	{ AT, "keep\rdiscard;",
	    "compile:1:6: a ';' is missing before \"discard\"" },
	{ AT, "require \"fileinto\"; fileinto \"a\rb\";",
	    "compile:1:30: this string has a CR without its LF" },
	{ AT, "require \"fileinto\"; fileinto \"a\\",
	    "compile:1:30: this string has no end" },
	{ AT, "require \"fileinto\"; fileinto \"\\\"\";", "into \"" },
	{ AT, "require [\"fileinto\", \"variables\"]; set :length \"a\" "
	    "\"\n\"; fileinto \"${a}\";", "into 2" },
	{ AT, "require \"reject\"; reject text:\nx\n.\n",
	    "compile:4:1: expected ';' or '{' behind this "
	    "command, but found the end of the script" },
	{ AT, "require \"reject\"; reject text:\r\nx\r\n.\r\n",
	    "compile:4:1: expected ';' or '{' behind this "
	    "command, but found the end of the script" },
	{ AT, "require \"reject\"; reject text:\r\nx\r\n.\r\n;",
	    "reject x" },
	{ AT, "require \"reject\"; reject text:\n.x\n.\n;", "reject .x" },
	{ AT, "text:\r", "compile:1:1: only a comment may stand behind "
	    "\"text:\"" },
	{ AT, "text:\r\n",
	    "compile:1:1: this text has no line with a dot that ends it" },
	{ AT, "text:",
	    "compile:1:1: this text has no line with a dot that ends it" },
	{ AT, "text",
	    "compile:1:5: expected ';' or '{' behind this command, but "
	    "found the end of the script" },
	{ AT, ":a", "compile:1:1: expected a command, but found \":a\"" },
	{ AT, "1", "compile:1:1: expected a command, but found a number" },
	{ AT, "if header [a] \"c\" {}",
	    "compile:1:12: expected a string of this list, but found "
	    "\"a\"" },
	/* Commands, and what they want. */
	{ AT, "foo;", "compile:1:1: unknown command \"foo\"" },
	{ AT, "vacation \"x\";", "compile:1:1: unknown command \"vacation\"" },
	{ AT, "require \"vacation\"; keep;",
	    "compile:1:9: require \"vacation\" is not supported" },
	{ AT, "require [\"fileinto\", \"notify\"]; keep;",
	    "compile:1:9: require \"notify\" is not supported" },
	{ AT, "require \"comparator-i;octet\"; keep;", "keep" },
	{ AT, "require \"comparator-i;ascii-casemap\"; keep;", "keep" },
	{ AT, "require \"Fileinto\"; keep;",
	    "compile:1:9: require \"Fileinto\" is not supported" },
	{ AT, "require \"fileinto\"; require \"copy\"; keep;", "keep" },
	{ AT, "keep; require \"fileinto\";",
	    "compile:1:7: \"require\" must come before all other commands" },
	{ AT, "if true { require \"fileinto\"; }",
	    "compile:1:11: \"require\" must come before all other commands" },
	{ AT, "require \"fileinto\" \"copy\";",
	    "compile:1:20: \"require\" has an argument too many" },
	{ AT, "fileinto \"x\";",
	    "compile:1:1: \"fileinto\" wants require \"fileinto\"" },
	{ AT, "require \"fileinto\"; fileinto;",
	    "compile:1:21: argument 1 of \"fileinto\", a string, is missing" },
	{ AT, "require \"fileinto\"; fileinto \"x\" \"y\";",
	    "compile:1:34: \"fileinto\" has an argument too many" },
	{ AT, "require \"fileinto\"; fileinto [\"x\"];",
	    "compile:1:30: argument 1 of \"fileinto\" is to be a string, "
	    "not a list of strings" },
	{ AT, "require \"fileinto\"; fileinto 1;",
	    "compile:1:30: argument 1 of \"fileinto\" is to be a string, "
	    "not a number" },
	{ AT, "require \"fileinto\"; fileinto :copy \"x\";",
	    "compile:1:30: \":copy\" wants require \"copy\"" },
	{ AT, "require \"fileinto\"; fileinto :foo \"x\";",
	    "compile:1:30: \"fileinto\" has no tag \":foo\"" },
	{ AT, "require [\"fileinto\", \"copy\"]; fileinto :copy :copy \"x\";",
	    "compile:1:46: \":copy\" comes behind another tag of its kind" },
	{ AT, "require [\"fileinto\", \"copy\"]; fileinto \"x\" :copy;",
	    "compile:1:44: \"fileinto\" has an argument too many" },
	{ AT, "require \"mailbox\"; keep :create;",
	    "compile:1:25: \"keep\" has no tag \":create\"" },
	{ AT, "discard \"x\";",
	    "compile:1:9: \"discard\" has an argument too many" },
	{ AT, "stop true;", "compile:1:6: a ';' is missing before \"true\"" },
	{ AT, "keep (true);", "compile:1:1: \"keep\" has no tests of its own" },
	{ AT, "keep {}", "compile:1:1: \"keep\" has no block" },
	{ AT, "true;", "compile:1:1: \"true\" is a test, not a command" },
	{ AT, "if keep {}", "compile:1:4: \"keep\" is a command, not a test" },
	{ AT, "if foo {}", "compile:1:4: unknown test \"foo\"" },
	{ AT, "if {}", "compile:1:1: \"if\" wants one test" },
	{ AT, "if (true) {}", "compile:1:1: \"if\" wants one test" },
	{ AT, "if true;", "compile:1:1: \"if\" wants a block" },
	{ AT, "if anyof true {}",
	    "compile:1:4: \"anyof\" wants tests in parentheses" },
	{ AT, "if not (true) {}", "compile:1:4: \"not\" wants one test" },
	{ AT, "if not true true {}",
	    "compile:1:13: a '{', ',' or ')' is missing before \"true\"" },
	{ AT, "else {}",
	    "compile:1:1: \"else\" must follow \"if\" or \"elsif\"" },
	{ AT, "elsif true {}",
	    "compile:1:1: \"elsif\" must follow \"if\" or \"elsif\"" },
	{ AT, "if true {} keep; else {}",
	    "compile:1:18: \"else\" must follow \"if\" or \"elsif\"" },
	{ AT, "if true {} else {} else {}",
	    "compile:1:20: \"else\" must follow \"if\" or \"elsif\"" },
	{ AT, "if true {} else true {}",
	    "compile:1:17: a ';' is missing before \"true\"" },
	{ AT, "if true {} elsif {}", "compile:1:12: \"elsif\" wants one test" },
	{ AT, "if true {} elsif true;",
	    "compile:1:12: \"elsif\" wants a block" },
	{ AT, "if true { if true { foo; } }",
	    "compile:1:21: unknown command \"foo\"" },
	/* Tests that are known before the run. */
	{ AT, "if false { foo; } discard;", "discard" },
	{ AT, "if true { discard; } else { foo; }", "discard" },
	{ AT, "if true { discard; } elsif foo { foo; }", "discard" },
	{ AT, "if not true {} elsif foo {}",
	    "compile:1:22: unknown test \"foo\"" },
	{ AT, "if anyof(true, foo) { discard; }", "discard" },
	{ AT, "if anyof(false, foo) { discard; }",
	    "compile:1:17: unknown test \"foo\"" },
	{ AT, "if allof(exists \"x\", false, foo) { foo; } discard;",
	    "discard" },
	{ AT, "if allof(foo, false) {}", "compile:1:10: unknown test \"foo\"" },
	{ AT, "if not anyof(false, allof(true, false)) { discard; } else { "
	    "foo; }", "discard" },
	{ AT, "require \"ihave\"; if ihave \"vnd.none\" { foo :bar; } discard;",
	    "discard" },
	{ AT, "require \"ihave\"; if allof(ihave \"vnd.none\", foo :bar) { "
	    "foo; } discard;", "discard" },
	{ AT, "require \"ihave\"; if allof(foo, ihave \"vnd.none\") {}",
	    "compile:1:27: unknown test \"foo\"" },
	{ AT, "require \"ihave\"; if ihave [\"fileinto\", \"vnd.none\"] { "
	    "fileinto \"a\"; } fileinto \"b\";",
	    "compile:1:70: \"fileinto\" wants require \"fileinto\"" },
	{ AT, "require \"ihave\"; if ihave [\"fileinto\", \"copy\"] { "
	    "fileinto :copy \"a\"; } fileinto \"b\";", "into a, into b" },
	{ AT, "require \"ihave\"; if ihave \"fileinto\" { fileinto :copy "
	    "\"a\"; }", "compile:1:49: \":copy\" wants require \"copy\"" },
	{ AT, "require \"ihave\"; if ihave \"variables\" { discard; }",
	    "implicit keep" },
	{ AT, "require \"ihave\"; if ihave \"encoded-character\" { discard; }",
	    "implicit keep" },
	{ AT, "require [\"ihave\", \"encoded-character\"]; error "
	    "\"${hex:1}a${hex:7f}${hex:ff}\";", "run:1:41: ?a??" },
	{ AT, "require [\"ihave\", \"encoded-character\"]; error "
	    "\"${hex:c3}\";", "run:1:41: ?" },
	{ AT, "require [\"ihave\", \"encoded-character\"]; error "
	    "\"${hex:80}\";", "run:1:41: ?" },
	{ AT, "require \"ihave\"; if not ihave \"vnd.none\" { error \"wants "
	    "vnd.none\"; } discard;", "run:1:44: wants vnd.none" },
	{ AT, "require \"ihave\"; if ihave \"vnd.none\" { error \"no\"; } "
	    "discard;", "discard" },
	{ AT, "require [\"ihave\", \"imap4flags\"]; if ihave \"imapflags\" { "
	    "mark; }",
	    "compile:1:37: \"imapflags\" and \"imap4flags\" exclude each "
	    "other" },
	{ AT, "if ihave \"fileinto\" {}",
	    "compile:1:4: \"ihave\" wants require \"ihave\"" },
	/* If, and the tests of tests. */
	{ AT, "if exists \"from\" { discard; } else { stop; }", "discard" },
	{ AT, "if exists \"x-none\" { stop; } elsif exists \"from\" { "
	    "discard; } else { stop; }", "discard" },
	{ AT, "if exists \"x-none\" { stop; } elsif exists \"x-none\" { stop; "
	    "} else { discard; }", "discard" },
	{ AT, "if exists \"from\" { keep; } elsif exists \"from\" { discard; }",
	    "keep" },
	{ AT, "if exists [\"from\", \"to\"] { discard; }", "discard" },
	{ AT, "if exists [\"from\", \"x-none\"] { discard; }",
	    "implicit keep" },
	{ AT, "if not not exists \"from\" { discard; }", "discard" },
	{ AT, "if anyof(exists \"x-none\", exists \"x-nil\") { discard; }",
	    "implicit keep" },
	{ AT, "if allof(exists \"to\", exists \"from\") { discard; }",
	    "discard" },
	{ AT, "if allof(exists \"to\", exists \"x-none\") { discard; }",
	    "implicit keep" },
	{ AT, "if anyof(exists \"x-none\", exists \"from\") { discard; }",
	    "discard" },
	{ AT, "if allof(exists \"x-none\", exists \"from\") { discard; }",
	    "implicit keep" },
	{ AT, "if allof(exists \"from\", not exists \"x-none\") { discard; }",
	    "discard" },
	/* Fields. */
	{ AT, "if header \"x-flag\" \"yes\" { discard; }", "discard" },
	{ AT, "if header :comparator \"i;octet\" \"x-flag\" \"yes\" { "
	    "discard; }", "implicit keep" },
	{ AT, "if header :comparator \"i;ascii-casemap\" \"x-flag\" \"yes\" { "
	    "discard; }", "discard" },
	{ AT, "if header \"subject\" [\"none\", \"hello [LIST] world\"] { "
	    "discard; }", "discard" },
	{ AT, "if header :contains [\"x-none\", \"subject\"] \"[list]\" { "
	    "discard; }", "discard" },
	{ AT, "if header :contains \"x-none\" \"\" { discard; }",
	    "implicit keep" },
	{ AT, "if header :matches \"subject\" \"Hello*W?rld\" { discard; }",
	    "discard" },
	{ AT, "if header :matches \"subject\" \"*[list]\" { discard; }",
	    "implicit keep" },
	{ AT, "if header \"x-a\" \"three\" { discard; }", "discard" },
	{ AT, "if header :is :contains \"a\" \"b\" {}",
	    "compile:1:15: \":contains\" comes behind another tag of its "
	    "kind" },
	{ AT, "if header :comparator \"foo\" \"a\" \"b\" {}",
	    "compile:1:23: unknown comparator \"foo\"" },
	{ AT, "if header :comparator \"i;ascii-numeric\" \"a\" \"b\" {}",
	    "compile:1:23: this comparator wants require "
	    "\"comparator-i;ascii-numeric\"" },
	{ AT, "if header :comparator [\"i;octet\"] \"a\" \"b\" {}",
	    "compile:1:23: \":comparator\" wants a string, not a list of "
	    "strings" },
	{ AT, "if header :comparator :is \"a\" \"b\" {}",
	    "compile:1:23: \":comparator\" wants a string, not a tag" },
	{ AT, "if header :comparator {}",
	    "compile:1:11: \":comparator\" wants a string" },
	{ AT, "require \"comparator-i;ascii-numeric\"; if header :contains "
	    ":comparator \"i;ascii-numeric\" \"a\" \"b\" {}",
	    "compile:1:42: the comparator \"i;ascii-numeric\" compares "
	    "numbers, not parts of a string" },
	{ AT, "require \"comparator-i;ascii-numeric\"; if header :comparator "
	    "\"i;ascii-numeric\" \"x-level\" \"012x\" { discard; }",
	    "discard" },
	{ AT, "require [\"comparator-i;ascii-numeric\", \"regex\"]; if header "
	    ":regex :comparator \"i;ascii-numeric\" \"a\" \"b\" {}",
	    "compile:1:53: the comparator \"i;ascii-numeric\" compares "
	    "numbers, not parts of a string" },
	{ AT, "if header :value \"gt\" \"a\" \"b\" {}",
	    "compile:1:11: \":value\" wants require \"relational\"" },
	{ AT, "require \"relational\"; if header :value \"foo\" \"a\" \"b\" {}",
	    "compile:1:40: a relation is one of \"gt\", \"ge\", \"lt\", "
	    "\"le\", \"eq\" and \"ne\", not \"foo\"" },
	{ AT, "require \"relational\"; if header :value \"GT\" \"a\" \"b\" {}",
	    "compile:1:40: a relation is one of \"gt\", \"ge\", \"lt\", "
	    "\"le\", \"eq\" and \"ne\", not \"GT\"" },
	{ AT, "require \"relational\"; if header :value \"a\" \"b\" {}",
	    "compile:1:40: a relation is one of \"gt\", \"ge\", \"lt\", "
	    "\"le\", \"eq\" and \"ne\", not \"a\"" },
	{ AT, "require [\"relational\", \"comparator-i;ascii-numeric\"]; if "
	    "header :value \"gt\" :comparator \"i;ascii-numeric\" \"x-level\" "
	    "\"9\" { discard; }", "discard" },
	{ AT, "require \"relational\"; if header :value \"gt\" \"x-level\" "
	    "\"9\" { discard; }", "implicit keep" },
	{ AT, "require \"relational\"; if header :value \"le\" \"x-level\" "
	    "\"12\" { discard; }", "discard" },
	{ AT, "require \"relational\"; if allof(header :value \"ge\" "
	    "\"x-level\" \"12\", not header :value \"ge\" \"x-level\" \"13\", "
	    "header :value \"lt\" \"x-level\" \"13\") { discard; }",
	    "discard" },
	{ AT, "require \"relational\"; if header :value \"ne\" \"x-level\" "
	    "\"12\" { discard; }", "implicit keep" },
	{ AT, "require \"relational\"; if header :count \"eq\" \"x-a\" \"3\" "
	    "{ discard; }", "discard" },
	{ AT, "require \"relational\"; if header :count \"eq\" [\"x-a\", "
	    "\"x-flag\", \"x-none\"] \"4\" { discard; }", "discard" },
	{ AT, "require \"relational\"; if header :count \"lt\" \"x-none\" "
	    "\"1\" { discard; }", "discard" },
	{ AT, "if header :regex \"a\" \"b\" {}",
	    "compile:1:11: \":regex\" wants require \"regex\"" },
	{ AT, "require \"regex\"; if header :regex \"a\" [\"x\", \"(\"] {}",
	    "compile:1:21: regular expression \"(\": a \"(\" has no \")\"" },
	{ AT, "require [\"regex\", \"variables\"]; if header :regex "
	    "\"subject\" \"(${a}\" {}",
	    "run:1:33: regular expression \"(\": a \"(\" has no \")\"" },
	{ AT, "require \"regex\"; if header :regex \"subject\" \"^HELLO "
	    ".*(list|foo)\" { discard; }", "discard" },
	{ AT, "require \"regex\"; if header :regex :comparator \"i;octet\" "
	    "\"subject\" \"^HELLO\" { discard; }", "implicit keep" },
	{ AT, "require \"index\"; if header :index 2 \"x-a\" \"two\" { "
	    "discard; }", "discard" },
	{ AT, "require \"index\"; if header :index 2 \"x-a\" \"three\" { "
	    "discard; }", "implicit keep" },
	{ AT, "require \"index\"; if header :index 1 :last \"x-a\" \"three\" "
	    "{ discard; }", "discard" },
	{ AT, "require \"index\"; if header :index 4 :last \"x-a\" \"one\" { "
	    "discard; }", "implicit keep" },
	{ AT, "require \"index\"; if header :index 4 [\"x-flag\", \"x-a\"] "
	    "\"three\" { discard; }", "discard" },
	{ AT, "require \"index\"; if header :index 0 \"x-a\" \"three\" {}",
	    "compile:1:35: \":index\" counts from 1" },
	{ AT, "require \"index\"; if header :last \"x-a\" \"three\" {}",
	    "compile:1:21: \":last\" wants \":index\"" },
	{ AT, "require \"index\"; if exists :index 1 \"x-a\" {}",
	    "compile:1:28: \"exists\" has no tag \":index\"" },
	{ AT, "if header :index 1 \"x-a\" \"one\" {}",
	    "compile:1:11: \":index\" wants require \"index\"" },
	/* What is compared. */
	{ AT, "require [\"variables\", \"regex\"]; set \"a\" \"^HELLO\"; "
	    "if header :regex \"subject\" \"${a}\" { discard; }", "discard" },
	{ AT, "require [\"variables\", \"regex\"]; set \"a\" \"^HELLO\"; "
	    "if header :regex :comparator \"i;octet\" \"subject\" \"${a}\" "
	    "{ discard; }", "implicit keep" },
	{ AT, "require [\"variables\", \"comparator-i;ascii-numeric\"]; if "
	    "string :comparator \"i;ascii-numeric\" \"\" \"foo\" { discard; }",
	    "implicit keep" },
	{ AT, "require [\"variables\", \"relational\"]; if string :value "
	    "\"lt\" \"\" \"a\" { discard; }", "discard" },
	{ AT, "if header [\"x-none\", \"return-path\"] "
	    "\"<alice@example.com>\" { discard; }", "discard" },
	{ AT, "if header \"return-path\" \"<alice@example.com>\" "
	    "{ discard; }", "discard" },
	{ AT, "if exists [\"to\", \"return-path\"] { discard; }", "discard" },
	{ AT, "require [\"index\", \"relational\"]; if header :index 4 :last "
	    ":count \"eq\" \"x-a\" \"0\" { discard; }", "discard" },
	{ AT, "require [\"subaddress\", \"relational\"]; if address :count "
	    "\"eq\" :detail \"from\" \"1\" { discard; }", "discard" },
	{ AT, "require \"subaddress\"; if address :detail :contains \"from\" "
	    "\"\" { discard; }", "implicit keep" },
	{ AT, "require [\"envelope\", \"relational\"]; if envelope :count "
	    "\"eq\" [\"from\", \"auth\"] \"1\" { discard; }", "discard" },
	/* The first value that matches sets the match values. */
	{ AT, "require [\"variables\", \"fileinto\"]; if address :matches "
	    "[\"from\", \"to\"] \"*@*\" { fileinto \"${1}\"; }",
	    "into alice" },
	{ AT, "require [\"variables\", \"fileinto\", \"envelope\"]; if "
	    "envelope :matches [\"from\", \"to\"] \"*@*\" { fileinto "
	    "\"${1}\"; }", "into sender" },
	{ AT, "require [\"variables\", \"fileinto\"]; if string :matches "
	    "[\"a\", \"b\"] \"*\" { fileinto \"${1}\"; }", "into a" },
	{ AT, "require [\"variables\", \"fileinto\", \"imap4flags\"]; "
	    "addflag \"x\" [\"a\", \"b\"]; addflag \"y\" \"c\"; if hasflag "
	    ":matches [\"x\", \"y\"] \"*\" { fileinto \"${1}\"; }",
	    "into a" },
	{ AT, "require [\"variables\", \"imap4flags\"]; addflag \"x\" \"a\"; "
	    "if hasflag \"x\" \"a\" { discard; }", "discard" },
	/* A part of a date that there is not, and a body without the text. */
	{ AT, "require [\"variables\", \"date\", \"relational\"]; if "
	    "currentdate :count \"ge\" \"${x}\" \"0\" { discard; }",
	    "implicit keep" },
	{ AT, "require \"body\"; if body :raw \"none\" { discard; }",
	    "implicit keep" },
	{ AT, "require \"body\"; if body :content \"image\" :contains \"\" "
	    "{ discard; }", "implicit keep" },
	{ AT, "require \"mailbox\"; if mailboxexists [\"Therex\", \"Ther\"] "
	    "{ discard; }", "implicit keep" },
	/* Addresses. */
	{ AT, "if address \"from\" \"alice@example.com\" { discard; }",
	    "discard" },
	{ AT, "if address :domain \"to\" \"x.example\" { discard; }",
	    "discard" },
	{ AT, "if address :localpart \"to\" \"bob+detail\" { discard; }",
	    "discard" },
	{ AT, "if address :all :domain \"to\" \"x\" {}",
	    "compile:1:17: \":domain\" comes behind another tag of its kind" },
	{ AT, "if address :user \"to\" \"bob\" {}",
	    "compile:1:12: \":user\" wants require \"subaddress\"" },
	{ AT, "if address \"subject\" \"x\" {}",
	    "compile:1:4: \"address\" does not know the field \"subject\"" },
	{ AT, "if address [\"from\", \"x-flag\"] \"x\" {}",
	    "compile:1:4: \"address\" does not know the field \"x-flag\"" },
	{ AT, "require \"subaddress\"; if address :user \"to\" \"bob\" { "
	    "discard; }", "discard" },
	{ AT, "require \"subaddress\"; if address :detail \"to\" \"DETAIL\" { "
	    "discard; }", "discard" },
	{ AT, "require \"subaddress\"; if address :detail \"from\" \"\" { "
	    "discard; }", "implicit keep" },
	{ AT, "require \"relational\"; if address :count \"eq\" [\"from\", "
	    "\"to\"] \"3\" { discard; }", "discard" },
	{ AT, "require \"index\"; if address :index 1 :domain [\"to\", "
	    "\"from\"] \"example.com\" { discard; }", "implicit keep" },
	{ AT, "require \"envelope\"; if envelope \"from\" "
	    "\"sender@example.com\" { discard; }", "discard" },
	{ AT, "require \"envelope\"; if envelope :domain \"TO\" "
	    "\"example.org\" { discard; }", "discard" },
	{ AT, "require [\"envelope\", \"subaddress\"]; if envelope :detail "
	    "\"to\" \"d\" { discard; }", "discard" },
	{ AT, "require [\"envelope\", \"relational\"]; if envelope :count "
	    "\"eq\" [\"from\", \"to\"] \"2\" { discard; }", "discard" },
	{ AT, "require \"envelope\"; if envelope \"foo\" \"x\" {}",
	    "compile:1:24: the envelope has no part \"foo\"" },
	{ AT, "require \"envelope\"; if envelope :contains \"auth\" \"\" { "
	    "discard; }", "implicit keep" },
	{ AT, "require \"envelope\"; if envelope [\"to\", \"foo\"] \"x\" {}",
	    "compile:1:24: the envelope has no part \"foo\"" },
	{ AT, "if address [\"to\", \"subject\"] \"x\" {}",
	    "compile:1:4: \"address\" does not know the field \"subject\"" },
	{ AT, "if envelope \"to\" \"x\" {}",
	    "compile:1:4: \"envelope\" wants require \"envelope\"" },
	/* Size, dates, the body, the environment, folders. */
	{ AT, "if size :over 385 { discard; }", "discard" },
	{ AT, "if size :over 386 { discard; }", "implicit keep" },
	{ AT, "if size :under 387 { discard; }", "discard" },
	{ AT, "if size :under 386 { discard; }", "implicit keep" },
	{ AT, "if size 1 {}",
	    "compile:1:4: \"size\" wants \":over\" or \":under\"" },
	{ AT, "if size :over :under 1 {}",
	    "compile:1:15: \":under\" comes behind another tag of its kind" },
	{ AT, "if size :over \"x\" {}",
	    "compile:1:15: argument 1 of \"size\" is to be a number, not a "
	    "string" },
	{ AT, "require \"date\"; if date \"date\" \"hour\" \"15\" { discard; }",
	    "discard" },
	{ AT, "require \"date\"; if date :originalzone \"date\" \"hour\" "
	    "\"16\" { discard; }", "discard" },
	{ AT, "require \"date\"; if date :zone \"+0130\" \"date\" \"time\" "
	    "\"16:30:00\" { discard; }", "discard" },
	{ AT, "require \"date\"; if date :zone \"nonsense\" \"date\" \"hour\" "
	    "\"15\" { discard; }", "discard" },
	{ AT, "require \"date\"; if date \"received\" \"year\" \"2026\" { "
	    "discard; }", "discard" },
	{ AT, "require \"date\"; if date \"subject\" \"year\" \"2026\" { "
	    "discard; }", "implicit keep" },
	{ AT, "require [\"date\", \"relational\"]; if date :count \"eq\" "
	    "\"subject\" \"year\" \"0\" { discard; }", "discard" },
	{ AT, "require [\"date\", \"relational\"]; if date :count \"eq\" "
	    "\"date\" \"nonsense\" \"0\" { discard; }", "implicit keep" },
	{ AT, "require \"date\"; if date :zone \"+0000\" :originalzone "
	    "\"date\" \"hour\" \"16\" {}",
	    "compile:1:20: \":zone\" and \":originalzone\" exclude each "
	    "other" },
	{ AT, "require \"date\"; if currentdate :zone \"+0000\" \"iso8601\" "
	    "\"2026-11-27T16:00:00Z\" { discard; }", "discard" },
	{ AT, "require \"date\"; if currentdate :zone \"-0500\" \"hour\" "
	    "\"11\" { discard; }", "discard" },
	{ AT, "require \"date\"; if currentdate :originalzone \"hour\" \"11\" "
	    "{}",
	    "compile:1:32: \"currentdate\" has no tag \":originalzone\"" },
	{ AT, "require [\"date\", \"index\"]; if date :index 2 \"date\" "
	    "\"hour\" \"15\" { discard; }", "implicit keep" },
	{ AT, "require \"body\"; if body :contains \"TEXT\" { discard; }",
	    "discard" },
	/* A line end of the script's and one of the message's are both CRLF. */
	{ AT, "require \"body\"; if body :raw \"body text here\n\" { discard; "
	    "}", "discard" },
	{ AT, "require \"body\"; if body :content [\"text\", \"image/png\"] "
	    ":contains \"here\" { discard; }", "discard" },
	{ AT, "require \"body\"; if body :content \"image/png\" :contains "
	    "\"here\" { discard; }", "implicit keep" },
	{ AT, "require \"body\"; if body :raw :text \"x\" {}",
	    "compile:1:30: \":text\" comes behind another tag of its kind" },
	{ AT, "require [\"environment\", \"variables\", \"fileinto\"]; if "
	    "environment :matches \"name\" \"*\" { fileinto \"${1}\"; }",
	    "into lmtpd" },
	{ AT, "require \"environment\"; if environment \"domain\" "
	    "\"example.org\" { discard; }", "discard" },
	{ AT, "require \"environment\"; if environment \"remote-ip\" "
	    "\"192.0.2.1\" { discard; }", "discard" },
	{ AT, "require \"environment\"; if environment \"host\" "
	    "\"mx.example.org\" { discard; }", "discard" },
	{ AT, "require \"environment\"; if environment \"location\" \"MDA\" "
	    "{ discard; }", "discard" },
	{ AT, "require \"environment\"; if environment \"phase\" \"during\" "
	    "{ discard; }", "discard" },
	{ AT, "require \"environment\"; if environment \"version\" \"0\" "
	    "{ discard; }", "discard" },
	{ AT, "require \"environment\"; if environment :contains "
	    "\"remote-host\" \"\" { discard; }", "implicit keep" },
	{ AT, "require \"environment\"; if environment \"NAME\" \"lmtpd\" { "
	    "discard; }", "implicit keep" },
	{ AT, "require [\"environment\", \"relational\"]; if environment "
	    ":count \"eq\" \"nonsense\" \"0\" { discard; }", "implicit keep" },
	{ AT, "require \"mailbox\"; if mailboxexists [\"inbox\", \"There\"] { "
	    "discard; }", "discard" },
	{ AT, "require \"mailbox\"; if mailboxexists [\"There\", \"Missing\"] "
	    "{ discard; }", "implicit keep" },
	{ AT, "require \"mailbox\"; if mailboxexists \"There//x\" { discard; }",
	    "implicit keep" },
	/* Variables. */
	{ AT, "require [\"variables\", \"fileinto\"]; set \"a\" \"x\"; "
	    "fileinto \"${A}${b}y${$}${ a }${}${a\";",
	    "into xy${$}${ a }${}${a" },
	{ AT, "require [\"variables\", \"fileinto\"]; set \"a\" \"x\"; set "
	    "\"a\" \"${a}${a}\"; set \"b\" \"${a}\"; set \"a\" \"z\"; "
	    "fileinto \"${b}${a}\";", "into xxz" },
	{ AT, "require \"fileinto\"; fileinto \"${a}\";", "into ${a}" },
	{ AT, "require [\"variables\", \"fileinto\"]; set :upper \"a\" "
	    "\"\303\244bC1\"; fileinto \"${a}\";", "into \303\244BC1" },
	{ AT, "require [\"variables\", \"fileinto\"]; set :upperfirst :lower "
	    "\"a\" \"xYZ\"; fileinto \"${a}\";", "into Xyz" },
	{ AT, "require [\"variables\", \"fileinto\"]; set :upper :lowerfirst "
	    "\"a\" \"xyz\"; fileinto \"${a}\";", "into xYZ" },
	{ AT, "require [\"variables\", \"fileinto\"]; set :lowerfirst :upper "
	    "\"a\" \"xyz\"; fileinto \"${a}\";", "into xYZ" },
	{ AT, "require [\"variables\", \"fileinto\"]; set :length \"a\" "
	    "\"\303\244\303\266x\"; set :length \"b\" \"\"; fileinto "
	    "\"${a}-${b}\";", "into 3-0" },
	{ AT, "require [\"variables\", \"reject\"]; set :quotewildcard \"a\" "
	    "\"a*b?\\\\\"; reject \"${a}\";", "reject a\\*b\\?\\\\" },
	/* What actions do, one thing at a time. */
	{ AT, "require \"fileinto\"; fileinto \"a.b\"; fileinto \"a/b\";",
	    "into a.b" },
	{ AT, "require [\"fileinto\", \"copy\"]; fileinto :copy \"Inbox\";",
	    "into INBOX" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"a${hex:7f}\";",
	    "run:1:44: the folder \"a?\" cannot be: there is a control "
	    "character in it" },
	{ AT, "require [\"variables\", \"fileinto\"]; set :lower \"a\" "
	    "\"A-1Z@[\"; set :upper \"b\" \"az`{\"; fileinto \"${a}${b}\";",
	    "into a-1z@[AZ`{" },
	{ AT, "require [\"variables\", \"fileinto\"]; set :upper \"a\" \"x\"; "
	    "set :upperfirst \"b\" \"xYz\"; set :lowerfirst \"c\" \"XYz\"; "
	    "fileinto \"${a}${b}${c}\";", "into XXYzxYz" },
	{ AT, "require [\"variables\", \"fileinto\"]; set :upperfirst \"a\" "
	    "\"\"; set :length \"b\" \"0123456789abcdef0123456789abcd\"; "
	    "fileinto \"${a}${b}\";", "into 30" },
	{ AT, "require [\"variables\", \"fileinto\", \"encoded-character\"]; "
	    "set \"a\" \"b\"; set :length \"a\" \"${a}${hex:63 c3}\"; "
	    "fileinto \"${a}\";", "into 3" },
	{ AT, "require [\"variables\", \"reject\"]; set \"a\" \"*?\\\\\"; "
	    "reject \"${a}\";", "reject *?\\" },
	{ AT, "require \"imap4flags\"; addflag \"\\\\Seen\"; "
	    "setflag \"\\\\Draft\";", "implicit keep with D" },
	{ AT, "require [\"variables\", \"regex\"]; if exists \"x-none\" {}\n"
	    "elsif header :regex \"subject\" \"(${a}\" {}",
	    "run:2:1: regular expression \"(\": a \"(\" has no \")\"" },
	{ AT, "require [\"variables\", \"fileinto\"]; set :length "
	    ":quotewildcard \"a\" \"**\"; fileinto \"${a}\";", "into 4" },
	{ AT, "require \"variables\"; set :upper :lower \"a\" \"x\";",
	    "compile:1:33: \":lower\" comes behind another tag of its kind" },
	{ AT, "require \"variables\"; set :upperfirst :lowerfirst \"a\" \"x\";",
	    "compile:1:38: \":lowerfirst\" comes behind another tag of its "
	    "kind" },
	{ AT, "require \"variables\"; set \"a\" [\"x\"];",
	    "compile:1:30: argument 2 of \"set\" is to be a string, not a "
	    "list of strings" },
	{ AT, "require \"variables\"; set \"1\" \"x\";",
	    "compile:1:26: the match value ${1} cannot be set" },
	{ AT, "require \"variables\"; set \"a b\" \"x\";",
	    "compile:1:26: \"a b\" is no name of a variable" },
	{ AT, "require \"variables\"; set \"a${b}\" \"x\";",
	    "compile:1:26: \"a${b}\" is no name of a variable" },
	{ AT, "require \"variables\"; set \"\" \"x\";",
	    "compile:1:26: \"\" is no name of a variable" },
	{ AT, "require \"variables\"; set \"a.b\" \"x\";",
	    "compile:1:26: unknown namespace \"a\" of a variable" },
	{ AT, "require \"variables\"; if string \"${a.b}\" \"\" {}",
	    "compile:1:32: unknown namespace \"a\" of a variable" },
	{ AT, "require \"variables\"; if string \"${33}\" \"\" {}",
	    "compile:1:32: there is no match value above ${32}" },
	{ AT, "require [\"variables\", \"fileinto\"]; fileinto \"${1.a}\";",
	    "into ${1.a}" },
	{ AT, "require \"variables\"; if string [\"a\", \"${b}c\"] \"C\" { "
	    "discard; }", "implicit keep" },
	{ AT, "require \"variables\"; if string [\"a\", \"${b}c\"] \"c\" { "
	    "discard; }", "discard" },
	{ AT, "require [\"variables\", \"relational\"]; if string :count "
	    "\"eq\" [\"a\", \"${b}\", \"\"] \"1\" { discard; }", "discard" },
	{ AT, "require [\"variables\", \"relational\"]; set \"r\" \"gt\"; if "
	    "string :value \"${r}\" \"b\" \"a\" {}",
	    "compile:1:69: a relation is one of \"gt\", \"ge\", \"lt\", "
	    "\"le\", \"eq\" and \"ne\", not \"${r}\"" },
	{ AT, "require \"variables\"; set \"n\" \"from\"; if exists \"${n}\" "
	    "{ discard; }", "discard" },
	{ AT, "require [\"variables\", \"fileinto\"]; if header :matches "
	    "\"subject\" \"* [*] W*\" { fileinto "
	    "\"${0}-${1}-${2}-${3}-${4}\"; }",
	    "into Hello [list] World-Hello-list-orld-" },
	{ AT, "require [\"variables\", \"fileinto\", \"regex\"]; if header "
	    ":regex \"subject\" \"(.)(.)(x)?\" { fileinto "
	    "\"${0}-${1}-${2}-${3}-\"; }", "into He-H-e--" },
	{ AT, "require [\"variables\", \"fileinto\"]; if header :matches "
	    "\"x-a\" [\"*wo\", \"*\"] { fileinto \"${1}\"; }", "into one" },
	{ AT, "require [\"variables\", \"fileinto\"]; if allof(header "
	    ":matches \"subject\" \"*[*\", not header :matches \"from\" "
	    "\"z*\", header \"x-level\" \"12\") { fileinto \"${1}\"; }",
	    "into Hello " },
	{ AT, "require [\"variables\", \"fileinto\"]; if allof(header "
	    ":matches \"subject\" \"*[*\", header :matches \"x-level\" "
	    "\"12\") { fileinto \"${0}-${1}-\"; }", "into 12--" },
	{ AT, "require [\"variables\", \"fileinto\", \"body\"]; if "
	    "allof(header :matches \"subject\" \"*[*\", body :raw :matches "
	    "\"*t*\") { fileinto \"${1}\"; }", "into Hello " },
	{ AT, "require [\"variables\", \"fileinto\"]; if string :matches "
	    "\"abc\" \"*\" { if string :matches \"${1}\" [\"x${1}\", "
	    "\"?${9}*\"] { fileinto \"${1}-${2}\"; } }", "into a-bc" },
	/* Encoded characters. */
	{ AT, "require \"fileinto\"; fileinto \"${hex:40}\";",
	    "into ${hex:40}" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"a${hex: 40\n41 }${HEX:4A}${unicode:263A 0000041}\";",
	    "into a@AJ\342\230\272A" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"${hex:}${hex:123}${hex:40,41}${hex 40}${unicode:}${hex:40\";",
	    "into ${hex:}${hex:123}${hex:40,41}${hex 40}${unicode:}${hex:40" },
	{ AT, "require [\"fileinto\", \"encoded-character\", \"variables\"]; "
	    "set \"x\" \"v\"; fileinto \"${hex:24}{x}${x${hex:7d}\";",
	    "into vv" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"${unicode:d7ff e000 10ffff}\";",
	    "into \355\237\277\356\200\200\364\217\277\277" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"${unicode:dfff}\";",
	    "compile:1:53: ${unicode:dfff} is no character of Unicode" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"${unicode:d800}\";",
	    "compile:1:53: ${unicode:d800} is no character of Unicode" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"${unicode:40 110000}\";",
	    "compile:1:53: ${unicode:110000} is no character of Unicode" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"${unicode:fffffffff}\";",
	    "compile:1:53: ${unicode:ffffffff} is no character of Unicode" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"${unicode:fffffff0}\";",
	    "compile:1:53: ${unicode:fffffff0} is no character of Unicode" },
	{ AT, "require [\"fileinto\", \"encoded-character\"]; fileinto "
	    "\"${unicode:110000 x}${hex:41\";",
	    "into ${unicode:110000 x}${hex:41" },
	/* Names and numbers. */
	{ AT, "require [\"variables\", \"fileinto\"]; if string :matches "
	    "\"abcdefghijkl\" \"????????????\" { fileinto "
	    "\"${10}${012}${32}\"; }", "into jl" },
	{ AT, "require \"variables\"; if string \"${320}\" \"\" {}",
	    "compile:1:32: there is no match value above ${32}" },
	{ AT, "require \"variables\"; set \"global.a\" \"\";",
	    "compile:1:26: unknown namespace \"global\" of a variable" },
	{ AT, "require [\"variables\", \"include\"]; set \"x.y\" \"\";",
	    "compile:1:39: unknown namespace \"x\" of a variable" },
	{ AT, "require [\"variables\", \"include\"]; set \"global.1\" \"\";",
	    "compile:1:39: no global variable can have the name \"1\"" },
	{ AT, "require [\"variables\", \"include\"]; global \"a b\";",
	    "compile:1:42: \"a b\" is no name of a variable" },
	{ AT, "require [\"variables\", \"include\"]; global \"\";",
	    "compile:1:42: \"\" is no name of a variable" },
	{ AT, "require [\"variables\", \"include\", \"fileinto\"]; "
	    "global [\"a\", \"b\"]; set \"a\" \"x\"; set \"b\" \"y\"; "
	    "global \"A\"; fileinto \"${a}${b}\";", "into xy" },
	{ AT, "require [\"variables\", \"fileinto\"]; set \"a\" \"b\"; "
	    "fileinto \"x{a}$aa}${a}\";", "into x{a}$aa}b" },
	{ AT, "require [\"variables\", \"fileinto\", \"encoded-character\"]; "
	    "fileinto \"x${ab\";", "into x${ab" },
	{ AT, "require [\"variables\", \"fileinto\", \"encoded-character\"]; "
	    "fileinto \"x${12\";", "into x${12" },
	/* Flags. */
	{ AT, "require \"imap4flags\"; keep :flags [\"\\\\Seen foo "
	    "\\\\answered\", \"\\\\recent\"];", "keep with RS" },
	{ AT, "require \"imap4flags\"; keep :flags \"\\\\Deleted \\\\Draft "
	    "\\\\Flagged \\\\Answered \\\\Seen\";", "keep with DFRST" },
	{ AT, "require \"imap4flags\"; setflag \"\\\\Seen\";",
	    "implicit keep with S" },
	{ AT, "require \"imap4flags\"; setflag \"\\\\Seen\"; keep; setflag "
	    "\"\\\\Flagged\";", "keep with S" },
	{ AT, "require [\"imap4flags\", \"fileinto\"]; setflag \"\\\\Seen\"; "
	    "fileinto \"a\"; addflag \"\\\\Draft\"; fileinto \"b\"; fileinto "
	    ":flags \"\" \"c\"; keep;",
	    "into a with S, into b with DS, into c, keep with DS" },
	{ AT, "require [\"imap4flags\", \"fileinto\"]; fileinto :flags "
	    "\"\\\\Seen\" \"a\"; fileinto \"b\"; fileinto :flags "
	    "\"\\\\Draft\" \"a\";", "into b, into a with D" },
	{ AT, "require \"imap4flags\"; setflag \"a\"; setflag [\"\\\\seen "
	    "\\\\SEEN\", \"\\\\Answered\"]; removeflag \"\\\\answered a\"; "
	    "addflag \"\\\\flagged\";", "implicit keep with FS" },
	{ AT, "require [\"imap4flags\", \"variables\", \"fileinto\"]; addflag "
	    "\"x\" \"a\"; addflag \"x\" [\"b a\", \"C\"]; removeflag \"x\" "
	    "\"B\"; fileinto :flags \"${x} \\\\Seen\" \"${x}\";",
	    "into a C with S" },
	{ AT, "require [\"imap4flags\", \"variables\", \"fileinto\"]; setflag "
	    "\"x\" [\"\\\\Foo\", \"a(b\", \"c\"]; fileinto \"${x}\";",
	    "into c" },
	{ AT, "require [\"imap4flags\", \"variables\", \"reject\", "
	    "\"encoded-character\"]; setflag \"x\" [\"a(\", \"a)\", \"a{\", "
	    "\"a%\", \"a*\", \"a\\\"\", \"a\\\\\", \"a]\", \"a${hex:7f}\", "
	    "\"a${hex:1f}\", \"a${hex:80}\", \"!~\"]; reject \"${x}\";",
	    "reject !~" },
	{ AT, "require [\"imap4flags\", \"variables\", \"reject\"]; set \"x\" "
	    "\"a(b  c d\"; removeflag \"x\" \"c\"; reject \"${x}\";",
	    "reject a(b d" },
	{ AT, "require [\"imap4flags\", \"variables\"]; setflag \"x\" "
	    "\"\\\\Seen\"; keep;", "keep" },
	{ AT, "require \"imap4flags\"; setflag \"x\" \"y\";",
	    "compile:1:31: flags in a variable want require \"variables\"" },
	{ AT, "require [\"imap4flags\", \"variables\"]; setflag [\"x\"] \"y\";",
	    "compile:1:46: \"setflag\" wants a variable, not a list of "
	    "strings" },
	{ AT, "require [\"imap4flags\", \"variables\"]; setflag \"1\" \"y\";",
	    "compile:1:46: the match value ${1} cannot be set" },
	{ AT, "require [\"imap4flags\", \"variables\"]; setflag \"x y\" \"y\";",
	    "compile:1:46: \"x y\" is no name of a variable" },
	{ AT, "require \"imap4flags\"; setflag;",
	    "compile:1:23: \"setflag\" wants flags, or a variable and flags" },
	{ AT, "require \"imap4flags\"; setflag 1;",
	    "compile:1:31: \"setflag\" wants flags, not a number" },
	{ AT, "require [\"imap4flags\", \"variables\"]; setflag \"x\" \"y\" "
	    "\"z\";",
	    "compile:1:38: \"setflag\" wants flags, or a variable and flags" },
	{ AT, "require \"imap4flags\"; keep :flags;",
	    "compile:1:28: \":flags\" wants a string or a list of them" },
	{ AT, "require \"imap4flags\"; addflag \"abc\"; if hasflag \"x ABC\" "
	    "{ discard; }", "discard" },
	{ AT, "require \"imap4flags\"; addflag \"abc\"; if hasflag :contains "
	    "[\"\", \"b\"] { discard; }", "discard" },
	{ AT, "require \"imap4flags\"; addflag \"abc\"; if hasflag :contains "
	    "\"\" { discard; }", "implicit keep" },
	{ AT, "require \"imap4flags\"; addflag \"abc d\"; if hasflag :matches "
	    "\"a*\" { discard; }", "discard" },
	{ AT, "require [\"imap4flags\", \"relational\"]; addflag \"abc d "
	    "abc\"; if hasflag :count \"eq\" \"2\" { discard; }", "discard" },
	{ AT, "require [\"imap4flags\", \"variables\"]; setflag \"y\" \"b\"; "
	    "if hasflag [\"x\", \"y\"] \"b\" { discard; }", "discard" },
	{ AT, "require \"imap4flags\"; if hasflag \"x\" \"b\" {}",
	    "compile:1:34: flags in a variable want require \"variables\"" },
	{ AT, "require \"imap4flags\"; mark;",
	    "compile:1:23: \"mark\" wants require \"imapflags\"" },
	{ AT, "require \"imapflags\"; mark; addflag \"\\\\Seen\";",
	    "implicit keep with FS" },
	{ AT, "require \"imapflags\"; setflag [\"\\\\Seen\", "
	    "\"\\\\Flagged\"]; unmark;", "implicit keep with S" },
	{ AT, "require \"imapflags\"; keep :flags \"\\\\Seen\";",
	    "compile:1:27: \":flags\" wants require \"imap4flags\"" },
	{ AT, "require \"imapflags\"; if hasflag \"x\" {}",
	    "compile:1:25: \"hasflag\" wants require \"imap4flags\"" },
	{ AT, "require [\"imapflags\", \"imap4flags\"]; keep;",
	    "compile:1:1: \"imapflags\" and \"imap4flags\" exclude each "
	    "other" },
	/* Scripts in scripts. */
	{ AT, "require \"include\"; include \"into\";", "into included" },
	{ AT, "require \"include\"; include :personal \"into\";",
	    "into included" },
	{ AT, "require \"include\"; include :personal :once :optional "
	    "\"into\"; include \"into\";", "into included" },
	{ AT, "require \"include\"; include \"none\";",
	    "compile:1:20: there is no script \"none\" to include" },
	{ AT, "require \"include\"; include :optional \"none\"; discard;",
	    "discard" },
	{ AT, "require \"include\"; include :global \"into\";",
	    "compile:1:20: there is no script \"into\" to include" },
	{ AT, "require \"include\"; include :global :optional \"into\"; "
	    "discard;", "discard" },
	{ AT, "require \"include\"; include :global :personal \"into\";",
	    "compile:1:36: \":personal\" comes behind another tag of its "
	    "kind" },
	{ AT, "require \"include\"; if false { include \"none\"; } discard;",
	    "discard" },
	{ AT, "require \"include\"; include \"returns\"; discard;", "discard" },
	{ AT, "require \"include\"; include \"stops\"; discard;",
	    "implicit keep" },
	{ AT, "require \"include\"; return; discard;", "implicit keep" },
	{ AT, "require \"include\"; if true { return; } discard;",
	    "implicit keep" },
	{ AT, "require \"include\"; include \"loop\";",
	    "compile loop:1:20: \"loop\" includes itself" },
	{ AT, "require \"include\"; include \"once\"; include \"once\";",
	    "into once" },
	{ AT, "require \"include\"; include \"bad\";",
	    "compile bad:2:2: unknown command \"foo\"" },
	{ AT, "require \"include\"; include \"torn\";",
	    "compile torn:2:2: this character means nothing here" },
	{ AT, "require \"include\"; include \"runtime\";",
	    "run runtime:3:1: no" },
	{ AT, "require \"include\"; include \"chain9\";", "discard" },
	{ AT, "require \"include\"; include \"chain10\";",
	    "compile chain1:1:20: scripts include each other more than 10 "
	    "deep" },
	{ AT, "require \"include\"; include \"\";",
	    "compile:1:20: \"\" cannot be a script's name" },
	{ AT, "require \"include\"; include \"../into\";",
	    "compile:1:20: \"../into\" cannot be a script's name" },
	{ AT, "require \"include\"; include [\"into\"];",
	    "compile:1:28: argument 1 of \"include\" is to be a string, not "
	    "a list of strings" },
	{ AT, "require [\"include\", \"variables\"]; include \"${x}\";",
	    "compile:1:35: \"include\" wants a name without variables" },
	{ AT, "require [\"include\", \"variables\", \"fileinto\"]; global "
	    "\"g\"; set \"g\" \"old\"; include \"global\"; include "
	    "\"global\"; fileinto \"now ${g}${l}\";",
	    "into got old, into got new, into local x, into now new" },
	{ AT, "require [\"include\", \"variables\", \"fileinto\"]; global "
	    "\"g\"; set \"g\" \"old\"; include :once \"global\"; include "
	    ":once \"global\"; fileinto \"now ${g}\";",
	    "into got old, into local x, into now new" },
	{ AT, "require [\"include\", \"variables\", \"fileinto\"]; if header "
	    ":matches \"subject\" \"*o *\" { include \"matches\"; fileinto "
	    "\"after ${1}\"; }", "into before , into in 12, into after Hell" },
	{ AT, "require [\"include\", \"variables\", \"fileinto\"]; set "
	    "\"global.a\" \"x\"; global \"A\"; fileinto \"${a}${global.a}\";",
	    "into xx" },
	{ AT, "require [\"include\", \"variables\"]; set \"a\" \"x\"; global "
	    "\"a\";",
	    "compile:1:55: \"a\" has been used as a local variable before" },
	{ AT, "require [\"include\", \"variables\"]; global \"1\";",
	    "compile:1:42: \"1\" is no name of a variable" },
	{ AT, "require [\"include\", \"variables\"]; global \"x.y\";",
	    "compile:1:42: \"x.y\" is no name of a variable" },
	{ AT, "require [\"include\", \"variables\"]; set \"global.a.b\" \"x\";",
	    "compile:1:39: no global variable can have the name \"a.b\"" },
	{ AT, "require \"include\"; global \"x\";",
	    "compile:1:20: \"global\" wants require \"variables\"" },
	{ AT, "return;", "compile:1:1: \"return\" wants require \"include\"" },
};

static size_t passed, failed;
static struct block *fences;

/* The text of a script that the tests may change as they like. */
static char big[1 << 22];

static const char *
library_get(void *arg, const char *name, size_t *len)
{
	static char chains[32][64];
	char *chain;
	long n;
	size_t i;

	(void)arg;
	if (strncmp(name, "chain", 5) == 0) {
		n = strtol(name + 5, NULL, 10);
		chain = chains[n];
		*len = (size_t)snprintf(chain, sizeof(chains[n]), n == 0 ?
		    "discard;" : "require \"include\"; include \"chain%ld\";",
		    n - 1);
		return chain;
	}
	for (i = 0; i < nitems(library); i++)
		if (strcmp(library[i].name, name) == 0) {
			*len = strlen(library[i].text);
			return library[i].text;
		}
	return NULL;
}

static bool
has_folder(void *arg, const char *name)
{
	(void)arg;
	/* Of the second no script may ask. */
	return strcmp(name, "There") == 0 || strcmp(name, "There//x") == 0 ||
	    strcmp(name, "Therex") == 0;
}

static void __attribute__((__format__(printf, 2, 3)))
add(char out[8192], const char *fmt, ...)
{
	size_t len = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + len, 8192 - len, fmt, ap);
	va_end(ap);
}

static void
add_error(char out[8192], const char *what, const struct sieve_error *e)
{
	add(out, "%s%s%s:%u:%u: %s", what, e->script[0] == '\0' ? "" : " ",
	    e->script, e->line, e->column, e->text);
}

static void
add_action(char out[8192], const struct sieve_action *a, const char *reason)
{
	add(out, "%s%s", out[0] == '\0' ? "" : ", ", a->implicit ?
	    "implicit " : "");
	switch (a->kind) {
	case SIEVE_KEEP:
		add(out, "keep");
		break;
	case SIEVE_FILEINTO:
		add(out, "%s%s", a->create ? "create " : "into ", a->folder);
		break;
	case SIEVE_REJECT:
		add(out, "reject %s", reason);
		break;
	}
	if (a->flags[0] != '\0')
		add(out, " with %s", a->flags);
}

/* What comes of a script, in words. */
static const char *
outcome(const char *script, const char *msg)
{
	static struct sieve_result r;
	static char out[8192];
	const struct sieve_library lib = { library_get, NULL };
	const struct sieve_view v = {
		.message = fence_copy(&fences, msg, strlen(msg)),
		.len = strlen(msg), .size = 386,
		.sender = "sender@example.com",
		.recipient = "bob+d@example.org", .delimiters = "+",
		.host = "mx.example.org", .version = "0",
		.remote_ip = "192.0.2.1", .now = { 1795795200, 0 },
		.has_folder = has_folder,
	};
	const size_t len = strlen(script);
	struct sieve_program *p;
	struct sieve_error e;
	size_t i;

	out[0] = '\0';
	script = fence_copy(&fences, script, strlen(script));
	if ((p = sieve_compile(script, len, &lib, NULL, &e)) == NULL) {
		add_error(out, "compile", &e);
	} else {
		sieve_run(p, &v, &r);
		sieve_free(p);
	}
	fence_free(&fences);
	if (fence_count() != 0)
		add(out, "leaks, ");
	if (p == NULL)
		return out;
	if (r.failed)
		add_error(out, "run", &r.error);
	for (i = 0; i < r.n && !r.failed; i++)
		add_action(out, &r.actions[i], r.reason);
	if (r.n == 0 && !r.failed)
		add(out, "discard");
	return out;
}

/* Counts a row, and says where it is and what it got if that is wrong. */
static void
judge(int line, bool good, const char *got)
{
	if (good) {
		passed++;
		return;
	}
	failed++;
	printf("%s:%d: got ", __FILE__, line);
	for (; *got != '\0'; got++)
		printf(*got == '\n' ? "\\n" : "%c", *got);
	putchar('\n');
}

static void
row(int line, const char *script, const char *msg, const char *want)
{
	const char *got = outcome(script, msg);

	judge(line, want == NULL ? strncmp(got, "into ", 5) == 0 :
	    strcmp(got, want) == 0, got);
}

/* In big: before, n times text with # for the number of the time, after. */
static const char *
many(const char *before, size_t n, const char *text, const char *after)
{
	size_t len = strlen(before), i;
	const char *p;

	memcpy(big, before, len);
	for (i = 0; i < n; i++)
		for (p = text; *p != '\0'; p++) {
			if (len > sizeof(big) - 4096)
				abort();
			if (*p == '#')
				len += (size_t)snprintf(big + len, 24, "%zu",
				    i);
			else
				big[len++] = *p;
		}
	memcpy(big + len, after, strlen(after) + 1);
	return big;
}

/* Limits: what is just within them, and what is not. */
static const struct {
	int		 at;
	const char	*before;
	size_t		 n;
	const char	*text;
	const char	*after;
	const char	*want;
} limits[] = {
	{ AT, "require \"fileinto\"; keep;", 32, "fileinto \"a\";",
	    "", "keep, into a" },
	{ AT, "", 32, "if exists \"to\" {", "stop; }}}}}}}}}}}}}}}}"
	    "}}}}}}}}}}}}}}}}", "implicit keep" },
	{ AT, "", 33, "if exists \"to\" {", "stop;",
	    "compile:1:529: blocks are more than 32 deep" },
	{ AT, "if ", 31, "not ", "exists \"x\" { discard; }", "discard" },
	{ AT, "if ", 32, "not ", "exists \"x\" { discard; }",
	    "compile:1:132: tests are more than 32 deep" },
	{ AT, "if ", 100000, "anyof(", "",
	    "compile:1:196: tests are more than 32 deep" },
	{ AT, ":", 65, "a", ";", "compile:1:1: expected a command, but found "
	    "\":aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaa\"" },
	{ AT, "require \"variables\";", 128, "set \"v#\" \"\";", "discard;",
	    "discard" },
	{ AT, "require \"variables\";", 129, "set \"v#\" \"\";", "discard;",
	    "compile:1:1707: the script has more than 128 variables" },
	{ AT, "require [\"include\", \"variables\"];", 128, "global \"v#\";",
	    "discard;", "discard" },
	{ AT, "require [\"include\", \"variables\"];", 129,
	    "set \"global.v#\" \"\";", "discard;",
	    "compile:1:2616: there are more than 128 global variables" },
	{ AT, "require \"variables\"; set \"a\" \"", 4000, "x",
	    "\"; set \"b\" \"${a}\"; discard;", "discard" },
	{ AT, "require \"variables\"; set \"a\" \"", 4001, "x", "\";",
	    "run:1:22: a variable has more than 4000 bytes" },
	{ AT, "require \"variables\"; set \"a\" \"x\";", 13,
	    "set \"a\" \"${a}${a}\";", "",
	    "run:1:243: a variable has more than 4000 bytes" },
	{ AT, "require \"imap4flags\"; addflag \"", 2001, "f# ", "\";",
	    "run:1:23: the flags have more than 4000 bytes" },
	{ AT, "require \"imap4flags\"; addflag \"", 3997, "x",
	    " ab\"; if hasflag \"ab\" { discard; }", "discard" },
	{ AT, "require \"imap4flags\"; addflag \"", 3998, "x", " ab\";",
	    "run:1:23: the flags have more than 4000 bytes" },
	{ AT, "if exists [\"to\"", 4095, ",\"to\"", "] { discard; }",
	    "discard" },
	{ AT, "if exists [\"to\"", 4096, ",\"to\"", "] { discard; }",
	    "compile:1:20492: this list has more than 4096 strings" },
	{ AT, "if header :matches \"subject\" \"", 1024, "*",
	    "\" { discard; }", "discard" },
	{ AT, "if header :matches \"subject\" \"", 1025, "*",
	    "\" { discard; }",
	    "compile:1:4: a pattern has more than 1024 bytes" },
	{ AT, "if header \"subject\" \"", 1025, "x", "\" {}",
	    "implicit keep" },
	{ AT, "require \"variables\"; if header :matches \"subject\" "
	    "\"${a}", 1025, "x", "\" {}",
	    "run:1:22: a pattern has more than 1024 bytes" },
	{ AT, "require [\"regex\", \"variables\"];"
	    "if header :regex \"subject\" \"${a}", 1025, "x", "\" {}",
	    "run:1:32: a pattern has more than 1024 bytes" },
	{ AT, "require \"fileinto\"; fileinto \"", 1023, "x", "\";", NULL },
	{ AT, "require \"fileinto\"; fileinto \"", 1024, "x", "\";",
	    "run:1:21: the folder \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxx\" cannot be: it is too long" },
	{ AT, "require \"reject\"; reject \"", 4096, "x", "\";",
	    "run:1:19: the text has more than 4095 bytes" },
	{ AT, "require \"variables\"; set \"a\" \"", 4000, "x",
	    "\"; if string :contains \"${a}\" \"y\" { stop; } discard;",
	    "discard" },
	{ AT, "require \"include\";", 10000, "include \"into\";", "",
	    "into included" },
};

static void
test_limits(void)
{
	size_t i;

	for (i = 0; i < nitems(limits); i++)
		row(limits[i].at, many(limits[i].before, limits[i].n,
		    limits[i].text, limits[i].after), message,
		    limits[i].want);
}

/* A field of a message's header that is long. */
static const struct {
	int		 at;
	size_t		 n;		/* bytes of the subject, all `a` */
	const char	*script;
	const char	*want;
} subjects[] = {
	{ AT, 5000, "require \"variables\"; if header :matches \"subject\" "
	    "\"*\" { discard; }", "discard" },
	{ AT, 5000, "require \"variables\"; if header :matches \"subject\" "
	    "\"*\" { set \"a\" \"${1}\"; }",
	    "run:1:57: ${1} has more than 4000 bytes" },
	{ AT, 4001, "require \"variables\"; if header :matches \"subject\" "
	    "\"a*\" { set \"a\" \"${1}\"; discard; }", "discard" },
	{ AT, 100000, "if header :matches \"subject\" "
	    "\"*a*a*a*a*a*a*a*b*a*a*a*a\" { stop; } discard;", "discard" },
	{ AT, 1000000, "if header :matches \"subject\" \"*"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"
	    "*\" { discard; }",
	    "run:1:1: the run takes more than 10000000 steps" },
	{ AT, 100000, "require \"regex\"; if not header :regex \"subject\" "
	    "\"(((a*)*)*)*b\" { discard; }", "discard" },
	{ AT, 1000000, "require \"fileinto\"; if header :contains \"subject\" "
	    "\"aab\" { stop; } if header :contains \"subject\" \"aaa\" "
	    "{ fileinto \"a\"; }", "into a" },
};

static void
test_subjects(void)
{
	static char msg[1 << 21];
	size_t i, n;

	for (i = 0; i < nitems(subjects); i++) {
		n = strlen(many("Subject:\n ", subjects[i].n, "a", "\n\nb\n"));
		memcpy(msg, big, n + 1);
		row(subjects[i].at, subjects[i].script, msg,
		    subjects[i].want);
	}
}

/* Messages of their own. */
static const struct {
	int		 at;
	const char	*msg;
	const char	*script;
	const char	*want;
} own[] = {
	{ AT, "Date: Sat, 28 Nov 2026 16:00:00 +0100\n"
	    "Date: Sat, 28 Nov 2025 16:00:00 +0100\n\nx",
	    "require \"date\"; if date \"date\" \"year\" \"2025\" "
	    "{ discard; }", "implicit keep" },
	{ AT, "From: foo\n\nx",
	    "if address \"from\" \"foo\" { discard; }", "discard" },
	{ AT, "From: foo\n\nx",
	    "if address :localpart \"from\" \"foo\" { discard; }",
	    "implicit keep" },
	{ AT, "Content-Type: multipart/x; boundary=b\n\n"
	    "--b\n\nX\n--b\n\nY\n",
	    "require \"body\"; if body :text :is \"Y\r\n\" { discard; }",
	    "discard" },
};

static void
test_own(void)
{
	size_t i;

	for (i = 0; i < nitems(own); i++)
		row(own[i].at, own[i].script, own[i].msg, own[i].want);
}

/* Each relation of what is less than a key, the same, and more. */
static void
test_relations(void)
{
	static const struct {
		const char	*relation;
		bool		 holds[3];
	} relations[] = {
		{ "lt", { true, false, false } },
		{ "le", { true, true, false } },
		{ "eq", { false, true, false } },
		{ "ne", { true, false, true } },
		{ "ge", { false, true, true } },
		{ "gt", { false, false, true } },
	};
	char script[128];
	size_t i, k;

	for (i = 0; i < nitems(relations); i++)
		for (k = 0; k < 3; k++) {
			snprintf(script, sizeof(script), "require [\"variables"
			    "\", \"relational\"]; if string :value \"%s\" "
			    "\"%c\" \"b\" { discard; }",
			    relations[i].relation, (char)('a' + k));
			row(AT, script, message, relations[i].holds[k] ?
			    "discard" : "implicit keep");
		}
}

/* Whether a script, or one that it includes, may ask for the time zone. */
static void
test_zone(void)
{
	static const struct {
		int		 at;
		bool		 wanted;
		const char	*script;
	} zones[] = {
		{ AT, false, "keep;" },
		{ AT, true, "require [\"fileinto\", \"date\"];" },
		{ AT, true, "require \"include\"; include \"dated\";" },
		{ AT, false, "require \"include\"; include \"into\";" },
	};
	const struct sieve_library lib = { library_get, NULL };
	struct sieve_program *p;
	struct sieve_error e;
	size_t i;

	for (i = 0; i < nitems(zones); i++) {
		p = sieve_compile(zones[i].script, strlen(zones[i].script),
		    &lib, NULL, &e);
		judge(zones[i].at, p != NULL &&
		    sieve_wants_zone(p) == zones[i].wanted, "not so");
		sieve_free(p);
	}
}

/* Steps of a run. */
static uint64_t
steps(const char *script, const char *msg)
{
	static const struct node nowhere;
	static struct sieve_result result;
	const struct sieve_library lib = { library_get, NULL };
	const struct sieve_view v = { .sender = "", .recipient = "",
	    .delimiters = "", .host = "", .has_folder = has_folder };
	struct sieve_program *p;
	struct sieve_error e;
	struct run r;

	memset(&r, 0, sizeof(r));
	memset(&result, 0, sizeof(result));
	r.program = p = sieve_compile(script, strlen(script), &lib, NULL, &e);
	if (p == NULL)
		return 0;
	r.view = &v;
	r.result = &result;
	r.at = &nowhere;
	r.budget.steps = STEPS;
	r.kept.limit = r.scratch.limit = MEMORY_SCRATCH;
	r.message.s = msg;
	r.message.len = strlen(msg);
	run_script(&r, p->scripts);
	arena_free(&r.kept);
	sieve_free(p);
	return STEPS - r.budget.steps;
}

/*
 * What each costs of the steps that end a run: all in which a script or a
 * message can be long is counted, and costs something where it is short.
 */
static void
test_steps(void)
{
#define SIXTEEN	"0123456789abcdef"
#define MANY	SIXTEEN SIXTEEN SIXTEEN SIXTEEN
	static const struct {
		int		 at;
		uint64_t	 steps;
		const char	*script, *msg;
	} costs[] = {
		{ AT, 2, "keep;", "" },
		{ AT, 9, "require \"variables\"; if string \"a\" \"b\" {}",
		    "" },
		{ AT, 10, "require \"variables\"; if string \"a\" \"" MANY
		    "\" {}", "" },
		{ AT, 11, "require \"variables\"; "
		    "if string \"a\" [\"b\", \"c\"] {}", "" },
		{ AT, 6, "if exists \"b\" {}", "" },
		{ AT, 7, "if exists \"b\" {}", "a: " SIXTEEN "\n\nb" },
		{ AT, 10, "if exists [\"b\", \"c\"] {}",
		    "b: 123456789012\n\n" },
		{ AT, 13, "if header \"b\" \"0\" {}", "b: 123456789012\n"
		    "b: 123456789012\n\n" },
		{ AT, 9, "if address \"to\" \"x\" {}", "to: a\n\n" },
		{ AT, 11, "if address \"to\" \"x\" {}", "to: " SIXTEEN "\n\n" },
		{ AT, 107, "require \"mailbox\"; if mailboxexists \"There\" {}",
		    "" },
		{ AT, 18, "require \"body\"; if body :contains \"x\" {}",
		    "Content-Type: multipart/x; boundary=b\n\n--b\n\nx\n"
		    "--b\n\nx\n" },
		{ AT, 5, "require \"variables\"; set \"a\" \"b\";", "" },
		{ AT, 6, "require \"variables\"; set \"a\" \"" SIXTEEN "\";",
		    "" },
		{ AT, 8, "require \"variables\"; set \"a\" \"${b}"
		    SIXTEEN SIXTEEN SIXTEEN "0123456789abcde\";", "" },
		{ AT, 10, "require \"variables\"; set \"a\" \"${b}" MANY "\";",
		    "" },
	};
	size_t i;
	char got[32];
	uint64_t n;

	for (i = 0; i < nitems(costs); i++) {
		n = steps(costs[i].script, costs[i].msg);
		snprintf(got, sizeof(got), "%ju", (uintmax_t)n);
		judge(costs[i].at, n == costs[i].steps, got);
	}
#undef SIXTEEN
#undef MANY
}

/* Different actions, as many as there may be and one more. */
static void
test_actions(void)
{
	char want[1024] = "into f0";
	size_t i;

	for (i = 1; i < SIEVE_ACTIONS; i++)
		snprintf(want + strlen(want), 16, ", into f%zu", i);
	row(AT, many("require \"fileinto\";", SIEVE_ACTIONS,
	    "fileinto \"f#\";", "fileinto \"f31\";"), message, want);
	row(AT, many("require \"fileinto\";", SIEVE_ACTIONS + 1,
	    "fileinto \"f#\";", ""), message,
	    "run:1:490: more than 32 different actions");
}

/* What each command and test wants to be required, and its tags. */
static const struct {
	int		 at;
	const char	*before, *name;
	const char	*extension;
	const char	*tags;
} verbs[] = {
#define COMPARES	" contains count is matches regex value comparator "
	{ AT, "", "addflag", "imap4flags", "" },
	{ AT, "", "discard", "", "" },
	{ AT, "if size :over 1 {} ", "else", "", "" },
	{ AT, "if size :over 1 {} ", "elsif", "", "" },
	{ AT, "", "ereject", "ereject", "" },
	{ AT, "", "error", "ihave", "" },
	{ AT, "", "fileinto", "fileinto", " copy create flags " },
	{ AT, "", "global", "include", "" },
	{ AT, "", "if", "", "" },
	{ AT, "", "include", "include", " global personal once optional " },
	{ AT, "", "keep", "", " flags " },
	{ AT, "", "mark", "imapflags", "" },
	{ AT, "", "reject", "reject", "" },
	{ AT, "", "removeflag", "imap4flags", "" },
	{ AT, "", "require", "", "" },
	{ AT, "", "return", "include", "" },
	{ AT, "", "set", "variables", " lower upper lowerfirst upperfirst "
	    "quotewildcard length " },
	{ AT, "", "setflag", "imap4flags", "" },
	{ AT, "", "stop", "", "" },
	{ AT, "", "unmark", "imapflags", "" },
	{ AT, "if ", "address", "", COMPARES "all detail domain localpart "
	    "user index last " },
	{ AT, "if ", "allof", "", "" },
	{ AT, "if ", "anyof", "", "" },
	{ AT, "if ", "body", "body", COMPARES "content raw text " },
	{ AT, "if ", "currentdate", "date", COMPARES "zone " },
	{ AT, "if ", "date", "date", COMPARES "zone originalzone index "
	    "last " },
	{ AT, "if ", "envelope", "envelope", COMPARES "all detail domain "
	    "localpart user " },
	{ AT, "if ", "environment", "environment", COMPARES },
	{ AT, "if ", "exists", "", "" },
	{ AT, "if ", "false", "", "" },
	{ AT, "if ", "hasflag", "imap4flags", COMPARES },
	{ AT, "if ", "header", "", COMPARES "index last " },
	{ AT, "if ", "ihave", "ihave", "" },
	{ AT, "if ", "mailboxexists", "mailbox", "" },
	{ AT, "if ", "not", "", "" },
	{ AT, "if ", "size", "", " over under " },
	{ AT, "if ", "string", "variables", COMPARES },
	{ AT, "if ", "true", "", "" },
#undef COMPARES
};

static void
test_verbs(void)
{
	static const char all[] = "require [\"body\", \"copy\", \"date\", "
	    "\"ereject\", \"envelope\", \"environment\", \"fileinto\", "
	    "\"ihave\", \"include\", \"index\", \"mailbox\", \"regex\", "
	    "\"reject\", \"relational\", \"subaddress\", \"variables\", ";
	static const char *const tags[] = {
		"all", "comparator", "contains", "content", "copy", "count",
		"create", "detail", "domain", "flags", "global", "index",
		"is", "last", "length", "localpart", "lower", "lowerfirst",
		"matches", "once", "optional", "originalzone", "over",
		"personal", "quotewildcard", "raw", "regex", "text", "under",
		"upper", "upperfirst", "user", "value", "zone",
	};
	char script[1024], word[64];
	const char *got;
	size_t i, k;
	bool has;

	for (i = 0; i < nitems(verbs); i++) {
		snprintf(script, sizeof(script), "%s%s {}", verbs[i].before,
		    verbs[i].name);
		snprintf(word, sizeof(word), "\"%s\" wants require \"%s\"",
		    verbs[i].name, verbs[i].extension);
		got = outcome(script, message);
		has = strstr(got, word) != NULL;
		judge(verbs[i].at, has == (verbs[i].extension[0] != '\0'),
		    got);
		for (k = 0; k < nitems(tags); k++) {
			snprintf(script, sizeof(script),
			    "%s \"%s\"]; %s%s :%s {}", all,
			    strcmp(verbs[i].extension, "imapflags") == 0 ?
			    "imapflags" : "imap4flags", verbs[i].before,
			    verbs[i].name, tags[k]);
			snprintf(word, sizeof(word), " %s ", tags[k]);
			got = outcome(script, message);
			has = strstr(got, "has no tag") == NULL;
			judge(verbs[i].at, has ==
			    (strstr(verbs[i].tags, word) != NULL), got);
		}
	}
}

/* A message of 90 multiparts in each other and 300000 lines of "--". */
static void
test_boundaries(void)
{
	static char msg[1 << 20], script[1 << 12];
	size_t n = 0;
	int c;

	for (c = '!'; c <= 'z'; c++)
		n += (size_t)snprintf(msg + n, 64, "Content-Type: multipart/x; "
		    "boundary=\"%s%c\"\n\n--%c\n", c == '"' || c == '\\' ?
		    "\\" : "", c, c);
	memcpy(msg + n, big, strlen(many("", 300000, "--\n", "")) + 1);
	strlcpy(script, many("require \"body\";", 20,
	    "if body \"x\" {}", ""), sizeof(script));
	row(AT, script, msg,
	    "run:1:86: the run takes more than 10000000 steps");
}

/* Memory: a string of 40 MB, of variables of 4000 bytes. */
static void
test_memory(void)
{
	static char script[1 << 19];
	size_t n;

	n = strlen(many("require \"variables\"; set \"a\" \"", 4000, "x",
	    "\"; if string \""));
	memcpy(script, big, n);
	n += strlen(many("", 10000, "${a}", "\" \"x\" {}"));
	memcpy(script + strlen(script), big, strlen(big) + 1);
	row(AT, script, message,
	    "run:1:4034: the run wants too much memory");
}

/*
 * Whichever piece of memory cannot be had, that is what ends the script:
 * nothing that it wants is done by halves, and no test fails in silence.
 */
static void
test_refused(void)
{
	const char *got;
	size_t i, n;

	for (i = 0; i < nitems(rows); i++)
		for (n = 0;; n++) {
			fence_refuse(n);
			got = outcome(rows[i].script, message);
			if (!fence_refused())
				break;
			/* Of a regular expression it is said in other words. */
			judge(rows[i].at, strstr(got, "memory") != NULL ||
			    strstr(got, "\": too large") != NULL, got);
		}
	fence_refuse(SIZE_MAX);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < nitems(rows); i++)
		row(rows[i].at, rows[i].script, message, rows[i].want);
	test_verbs();
	test_subjects();
	test_own();
	test_relations();
	test_zone();
	test_steps();
	test_actions();
	/* What follows has too many pieces, or is at them too often. */
	fence_stop();
	test_refused();
	test_limits();
	test_boundaries();
	test_memory();
	printf("sieve: %zu passed, %zu failed\n", passed, failed);
	return failed > 0;
}
