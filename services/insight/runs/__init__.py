"""When the detectors run by themselves: on schedule, and soon after events that matter.

Runs are jobs of a queue in Postgres. An organisation has one run in hand and one waiting at most; a
run whose worker died is found and done again, one that keeps failing is kept for a person.
"""
