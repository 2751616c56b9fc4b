require "fileinto";

if allof (
    header :is "X-Spam-Flag" "YES",
    not header :contains "From" "friend"
) {
    fileinto "INBOX.Spam";
}
