require ["body","fileinto","imap4flags"];
# rule:[Müller & Söhne]
if anyof (address :is "from" "bestellung@mueller.example", header :contains "subject" "Müller")
{
	fileinto "Geschäft";
	stop;
}
# rule:[read later]
if allof (header :contains "list-id" "weekly.example.net", not header :contains "subject" "urgent")
{
	addflag "\\Seen";
	fileinto "Lists";
}
# rule:[off]
if false # header :contains "to" "nobody"
{
	discard;
}
# rule:[invoices]
if body :text :contains "invoice"
{
	addflag "\\Flagged";
}
