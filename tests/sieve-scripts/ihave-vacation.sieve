require ["ihave", "fileinto"];
if header :contains "X-Spam-Flag" "YES" { fileinto "Junk"; stop; }
if ihave "vnd.nobody.vacation" { vacation "I am away."; }
