require ["fileinto","copy","imap4flags"];
if header :contains "subject" ["viagra","casino","prize"] { discard; }
elsif header :contains "subject" "money" { fileinto :copy "Large"; discard; }
elsif header :contains "subject" "hello" { discard; keep; }
elsif header :contains "subject" "urgent" { keep; discard; }
