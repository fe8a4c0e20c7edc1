"""What others ask, as it was found: dated, and with its source.

A finding is never changed; a later one stands beside it.
"""
