require ["fileinto", "mailbox", "regex"];
if header :is "X-Spam" "Yes" {
  fileinto :create "Junk";
} elsif header :regex "X-Spamd-Result" "default: True .*" {
  fileinto :create "Junk";
}
