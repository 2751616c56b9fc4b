/* Filter created by hand
   if true { discard; } */
require /* inline */ [ "fileinto" , # eol
 "mailbox" ] ;
if /*x*/ header# c
:contains /**/ [ "Subject" ] [ "a /* not a comment */ b", "# no" ]{fileinto:create"C";}
elsif/* */ allof(true,not false){ /* empty */ }
