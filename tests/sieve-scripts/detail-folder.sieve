require ["envelope", "subaddress", "fileinto", "mailbox", "variables"];
if envelope :detail :matches "to" "*" { set :lower :upperfirst "tag" "${1}"; }
elsif address :detail :matches ["X-Original-To", "Delivered-To", "To"] "*" { set :lower "tag" "${1}"; }
if header :contains "X-Moo-Tag" "YES" {
  if mailboxexists "INBOX/${tag}" { fileinto "INBOX/${tag}"; }
  elsif not string :is "${tag}" "" { fileinto :create "INBOX/${tag}"; }
} elsif header :matches "Subject" "[*]*" {
  # The name is empty where the brackets are.
  fileinto :create "${1}";
}
