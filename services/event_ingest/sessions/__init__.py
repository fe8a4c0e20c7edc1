"""Sessions: what a user did in one go, derived from events and never sent.

They follow the commit log within two seconds, exactly once whatever dies meanwhile, and are what
the events say: neither the order nor the batches in which those arrived can be told from them.
"""
