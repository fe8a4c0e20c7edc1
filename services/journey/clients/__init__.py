"""The clients of an organisation, made and replaced as a whole, and deleted without a trace."""
