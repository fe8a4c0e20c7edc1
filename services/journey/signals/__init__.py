"""What insight knows of clients: kept for all that it told of, and asked for the others."""
