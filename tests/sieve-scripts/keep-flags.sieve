require ["imap4flags","fileinto","copy"];
if header :contains "subject" "urgent" { keep :flags ["\\Flagged", "\\Seen"]; }
elsif header :contains "subject" "hello" { keep :flags "\\Seen \\Answered $Label1"; fileinto "Copy"; }
elsif header :contains "subject" "newsletter" { fileinto :copy :flags "\\Seen" "News"; addflag "\\Draft"; }
