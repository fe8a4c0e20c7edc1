"""event-ingest: the door for every fact. What it acknowledged is committed, exactly once."""
