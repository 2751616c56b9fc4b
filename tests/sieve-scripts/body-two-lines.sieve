require ["body", "fileinto", "mailbox", "regex"];
if body :contains "Dear friend,
I have a proposal" { fileinto :create "Junk"; }
if body :raw :matches "Automatic report
*" { fileinto :create "Reports"; }
if body :raw :regex "^The job (succeeded|failed)..$" { fileinto :create "Jobs"; }
if body :text :is "The job failed
" { discard; }
