"""Counting all kept events of an organisation anew, as if they had come in its time zone of today.

For the command line, which works as the owner of the schema: counters and days are replaced in one
transaction that nobody else writes for the organisation in, so no event is lost or counts twice.
"""
