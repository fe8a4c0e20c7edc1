"""What may be sent where, how it is signed, and when it is tried again. Pure."""
