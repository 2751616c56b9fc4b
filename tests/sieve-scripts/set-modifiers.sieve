require ["variables","fileinto","mailbox","envelope"];
set "n" "x";
if header :matches "subject" "[*] *" { set :length "n" "${1}"; set :upper :lowerfirst "t" "${1}"; fileinto :create "T.${t}.${n}"; }
elsif header :matches "from" "* <*@*>" { set :lower :upperfirst "name" "${1}"; set :quotewildcard "q" "${1}"; if header :matches "from" "${q} <*" { fileinto :create "N.${name}"; } }
else { set "a" "${n}${n}"; fileinto :create "E.${a}"; }
