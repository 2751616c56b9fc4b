require ["imap4flags","variables","fileinto","relational"];
set "who" "";
if address :matches "from" "*@*" { set "who" "${1}"; set "dom" "${2}"; }
addflag "f" ["\\Flagged", "\\Seen"];
if string :is "${who}" ["boss","chef"] { addflag "f" "\\Answered"; }
if not hasflag "f" "\\Answered" { removeflag "f" "\\Flagged"; }
if hasflag :count "ge" :comparator "i;octet" "f" "2" { keep :flags "${f}"; } 
else { fileinto :flags "${f}" "Other"; }
