"""Clients as they change, without gap and in the order of commits."""
