require ["regex", "variables", "fileinto"];
if header :regex :comparator "i;ascii-casemap" "subject" "(bug|ticket) #?([[:digit:]]{1,6})" {
  set "n" "${2}";
  if string :matches "${n}" "42*" { fileinto "Answers"; }
  else { fileinto "${1}s"; }
}
