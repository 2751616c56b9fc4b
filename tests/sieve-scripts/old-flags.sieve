require ["fileinto", "imapflags"];
if header :contains "X-Priority" "1" { mark; }
elsif header :contains "Precedence" "bulk" { addflag "\\Seen"; }
if header :contains "From" "cron" { setflag ["\\Seen", "\\Deleted"]; fileinto "cron"; }
