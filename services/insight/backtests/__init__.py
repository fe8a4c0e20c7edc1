"""What the detectors would have said over history, and how often they were right."""
