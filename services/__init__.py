"""One folder per process; no service imports another."""
