require ["date", "relational", "fileinto", "mailbox", "variables"];
if allof (currentdate :value "ge" "iso8601" "2024-07-01T00:00:00+02:00",
          not currentdate :zone "+0200" :value "gt" "iso8601" "2099-07-31T23:59:59+02:00") {
  if date :matches :originalzone "Date" "std11" "*, * * 2??? *" { fileinto :create "Summer.${2}"; }
}
if date :is "Date" "weekday" ["0", "6"] { fileinto :create "Weekend"; }
