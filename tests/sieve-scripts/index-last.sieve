require ["index","date","fileinto","relational","variables","mailbox"];
if header :index 1 :last :contains "received" "relay.example.net" { fileinto :create "Relay"; }
if header :index 2 :matches "received" "from * *" { fileinto :create "Via.${1}"; }
if date :index 1 :last :value "lt" "received" "date" "2026-01-01" { fileinto :create "Slow"; }
if address :index 1 :domain :is "from" "example.com" { keep; }
if header :index 3 :contains "x-loop" "a" { discard; }
