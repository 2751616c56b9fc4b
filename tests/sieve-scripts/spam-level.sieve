require ["fileinto","mailbox","imap4flags"];

# ten stars are thrown away, five are put aside
if header :contains "X-Spam-Level" "**********" {
	discard;
	stop;
} elsif anyof (header :contains "X-Spam-Level" "*****",
               header :matches "Subject" "[SPAM]*") {
	setflag "\\Seen";
	fileinto :create "Junk";
}
