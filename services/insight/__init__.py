"""insight: what behaviour means, why it is believed, and what to do next."""
