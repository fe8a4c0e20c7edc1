"""What journey and pricing ask of one client, in one round trip to the database."""
