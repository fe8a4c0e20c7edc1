"""What happens to clients, and where it leaves them."""

from services.journey.journeys.usecases.restating import restate

__all__ = ["restate"]
