"""What journey and pricing ask of one client, or of all."""
