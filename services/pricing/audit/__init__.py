"""The log of who did what, shown and proven to be whole.

Entries are appended in the transaction of what they record, by shared/schema/audit.py alone. Here
they are listed, followed along their chain from the first to the head, and compared with the ends
that were written down outside the database, which a worker does whenever they moved.
"""
