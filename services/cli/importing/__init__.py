"""`footfall import`: rows of a file become events, the same ones every time they are read."""
