require ["fileinto", "vacation"];
if header :contains "X-Spam-Flag" "YES" { fileinto "Junk"; stop; }
vacation :days 7 "I am away.";
