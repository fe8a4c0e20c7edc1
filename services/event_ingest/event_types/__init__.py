"""The organisation's vocabulary: built-in event types and its own, with their JSON Schemas.

An event of a type that is not here is refused with the nearest names; a schema is enforced from
five seconds after its change at the latest.
"""
