"""How calls reach handlers: one server, one chain of concerns, one table of errors.

Everything a handler need not think of is here; nothing here knows what a handler does.
"""
