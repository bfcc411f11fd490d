"""The command line: flags, modes, and all that is printed."""
