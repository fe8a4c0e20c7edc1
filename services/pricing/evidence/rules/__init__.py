"""Rules of evidence: what was observed, what it says of demand, and what is believed after it."""
