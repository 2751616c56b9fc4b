require ["fileinto","mailbox"];
if header :contains "subject" ["Grüße aus","Überweisung"] { fileinto :create "Grüße"; }
elsif header :is "subject" "日本語" { fileinto :create "日本"; }
elsif header :matches "subject" "*€*" { fileinto :create "Geld & Gut"; }
elsif header :comparator "i;octet" :contains "subject" "HELLO" { fileinto :create "Loud"; }
elsif header :contains "from" "Jürgen" { fileinto :create "Jürgen/2026"; }
