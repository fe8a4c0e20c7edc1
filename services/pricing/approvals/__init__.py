"""Approvals: what is asked, and the decision of somebody else on exactly that.

The database decides (`shared/schema/price_guard.py`); its word becomes an answer or an error here.
Every transition leaves one entry in the audit log and one row that watches follow; a request that
waits for a decision leaves a message, where somebody listens.
"""
