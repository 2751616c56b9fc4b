require ["include", "environment", "variables", "relational", "comparator-i;ascii-numeric"];
require ["fileinto", "imap4flags"];
require ["regex"];

/**
 * @type and
 * @comparator contains
 */
if allof (header :comparator "i;ascii-casemap" :contains "Subject" "receipt") {
    fileinto "Receipts";
}
