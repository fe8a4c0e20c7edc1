"""What calls go through, one concern per file; `shared/rpc/server.py` puts them in order."""
