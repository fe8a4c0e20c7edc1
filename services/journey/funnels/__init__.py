"""How many go from stage to stage and how long that takes; where a client goes next, and when.

All is computed from the visits as they stand: what arrives late changes what was said of the past.
"""
