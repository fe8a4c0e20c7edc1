"""Sessions follow the log (`folding`, `following`) and are read (`reading`)."""

from services.event_ingest.sessions.usecases.folding import HeldElsewhere, fold
from services.event_ingest.sessions.usecases.following import Follower, Progress
from services.event_ingest.sessions.usecases.reading import get_session, list_sessions

__all__ = ["Follower", "HeldElsewhere", "Progress", "fold", "get_session", "list_sessions"]
