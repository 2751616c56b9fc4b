require ["date","relational","fileinto","variables","mailbox"];
if currentdate :matches "year" "*" { set "year" "${1}"; }
if currentdate :matches "month" "*" { set "month" "${1}"; }
if date :originalzone "date" "zone" "+0100" { fileinto :create "Archive.Europe"; }
if date :zone "+0000" :value "lt" "date" "iso8601" "2020-01-01T00:00:00Z" { fileinto :create "Archive.Old"; stop; }
if allof(date :value "ge" "date" "hour" "09", date :value "lt" "date" "hour" "17", date :is "date" "weekday" ["1","2","3","4","5"]) { fileinto :create "Work"; }
if anyof(date :is "received" "year" "1999", date :contains "date" "std11" "Jan") { fileinto :create "Odd"; }
if date :matches "date" "julian" "5*" { fileinto :create "Arch.J${1}"; }
