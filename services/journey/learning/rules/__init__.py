"""How the ranking learns, and how well: pure, and with the seed an argument replayable."""
