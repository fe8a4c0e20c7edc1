"""Whatever people do in whatever order, a request goes by the state machine of the contract."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.pricing.v1 import approval_pb2 as pb
from tests.approving import (
    ACTS,
    APPROVED,
    CHANGES_REQUESTED,
    DECISIONS,
    ENDS,
    EXPIRED,
    PENDING,
    STALE,
    WITHDRAWN,
    actions,
    apply,
    ask,
    decide,
    decision,
    ending,
    expire,
    get,
    make_tier,
    revised,
    withdrawn,
)
from tests.bargaining import Pricing, age
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase

OPEN = {PENDING, CHANGES_REQUESTED}
OVER: dict[int, str] = {
    STALE: "STALE_APPROVAL",
    EXPIRED: "EXPIRED",
    WITHDRAWN: "FAILED_PRECONDITION",
}
AFTER: dict[str, tuple[int, str]] = {
    **{action: (ENDS[action], ACTS[action]) for action in DECISIONS},
    "ReviseApproval": (PENDING, "approval.revise"),
    "WithdrawApproval": (WITHDRAWN, "approval.withdraw"),
}
PEOPLE = ("ann", "bob", "carl", "backend")
ACTIONS = (*DECISIONS, "ReviseApproval", "WithdrawApproval", "wait", "expire", "overtake")

walks = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.sampled_from(PEOPLE), st.booleans()),
    min_size=3,
    max_size=14,
)
"""What is done, by whom, and whether they have read what was done before."""


@dataclass
class Model:
    """A request as the contract has it."""

    contributors: set[str]
    state: int = PENDING
    revision: int = 1
    late: bool = False
    log: list[str] = field(default_factory=lambda: ["approval.request"])

    def does(self, action: str, who: str, *, read: bool) -> str:
        """How it ends."""
        if denied := self._denied(action, who):
            return f"PERMISSION_DENIED {denied}"
        if self.state in OVER:
            return f"FAILED_PRECONDITION {OVER[self.state]}"
        if not read:
            return "ABORTED STALE_ETAG"
        if self.state not in ({PENDING} if action in DECISIONS else OPEN):
            return "FAILED_PRECONDITION FAILED_PRECONDITION"
        if self.late and action != "WithdrawApproval":
            self._goes(EXPIRED, "approval.expire")
            return "FAILED_PRECONDITION EXPIRED"
        if action == "ReviseApproval":
            self.contributors.add(who)
            self.revision += 1
        self._goes(*AFTER[action])
        return "OK"

    def _denied(self, action: str, who: str) -> str:
        if action in DECISIONS and who == "backend":
            return "ROLE_NOT_PERMITTED"
        if action in DECISIONS and who in self.contributors:
            return "SELF_APPROVAL"
        stranger = action == "WithdrawApproval" and who not in self.contributors
        return "ROLE_NOT_PERMITTED" if stranger else ""

    def _goes(self, state: int, logged: str) -> None:
        self.state = state
        self.log.append(logged)


class Real:
    """The same request of a running service."""

    def __init__(self, pricing: Pricing, acme: Organisation) -> None:
        self.acme, self.numbers = acme, itertools.count(1)
        self.people = {who: pricing.seller(acme, who) for who in (*PEOPLE, "dora", "emil")}
        self.tier, self.made, self.before = "", pb.Approval(), pb.Approval()

    def begin(self) -> None:
        """Another request, for a tier of its own."""
        self.tier = f"tier-{next(self.numbers)}"
        make_tier(self.people["ann"], self.tier)
        self.made = self.before = ask(self.people["ann"], 900, self.tier)

    def does(self, action: str, who: str, *, read: bool) -> str:
        """How it ends; the etag is the last one, or one that was never one."""
        made = get(self.people["emil"], self.made)
        etag = made.etag if read else "another"
        if action in DECISIONS:
            request = decision(action, made, etag=etag)
        elif action == "WithdrawApproval":
            request = withdrawn(made, etag=etag)
        else:
            request = revised(made, 100 + next(self.numbers), etag=etag)
        return ending(self.people[who], action, request)

    def overtaken(self) -> None:
        """Another request for the tier is agreed to, and takes effect."""
        other = ask(self.people["dora"], 5000 - next(self.numbers), self.tier)
        change = decide(self.people["emil"], other).price_change
        age(self.acme.database, self.acme.org_id, hours=721)
        apply(self.acme, change.price_change_id)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walk=walks)
def check(real: Real, walk: list[tuple[str, str, bool]]) -> None:
    real.begin()
    model = Model({"ann"})
    for action, who, read in walk:
        if action == "wait":
            age(real.acme.database, real.acme.org_id, days=15)
            model.late = model.state in OPEN
        elif action == "expire":
            expire(real.acme)
            if model.state in OPEN and model.late:
                model.state = EXPIRED
        elif action == "overtake":
            real.overtaken()
            model.late = model.state in OPEN
            model.state = STALE if model.state in OPEN else model.state
        else:
            assert real.does(action, who, read=read) == model.does(action, who, read=read)
        after = get(real.people["emil"], real.made)
        assert (after.state, after.revision) == (model.state, model.revision)
        assert set(after.contributors) == model.contributors
        assert actions(real.acme, real.made) == model.log
        assert bool(after.price_change_id) == (model.state == APPROVED)
        assert all(one.void == (one.revision < after.revision) for one in after.verdicts)


def test_a_request_goes_by_the_state_machine(
    pricing: Pricing, shared_database: MigratedDatabase
) -> None:
    check(Real(pricing, add_organisation(shared_database, "Acme")))
