require ["fileinto"];
if anyof (header :contains ["X-Spam-Status"] ["Yes"]) { fileinto "Junk"; }
else { if anyof (allof (header :contains ["From"] [""], header :contains ["Cc", "To"] ["alice"])) { fileinto "Personal"; } }
