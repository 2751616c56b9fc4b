require ["body","fileinto","regex","imap4flags","ereject"];
if body :content ["text/html"] :contains "<script" { ereject "We take no scripts."; stop; }
elsif body :content "application/zip" :contains "" { fileinto "Attach"; }
elsif body :raw :contains ["Content-Disposition: attachment"] { fileinto "Attach"; addflag "\\Seen"; }
if body :text :regex "(invoice|rechnung) +(no|nr)\\.? *[0-9]+" { addflag "\\Flagged"; }
if body :text :matches "*gr*e*" { addflag "\\Answered"; }
if body :text :contains ["Grüße","€"] { addflag "\\Draft"; }
