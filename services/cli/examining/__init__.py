"""`footfall doctor`: one module per thing that may be wrong; each says what to do about it."""
