"""Approved changes of prices: each takes effect once, at its time, and reaches who was told of it.

The worker applies them, lets approvals expire, and compares after 30, 60 and 90 days what was
predicted with what came. The clock is the database's; no time of ours goes into a price.
"""
