"""What the worker does about runs, and a person about the dead ones."""

from services.insight.runs.usecases.administering import list_jobs, revive_jobs
from services.insight.runs.usecases.following import Follower
from services.insight.runs.usecases.queue import Ended, Queue, Timing
from services.insight.runs.usecases.running import run
from services.insight.runs.usecases.scheduling import schedule

__all__ = ["Ended", "Follower", "Queue", "Timing", "list_jobs", "revive_jobs", "run", "schedule"]
