"""The operators' command line: one verb for each manual operation on a system.

`./daytradectl --help` lists the verbs. Verbs only translate; the folders on lower floors do the work. A verb
imports what it needs when it runs, so that `--help` is quick and needs no settings and no servers.
"""
