"""What the worker does so that clients stand as they should when nobody calls."""

from services.journey.refreshing.usecases.adopting import Adopted, Adoption
from services.journey.refreshing.usecases.following import Followed, Follower
from services.journey.refreshing.usecases.passing import Passed, Passing
from services.journey.refreshing.usecases.settling import Settled, Settling
from services.journey.refreshing.usecases.steps import Refreshing

__all__ = [
    "Adopted",
    "Adoption",
    "Followed",
    "Follower",
    "Passed",
    "Passing",
    "Refreshing",
    "Settled",
    "Settling",
]
