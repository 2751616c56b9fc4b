require ["date", "relational", "fileinto"];
if allof (date :value "ge" :originalzone "date" "hour" "09",
          date :value "lt" :originalzone "date" "hour" "17",
          not date :is :zone "+0100" "date" "weekday" ["0", "6"]) {
    fileinto "Work";
} elsif date :value "lt" "Received" "date" "2000-01-01" {
    fileinto "Old";
}
