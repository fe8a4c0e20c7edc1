"""One module per command, each exposing `command`; loaded when it is asked for."""
