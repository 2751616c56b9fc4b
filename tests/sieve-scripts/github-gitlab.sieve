require ["fileinto","variables","mailbox","imap4flags","regex"];
if address :is "from" "notifications@github.com" {
  if header :matches "List-Id" "*/* <*>" { set :lower "owner" "${1}"; set "repo" "${2}"; fileinto :create "GitHub/${owner}/${repo}"; stop; }
}
elsif header :regex "X-GitLab-Project-Path" "^([^/]+)/(.+)$" { fileinto :create "GitLab/${1}"; stop; }
elsif header :matches "X-Phabricator-Sent-This-Message" "*" { fileinto :create "Phab"; stop; }
elsif anyof (header :contains "X-Jira-Fingerprint" "", exists "X-Redmine-Host") { addflag "\\Seen"; fileinto :create "Tracker"; }
