require ["fileinto", "encoded-character", "variables"];
if header :contains "Subject" "${unicode:20ac}" { fileinto "Money"; }
if header :contains "Subject" "$${hex:24 24}" { fileinto "Money"; }
