"""The live tail: committed events by filter, in the order of their commits, without gap or repeat.

It reads the commit log below the oldest transaction that still runs, so a slow writer delays the
tail and never slips behind it.
"""
