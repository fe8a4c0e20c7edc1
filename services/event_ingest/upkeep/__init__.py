"""Upkeep: room for what will come, and nothing kept longer than its organisation wants it.

Its rounds cross organisations as the login `footfall_maintenance`, in small transactions. What
they delete is past every retention that speaks of it; what speaks loudest is the event itself, then
its type, then its organisation.
"""
