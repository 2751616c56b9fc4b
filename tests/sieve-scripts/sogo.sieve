require ["fileinto", "imap4flags", "envelope"];
if allof (header :contains "subject" "report", envelope :contains "to" "alice") {
    fileinto "INBOX/Reports/Daily";
    stop;
}
if anyof (address :contains ["from"] "@partner.example", address :contains ["to", "cc"] "team") {
    addflag "\\Flagged";
    addflag "$label1";
    keep;
}
