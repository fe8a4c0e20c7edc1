"""Insights as they change, in the order of commits, without gap, resumable.

It reads the changes below the oldest transaction that still runs, and sends each insight as it is:
who reads slowly gets what changed twice once.
"""
