"""The local stack: servers, workers and load test on one machine. No other folder may import from here."""
