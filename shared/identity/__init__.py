"""Who calls, and what that allows: credentials become an `Identity`, a table says what it may do.

Nothing here decides which rows a caller sees; row-level security does, from the same identity.
"""
