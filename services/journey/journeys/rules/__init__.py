"""What is true of a journey: facts of its events, risks, score. Pure."""
