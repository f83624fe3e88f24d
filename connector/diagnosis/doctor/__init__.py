"""What is right and wrong with a profile as it is served: facts in, findings out."""
