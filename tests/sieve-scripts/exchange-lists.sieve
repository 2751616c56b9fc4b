require ["fileinto","variables","mailbox","imap4flags"];
if header :matches "List-Id" "*<*.*>*" {
  set :lower "list" "${2}";
  set :lower :quotewildcard "host" "${3}";
  fileinto :create "Lists/${list}";
  stop;
} elsif header :matches "X-MS-Exchange-Organization-SCL" ["5","6","7","8","9"] {
  fileinto "Junk E-Mail";
} elsif anyof (header :contains "X-Auto-Response-Suppress" "All", header :contains "Auto-Submitted" "auto-") {
  addflag "\\Seen";
  fileinto :create "Automatic";
} elsif header :is "Importance" "high" { addflag "\\Flagged"; }
else { keep; }
