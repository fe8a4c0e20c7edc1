"""`footfall demo`: real events through real gRPC into real Postgres, watched by a stranger."""
