"""The site as people use it: a real browser on real processes. Nothing in here may reach into the application."""
