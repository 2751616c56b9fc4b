require ["ihave","fileinto"];
if ihave ["mailbox","imap4flags"] { fileinto :create :flags "\\Seen" "Made"; }
else { keep; }
if not ihave "notify" { keep; }
if allof (ihave "regex", header :regex "subject" "^a.*z$") { discard; }
