"""Tests of the site on real servers and real workers: each file of tests has one running system."""
