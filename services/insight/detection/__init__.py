"""What the detectors see, and what they say of it.

Snapshots are read from roll-ups in a handful of statements, however many subjects there are; the
rules over them are pure.
"""
