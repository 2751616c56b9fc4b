require ["fileinto", "imap4flags", "mailbox", "variables", "copy", "relational", "comparator-i;ascii-numeric"];
### 5. Discard
if anyof(
  address :is "From" "offers@bulk.example",
  header :contains ["X-Mail-From"] ["@bulk.example", ".bulk.example"]
) {
  set "stop" "Y";
}
### 6. Spam
if not header :contains ["X-Spam-Known-Sender"] "yes" {
  if header :value "ge" :comparator "i;ascii-numeric" ["X-Spam-Score"] ["5"] { set "spam" "Y"; }
  if allof(header :contains ["X-Backscatter"] "yes", not header :matches "X-LinkName" "*") { set "spam" "Y"; }
}
### 7. Rules
set :lowerfirst "L1_Target" "INBOX.List";
if header :matches ["List-Id", "X-List"] "*<*.*>*" {
  set :lower "name" "${2}";
  set "l1_target" "INBOX.${name}";
  addflag "f" ["\\Seen", "$list"];
}
if string :is "${stop}" "Y" { discard; stop; }
if string :is "${spam}" "Y" { fileinto :create :flags ["${f}", "\\Flagged"] "INBOX.Junk Mail"; stop; }
if exists "List-Id" { fileinto :copy :create :flags "${f}" "${L1_target}"; }
