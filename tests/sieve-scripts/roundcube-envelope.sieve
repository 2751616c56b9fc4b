require ["date","envelope","fileinto","relational","subaddress","variables"];
# rule:[plus]
if envelope :detail :matches "to" "*"
{
	set :lower :upperfirst "folder" "${1}";
	fileinto "INBOX.${folder}";
	stop;
}
# rule:[bounces]
if envelope :is "from" ""
{
	fileinto "INBOX.Bounces";
}
# rule:[weekend]
if anyof (currentdate :value "eq" "weekday" "0", date :value "ge" "date" "hour" "22")
{
	fileinto "INBOX.Later";
}
