"""Running a process: configuration, errors, lifecycle, logging and metrics."""
