# nothing is filtered
/* at the moment */
