require ["fileinto"];
require ["fileinto"];
require "fileinto";
if header :is "subject" "test" { fileinto "Test"; stop; }
