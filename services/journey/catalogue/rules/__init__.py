"""Versions of the settings: how they change, what they may not be, how they are kept. Pure."""
