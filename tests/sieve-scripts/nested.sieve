require ["fileinto"];
if header :contains "to" "office" {
  if not header :contains "from" ["boss", "payroll"] {
    if allof (size :under 20K, anyof (exists "In-Reply-To", not exists "Cc")) {
      fileinto "Office";
    }
  }
} else {
  if true { if false { discard; } else { keep; } }
}
