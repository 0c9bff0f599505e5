"""The operators' command line: one verb for each thing that people do to a system by hand.

`./daytradectl --help` lists them. Verbs only translate; the work is in the rooms
below. A verb imports what it needs when it runs, so that `--help` is quick and needs no settings and no servers.
"""
