/**/ require /* a */ [ # x
"fileinto" /* , "no" */ , "mailbox"
] /* ; */ ; /***/ IF /* ( */ NOT Not anyof (
  NOT ADDRESS :DOMAIN :CONTAINS ["from", "sender"] /* { */ "example.com" # }
  , header :Is "X-A" "b" ) { FileInto # here
:create "A # no comment; { b" ; } # {
/* if true { discard; } */
#/*
elsif false { discard; }
#*/
