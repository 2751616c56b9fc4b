require ["fileinto","relational","comparator-i;ascii-numeric","imap4flags","mailbox","variables","regex"];
if header :matches "X-Spam-Status" "Yes, score=*" {
   set "score" "${1}";
   if string :value "ge" :comparator "i;ascii-numeric" "${score}" "15" { discard; stop; }
   if string :regex "${score}" "^([0-9]+)\\.[0-9] .*$" { set "whole" "${1}"; }
   if string :value "ge" :comparator "i;ascii-numeric" "${whole}" "10" { setflag "\\Seen"; }
   fileinto :create "Junk.High";
   stop;
}
if header :count "ge" :comparator "i;ascii-numeric" "X-Spam-Level" "1" {
   if header :contains "X-Spam-Level" "****" { fileinto :create "Junk"; }
}
