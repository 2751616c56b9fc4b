require ["relational","comparator-i;ascii-numeric","fileinto","mailbox"];
if address :count "gt" :comparator "i;ascii-numeric" ["to","cc"] "3" { fileinto :create "Many"; stop; }
if header :count "eq" :comparator "i;ascii-numeric" ["received"] "0" { fileinto :create "Local"; }
if header :count "ge" "received" "2" { fileinto :create "Far"; }
if header :value "lt" "x-priority" "3" { keep; }
if anyof (header :count "ne" ["subject"] "1", header :value "le" "subject" "Aa") { fileinto :create "Strange"; }
