"""Properties that hold for every sequence of events; Hypothesis searches for a sequence that breaks one."""
