"""The detectors: pure rules over snapshots."""
