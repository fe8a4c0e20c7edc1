"""The detectors run over days gone by, and what became of what they said. Pure."""
