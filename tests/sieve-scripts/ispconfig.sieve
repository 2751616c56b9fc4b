require ["fileinto", "regex", "date", "relational", "mailbox"];

# Move spam to spam folder
if anyof (header :contains "X-Spam-Flag" "YES", header :contains "X-Spam" "Yes", header :contains "Subject" "*** SPAM ***") {
  fileinto :create "Junk";
  # Stop here so that we do not reply on spams
  stop;
}

### BEGIN FILTER_ID:12
if header :regex    ["subject"] [".*(newsletter|rundbrief)$"] {
    fileinto :create "INBOX.Newsletter";
    stop;
}
### END FILTER_ID:12
### BEGIN FILTER_ID:13
if header :regex    ["from"] [".*noreply@.*"] {
    discard;
    stop;
}
### END FILTER_ID:13
### BEGIN FILTER_ID:14
if header :contains ["list-id"] ["<users.lists.example.net>"] {
  if mailboxexists "INBOX.lists" {
    fileinto "INBOX.lists";
  } else {
    fileinto :create "lists";
  }
}
### END FILTER_ID:14
if currentdate :value "ge" "date" "2099-01-01" { discard; }
