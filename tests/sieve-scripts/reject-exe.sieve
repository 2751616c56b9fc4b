require ["reject", "body", "regex"];
if body :content "application" :matches "*" { reject "No programs, please.\r\nThank you."; }
if header :regex "Content-Disposition" "filename=.*[.](exe|scr)" { discard; }
