# rule 1
require "fileinto";
if header :contains "from" "a" { fileinto "A"; }
# rule 2
require "imap4flags";
if header :contains "from" "b" { addflag "\\Seen"; }
