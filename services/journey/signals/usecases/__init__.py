"""Asking insight about one client, and keeping what it says of all of them."""

from services.journey.signals.usecases.asking import Signalling
from services.journey.signals.usecases.sweeping import Sweeps

__all__ = ["Signalling", "Sweeps"]
