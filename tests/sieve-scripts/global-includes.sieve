require ["include","fileinto","variables","mailbox"];
global "spamfolder";
set "spamfolder" "Junk";
include :personal :optional "nothere";
if header :contains "x-spam-flag" "yes" { fileinto :create "${spamfolder}"; return; }
if header :is "x-bogosity" "Spam" { fileinto :create "${global.spamfolder}"; stop; }
