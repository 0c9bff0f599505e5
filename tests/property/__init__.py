"""What holds for every sequence: Hypothesis looks for the one for which it does not."""
