require ["fileinto","mailbox"];
if header :contains "subject" ["Rechnung", "Mahnung", "größer"] { fileinto :create "Entwürfe/Geld & Gut"; }
elsif header :matches "subject" "Re: *" { fileinto :create "Antworten"; }
