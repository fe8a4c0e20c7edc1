"""What may be done for a client, in which order, and what a decision is. Pure."""
