"""The life of an insight, and the form in which it is kept. Pure."""
