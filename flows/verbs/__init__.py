"""What each verb of the command line does: check its words, call one function, print what that returns."""
