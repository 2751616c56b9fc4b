require ["fileinto", "subaddress", "envelope", "variables", "mailbox"];
if envelope :matches :detail "to" "*" {
  set :lower :upperfirst "name" "${1}";
  if string :is "${name}" "" {
    keep;
  } else {
    fileinto :create "${name}";
  }
}
