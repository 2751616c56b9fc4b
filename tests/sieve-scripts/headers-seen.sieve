require ["fileinto","mailbox","variables","regex"];
if header :contains "return-path" "spammer.example" { fileinto :create "RP"; }
if header :contains "delivered-to" "@" { fileinto :create "DT"; }
if header :matches "received" "*LMTP*" { fileinto :create "Rcv"; }
if not exists "return-path" { fileinto :create "NoRP"; }
keep;
