"""How many go from stage to stage and how long that takes; where a client goes next."""
