"""Counters beside those that are written with each event: by feature, by client, by revenue.

They follow the commit log in the transactions of the session fold, so each event counts once.
"""
