require "fileinto";
if exists "List-Id" {
	if header :contains "List-Id" "bugs.example.org" { fileinto "Lists/bugs"; }
	elsif header :contains "List-Id" "dev.example.org" { fileinto "Lists/dev"; }
	elsif header :contains "List-Id" "announce" { keep; }
	else { fileinto "Lists"; }
	stop;
}
if anyof (header :contains ["X-Mailing-List", "X-Loop", "X-BeenThere"] "example.org",
	header :matches "Sender" ["owner-*", "*-bounces@*"]) {
	fileinto "Lists";
}
