"""Journeys as time passes: what changes without any call, found and derived anew by the worker.

Clients are due by time (`passing`), by new settings or norms (`settling`), by ingested events that
name them (`following`), and once when they are made known (`adopting`). All of it may be done twice
and by several workers: what is derived again comes out the same.
"""
