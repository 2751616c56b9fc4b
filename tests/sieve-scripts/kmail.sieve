# Sieve filter
require ["fileinto", "reject"];
#SCRIPTNAME: 'one'
if header :contains "from" "pest@example.net" {
   reject text:
Please do not write
to this address.
.
;
} else {
   if header :contains "subject" ["meeting", "Besprechung"] { fileinto "Calendar"; } else { keep; }
}
