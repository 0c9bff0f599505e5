"""The commands of `make`: what each checks first, runs, and clears up."""
