"""Who stands badly and who is ready for more, by current state, one row for each client."""
