require ["fileinto","copy","imap4flags"];
addflag "\\Seen";
fileinto :copy "Large";
if header :contains "subject" "hello" { fileinto "NoSuchFolder"; }
