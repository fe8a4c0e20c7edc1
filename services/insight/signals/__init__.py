"""What journey and pricing ask of one client, or of all, in one round trip to the database."""
