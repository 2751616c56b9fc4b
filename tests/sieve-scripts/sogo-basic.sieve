require ["fileinto","imap4flags","body","copy","mailbox"];
# Sieve filters by SOGo
if allof (header :contains "subject" "SOGo", header :contains "from" "inverse") {
  fileinto :create "INBOX/SOGo";
  stop;
}
if anyof (address :contains "to" "sales@", address :contains "cc" "sales@") {
  addflag "\\Flagged";
  fileinto :create "Sales";
  keep;
}
if allof (body :text :contains "unsubscribe") {
  fileinto :copy :create "Bulk";
}
if header :contains "x-spam-status" "Yes" {
  discard;
  stop;
}
