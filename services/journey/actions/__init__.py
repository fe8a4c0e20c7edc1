"""What to do for a client now, why, and what else; asking changes nothing."""
