# Horde's filters
# Generated on 01/02/2024
require ["fileinto", "imap4flags", "regex", "comparator-i;ascii-numeric", "relational"];
# Whitelist
if address :all :comparator "i;ascii-casemap" :is ["From", "Sender", "Resent-From"] ["boss@example.com", "me@example.org"]  {
keep;
stop;
}
# Blacklist Addresses
if address :all :comparator "i;ascii-casemap" :is ["From", "Sender", "Resent-From"] "junk@spam.example"  {
discard;
stop;
}
# Tickets
if allof ( header :comparator "i;ascii-casemap" :regex "Subject" "\\[#[0-9]+\\]", not size :over 1000000 )  {
addflag "\\Flagged";
fileinto "Tickets";
removeflag "\\Flagged";
stop;
}
