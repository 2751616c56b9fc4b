require ["fileinto","regex","mailbox","imap4flags","variables","relational"];
if anyof (header :is "X-Spam" "Yes", header :contains "X-Spamd-Bar" "++++++",
  header :regex "X-Spamd-Result" "default: True \\[[0-9.-]+ / [0-9.]+\\]",
  header :contains "X-Rspamd-Action" ["add header","rewrite subject"]) {
    fileinto :flags "\\Seen" :create "Junk";
    stop;
}
if header :matches "X-Spamd-Result" "default: False [* / *]*" {
   if string :is "${1}" "0.00" { addflag "$Clean"; }
   elsif string :matches "${1}" "-*" { addflag "\\Flagged"; keep; }
}
