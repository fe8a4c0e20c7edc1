"""Asking insight about one client, and about all of them."""

from services.journey.signals.usecases.asking import Signalling

__all__ = ["Signalling"]
