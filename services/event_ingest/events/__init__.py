"""Events: taken in one by one, in batches or as streams; kept exactly once; listed and followed.

OK means committed in Postgres. What is refused is kept too, with its reason, and can be replayed.
"""
