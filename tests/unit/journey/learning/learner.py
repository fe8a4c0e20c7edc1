"""An organisation whose clients take actions up with chances that only the test knows."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.journey.journeys.rules.calls import Called
from services.journey.journeys.rules.settings import Learning
from services.journey.journeys.rules.vocabulary import Action
from services.journey.learning.rules.making import Tally, policy_of
from services.journey.learning.rules.policy import Policy, prospects, ranked_by

Chances = Callable[[int], Sequence[float]]
"""How likely each action is taken up on a day, by its place in the rules' order."""

ACTIONS = (
    Action.CONCIERGE_PERSONAL_INTERVENTION,
    Action.EMAIL_OUTREACH,
    Action.SEND_VOICE_MESSAGE,
    Action.SCHEDULE_MEETING,
)


def called(*actions: Action, tier: int = 0) -> tuple[Called, ...]:
    return tuple(Called(action, tier, (), by_stage=bool(tier)) for action in actions)


@dataclass
class World:
    """Days of so many decisions each; the policy is made anew every night."""

    chances: Chances
    learning: Learning
    seed: int
    decisions_a_day: int = 50
    regret: list[float] = field(default_factory=list)
    """By decision: what the best would have had on average, less what the chosen one has."""
    chosen: list[Action] = field(default_factory=list)

    def run(self, days: int) -> World:
        rng = random.Random(self.seed)
        order = called(*ACTIONS[: len(self.chances(0))])
        counts: dict[Action, list[float]] = defaultdict(lambda: [0.0, 0.0])
        policy, recorded, fading = Policy(), 0, 0.5 ** (1 / self.learning.half_life_days)
        for day in range(days):
            chances, outlook = self.chances(day), prospects(order, policy, self.learning, "")
            for one in counts.values():
                one[:] = (fading * part for part in one)
            for _ in range(self.decisions_a_day):
                first = ranked_by(order, outlook, rng.getrandbits(63))[0].called.action
                chance = chances[ACTIONS.index(first)]
                counts[first][rng.random() >= chance] += 1
                recorded += 1
                self.regret.append(max(chances) - chance)
                self.chosen.append(first)
            tallies = [
                Tally("", action, taken, left, 0) for action, (taken, left) in counts.items()
            ]
            policy = Policy(day + 1, recorded, policy_of(day + 1, tallies).beliefs)
        return self

    def share(self, action: Action, since: float = 0.0) -> float:
        """Of decisions after that part of all that chose the action."""
        late = self.chosen[int(len(self.chosen) * since) :]
        return late.count(action) / len(late)
