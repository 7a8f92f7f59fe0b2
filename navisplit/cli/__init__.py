"""The command line: `navisplit ...`."""
