require ["fileinto", "index", "mailbox", "ihave"];
if header :index 1 :last :contains "Received" "a.example" { fileinto :create "Backup"; }
if ihave "vnd.none.such" { keep; discard; }
