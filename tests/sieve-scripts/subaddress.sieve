require ["envelope","subaddress","fileinto","mailbox","variables"];
if envelope :detail "to" "shop" { fileinto :create "Shopping"; }
elsif envelope :user "to" "postmaster" { fileinto :create "Admin"; }
elsif address :detail :is "to" ["lists","list"] { fileinto :create "Lists"; }
elsif address :user :is ["to","cc"] "u" { fileinto :create "Mine"; }
elsif allof (address :detail :matches ["to","cc"] "*-*", not address :detail :is "to" "") { fileinto :create "D.${1}.${2}"; }
