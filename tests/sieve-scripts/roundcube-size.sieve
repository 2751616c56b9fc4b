require ["copy","fileinto","imap4flags","regex"];
# rule:[Large]
if size :over 2K
{
	fileinto :copy "Large";
}
# rule:[ticket]
if header :regex "subject" "\\[[A-Z]{2,5}-[0-9]+\\]"
{
	setflag ["\\Flagged","\\Seen"];
	fileinto "Tickets";
	stop;
}
# rule:[vip]
if address :all :is "from" ["chef@firma.example","boss@example.com"]
{
	addflag "\\Flagged";
	keep;
}
