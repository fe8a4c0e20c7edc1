"""The thresholds of the detectors: each change a version, checked and audited."""
