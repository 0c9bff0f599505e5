"""The frame of every process: entry points, logging, clocks, output files, and the faults that tests inject."""
