require ["reject","fileinto","variables"];
set "msg" text:	# the text
..dot
 indented
line "quoted" \ and ${none}

.
;
if header :contains "subject" "blocked" { reject "${msg}"; }
elsif header :is "subject" text:
hello
.
{ fileinto "Never"; }
elsif header :contains "subject" "multi" { reject "one
two"; }
