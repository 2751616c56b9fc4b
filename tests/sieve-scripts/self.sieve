require ["fileinto", "copy", "mailbox"];
if not address :is ["to", "cc", "bcc", "resent-to"] ["alice@example.com", "alice@example.org"] {
    fileinto :copy :create "Not to me";
}
if allof (address :is "from" "alice@example.com", not exists "References") { fileinto :create "Sent"; }
