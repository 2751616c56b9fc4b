require "fileinto";
require "mailbox";
require "variables";
require "subaddress";
require "envelope";
require "imap4flags";
if allof (
  header :is "X-Moo-Tag" "NO",
  true
) { stop; }
if header :contains "X-Spam-Flag" "YES" {
  addflag "\\Seen";
  fileinto :create "Junk";
  stop;
}
if allof (
  envelope :detail :matches "to" "*",
  header :contains "X-Moo-Tag" "YES"
  ) {
  set :lower :upperfirst "tag" "${1}";
  if mailboxexists "INBOX/${1}" {
    fileinto "INBOX/${1}";
  } else {
    fileinto :create "INBOX/${tag}";
  }
}
