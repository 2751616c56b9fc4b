require ["fileinto", "mailbox"];

#Generated
if header :contains ["subject"] ["viagra"] {
   discard;
}
if header :matches ["from"] ["*@shop.example", "news@*.example"] {
   fileinto :create "INBOX.shop";
}
