require ["fileinto", "mailbox", "variables"];
set "dir" "Project";
if header :matches "Subject" "[*] *" { set "dir" "${1}"; }
if mailboxexists "${dir}" { fileinto "${dir}"; } else { fileinto "Other"; }
