### Nextcloud Mail: Filters ### DON'T EDIT ###
require ["fileinto", "imap4flags"];
### Nextcloud Mail: Filters ### DON'T EDIT ###

require "mailbox";

### Nextcloud Mail: Filters ### DON'T EDIT ###
# DATA: [{"name":"a \"b\"; {","enable":true,"operator":"allof"}]
# Filter: a "b"; {
if allof (header :is "Subject" ["Project-A", "Project-B"], address :contains :all "From" ["john"]) {
fileinto "Test Data";
addflag ["Test 123"];
stop;
}
if header :contains "List-Unsubscribe" "" {
fileinto :create "News"; addflag "\\Flagged";
}
### Nextcloud Mail: Filters ### DON'T EDIT ###
