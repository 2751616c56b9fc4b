require ["fileinto","regex","variables","mailbox","envelope"];
if header :regex "list-post" "<mailto:([^@>]+)@([^>]+)>" { fileinto :create "lists.${1}"; stop; }
if header :regex "x-beenthere" "([a-z-]+)@" { fileinto :create "lists.${1}"; stop; }
if header :regex "delivered-to" "mailing list ([^@]+)@" { fileinto :create "lists.${1}"; stop; }
if envelope :regex "from" "^(owner-)?([^@]+)-(bounces|owner|request|return)" { fileinto :create "lists.${2}"; stop; }
