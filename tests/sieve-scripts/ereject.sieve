require ["ereject", "envelope"];
if anyof (envelope :domain :is "from" ["spam.example", "bulk.example"],
          envelope :localpart :matches "from" "no*reply*") {
  ereject "This address takes no mail from you.";
}
