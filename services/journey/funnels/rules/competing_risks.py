"""Which move comes first, and when, from spells of which some still run.

A spell ends by one of several causes, or is censored: it was still running when last seen. The
history alone would give the estimator of Aalen and Johansen ("An empirical transition matrix for
non-homogeneous Markov chains based on censored observations", Scandinavian Journal of Statistics 5,
1978), which for all causes together is that of Kaplan and Meier ("Nonparametric estimation from
incomplete observations", JASA 53, 1958). It says nothing beyond the longest spell, and little where
there are few. So a base is mixed in, which counts as much as `strength` spells: the posterior mean
under a Dirichlet process (Susarla and Van Ryzin, "Nonparametric Bayesian estimation of survival
curves from incomplete observations", JASA 71, 1976; with causes, Salinas-Torres, Pereira and
Tiwari, "Bayesian nonparametric estimation in a series system or a competing-risks model", Journal
of Nonparametric Statistics 14, 2002). As `strength` goes to 0 it becomes Aalen and Johansen's.

The base is a race of exponential times, so it is without memory. At each time all that has not
ended yet is shared between the base that is left and the spells at risk; a censored spell leaves
its part to them all. What so comes to the base from spells is not the base's to decide: it goes
where the moves that were seen went.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from services.journey.journeys.rules.vocabulary import Stage


class Spell(NamedTuple):
    """A time that ended by a move to `cause`; None: it was running still when last seen."""

    seconds: float
    cause: Stage | None


@dataclass(frozen=True, slots=True)
class Base:
    """What is believed where no spell says otherwise."""

    strength: float
    """As many spells as it counts for, more than 0."""
    rate: float
    """Moves a second."""
    split: Mapping[Stage, float]
    """By which cause, as probabilities that sum to 1."""


class _Piece(NamedTuple):
    """A time in which no spell of the history ends; at its end some do."""

    since: float
    until: float
    staying: float
    """The probability of not having moved by its beginning."""
    share: float
    """Of it, what belongs to the base."""
    each: float
    """The probability that each move at its end is given."""
    moves: Mapping[Stage, int]
    """How many there are at its end, by cause."""
    jump: float
    """The probability of all of them together."""


class Curve:
    """The distribution of the first move: when, and by which cause."""

    def __init__(self, spells: Iterable[Spell], base: Base) -> None:
        ordered = sorted(spells, key=itemgetter(0))  # by seconds
        self._base = base
        self._pieces = _pieces(ordered, base)
        self._moved = sum(piece.jump for piece in self._pieces)
        self._split = _split(Counter(spell.cause for spell in ordered), base, 1 - self._moved)

    def incidence(self, seconds: float = math.inf) -> dict[Stage, float]:
        """The probability of having moved by then, by cause."""
        smooth, moved = 0.0, dict.fromkeys(self._split, 0.0)
        for piece in self._pieces:
            if piece.since >= seconds:
                break
            smooth += piece.staying - self._staying(piece, min(seconds, piece.until))
            if piece.until <= seconds:
                for cause, count in piece.moves.items():
                    moved[cause] += piece.each * count
        return {cause: moved[cause] + smooth * part for cause, part in self._split.items()}

    def quantile(self, share: float) -> float:
        """The seconds by which this share has moved."""
        left = 1 - share
        for piece in self._pieces:
            before = self._staying(piece, piece.until)
            if before <= left:
                return piece.since + self._time_to(piece, left)
            if before - piece.jump <= left:
                return piece.until
        return math.inf

    def effective_cases(self) -> float:
        """On as many equal cases the distribution rests.

        By Kish ("Survey Sampling", 1965, section 11.7), from what each move was given; what was
        given to none is the base's.
        """
        squares = sum(piece.each * piece.jump for piece in self._pieces)
        return 1 / (squares + (1 - self._moved) ** 2 / self._base.strength)

    def _staying(self, piece: _Piece, at: float) -> float:
        """The probability of not having moved within the piece, before its end."""
        fading = -math.expm1(-self._base.rate * (at - piece.since))
        return piece.staying * (1 - piece.share * fading)

    def _time_to(self, piece: _Piece, left: float) -> float:
        """How long after the piece began the probability of not having moved is `left`."""
        faded = (1 - left / piece.staying) / piece.share if left < piece.staying else 0.0
        return -math.log1p(-faded) / self._base.rate if faded < 1 else math.inf


def _pieces(spells: Sequence[Spell], base: Base) -> list[_Piece]:
    found: list[_Piece] = []
    since, staying, at_risk, weight = 0.0, 1.0, len(spells), base.strength
    for until, together in groupby(spells, key=itemgetter(0)):
        ended, moves = _ends(together)
        left = base.strength * math.exp(-base.rate * until)
        before = staying * (left + at_risk) / (weight + at_risk)
        each = before / (left + at_risk)
        jump = each * sum(moves.values())
        share = weight / (weight + at_risk)
        found.append(_Piece(since, until, staying, share, each, moves, jump))
        at_risk, staying = at_risk - ended, max(0.0, before - jump)
        since, weight = until, left
    return [*found, _Piece(since, math.inf, staying, 1.0, 0.0, {}, 0.0)]


def _ends(together: Iterable[Spell]) -> tuple[int, Mapping[Stage, int]]:
    """How many end, and how many of them by which move. Mostly one: a Counter would cost more."""
    ended, moves = 0, dict[Stage, int]()
    for _, cause in together:
        ended += 1
        if cause is not None:
            moves[cause] = moves.get(cause, 0) + 1
    return ended, moves


def _split(ends: Counter[Stage | None], base: Base, undecided: float) -> dict[Stage, float]:
    """Where all goes that no move decided: the base's own part, and what spells that run left."""
    own = base.strength / (base.strength + ends.total())
    left = max(0.0, undecided - own)
    cases = base.strength + ends.total() - ends[None]
    return {
        cause: (own * share + left * (base.strength * share + ends[cause]) / cases) / (own + left)
        for cause, share in base.split.items()
    }
