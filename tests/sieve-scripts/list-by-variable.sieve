require ["variables", "fileinto", "mailbox", "regex"];
if header :regex "List-Id" "<([^.>]+)[.]" {
  set :lower "list" "${1}";
  fileinto :create "lists.${list}";
  stop;
}
if header :matches "List-Id" "*<*@*>*" { fileinto :create "lists.${2}"; }
