"""Running a process: configuration, errors, lifecycle, logging, metrics. Imports nothing of ours."""
