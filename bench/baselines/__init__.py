"""The same job done with usual libraries, to compare with."""
