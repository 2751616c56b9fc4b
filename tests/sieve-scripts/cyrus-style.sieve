require ["fileinto","reject","envelope","imapflags","relational","comparator-i;ascii-numeric","regex","subaddress","copy"];
#### Example
if header :comparator "i;ascii-casemap" :is "X-Spam-Flag" "YES"  {fileinto "INBOX.spam";
stop;}
if anyof(header :matches "Subject" "*viagra*", header :contains :comparator "i;ascii-casemap" ["To","Cc"] "undisclosed") { addflag "\\deleted"; fileinto "INBOX.spam"; }
if header :value "gt" :comparator "i;ascii-numeric" "X-Spam-hits" "5" { fileinto "INBOX.spam"; }
