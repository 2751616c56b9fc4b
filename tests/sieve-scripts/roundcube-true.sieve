require ["copy","fileinto"];
# rule:[all]
if true
{
	fileinto :copy "Archive";
}
