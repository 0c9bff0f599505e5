"""The local stack: servers, workers, load test, on one machine. No other folder may import from here."""
