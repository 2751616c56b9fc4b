require ["fileinto", "imap4flags", "reject"];

# Whitelist
if address :all :comparator "i;ascii-casemap" :is ["From", "Sender", "Resent-From"] ["friend@example.net", "mum@example.org"]  {
    keep;
    stop;
}

# Blacklist
if address :all :comparator "i;ascii-casemap" :contains ["From", "Sender", "Resent-From"] ["@spammer.example", "casino"]  {
    addflag "\\Deleted";
    fileinto "Trash";
    removeflag "\\Deleted";
    stop;
}

# Spam Filter
if header :comparator "i;ascii-casemap" :contains "X-Spam-Level" "*****"  {
    fileinto "Spam";
    stop;
}

# Projekt Ätna
if allof ( address :all :comparator "i;ascii-casemap" :contains "To" "projekt", not header :comparator "i;ascii-casemap" :contains "Subject" "privat" ) {
    addflag "\\Flagged";
    fileinto "Projekte/Ätna";
    removeflag "\\Flagged";
    stop;
}
# Reject
if header :comparator "i;ascii-casemap" :matches "Subject" "*make money*" {
    reject "No, thanks.";
    stop;
}
