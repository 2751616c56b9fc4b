require "fileinto";
if header :contains "from" "a" { fileinto "A" }
