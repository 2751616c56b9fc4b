if header :contains "subject" "lottery" { fileinto "Junk"; }
