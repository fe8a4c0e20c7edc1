"""What was refused is not lost: kept as it was sent, with its reason, tried again on request."""
