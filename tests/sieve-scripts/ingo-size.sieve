require "fileinto";
# Big ones
if anyof ( size :over 5M , header :comparator "i;ascii-casemap" :contains "Subject" "large file" )  {
fileinto "Big";
stop;
}
