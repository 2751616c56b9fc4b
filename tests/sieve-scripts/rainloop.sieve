/*
RainLoop Filter
*/
require ["fileinto"];

/* BEGIN:FILTER:8f2e { "Name": "to lists", "If": "a; b" } */
# to lists
if anyof(
    header :contains ["List-Id", "List-Post"] "dev",
    header :is ["Precedence"] "bulk"
)
{
    fileinto "Lists";
    stop;
}
/* END:FILTER:8f2e */
