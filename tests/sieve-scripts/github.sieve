require ["fileinto", "imap4flags", "variables"];
if address :is "from" "notifications@forge.example" {
  if header :contains "X-Reason" ["mention", "assign", "review_requested"] {
    addflag "\\Flagged";
  } elsif header :matches "List-ID" "*/* <*>" {
    set "repo" "${2}";
    addflag ["\\Seen", "$${repo}"];
  }
  fileinto "Forge";
  stop;
}
