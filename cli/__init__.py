"""The command line, what each process is composed of, and the supervisor behind `up`."""
