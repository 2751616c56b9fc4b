# For users without rules of their own: what a spam filter has marked goes to
# Junk.  SpamAssassin (spamd, amavisd, spamass-milter) writes X-Spam-Flag: YES,
# rspamd X-Spam: Yes.  A filter must take such fields out of what strangers
# send; SpamAssassin and rspamd do.
require ["fileinto", "mailbox"];

if anyof (header :is "X-Spam-Flag" "YES", header :is "X-Spam" "Yes") {
	fileinto :create "Junk";
}
