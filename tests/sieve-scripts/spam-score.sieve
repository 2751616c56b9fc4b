require ["fileinto", "relational", "comparator-i;ascii-numeric"];
if allof(not header :matches "X-Spam-Score" "-*",
         header :value "ge" :comparator "i;ascii-numeric" "X-Spam-Score" "7") {
    fileinto "INBOX.Spam";
    stop;
}
