require ["imap4flags", "variables", "fileinto"];
if header :contains "subject" "urgent" { addflag "f" "\\Flagged"; }
if header :contains "from" "robot" { addflag "f" ["\\Seen", "auto"]; }
if hasflag :contains "f" "seen" { fileinto :flags "${f}" "Robots"; }
else { keep :flags "${f}"; }
