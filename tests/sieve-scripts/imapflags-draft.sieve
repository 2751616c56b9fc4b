require ["fileinto","imapflags"];
if header :contains "x-priority" ["1","2"] { mark; }
if header :contains "from" "boss@" { addflag "\\Flagged"; fileinto "Boss"; stop; }
elsif header :contains "subject" "read later" { addflag ["\\Seen", "\\Answered"]; unmark; keep; }
else { setflag "\\Seen"; removeflag "\\Seen"; }
