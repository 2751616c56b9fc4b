require ["fileinto", "subaddress"];
if address :detail :is "to" "lists" { fileinto "lists"; stop; }
if address :user :is ["to", "cc"] "bob" { fileinto "bob"; stop; }
