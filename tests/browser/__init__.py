"""The site as people use it: a real browser on real processes. No test here may call the application's code."""
