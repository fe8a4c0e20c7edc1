"""The play: ten acts, one after the other, and an account that has to balance."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice

from services.cli.demo import cast, hindsight, incidents, journeys, known, meaning, walls
from services.cli.demo.board import Board, watched
from services.cli.demo.cast import Organisation
from services.cli.demo.flights import ROWS, Departure, departures
from services.cli.demo.journeys import Followed
from services.cli.demo.replay import Replay, with_a_damaged_row
from services.cli.demo.stage import staged
from services.cli.demo.telling import Telling
from services.cli.demo.walls import Trial
from services.cli.importing.views import verdict_line
from services.cli.state import State
from services.cli.tally import Tally
from shared.bi import ReadOnly
from shared.data_dir import DataDir
from shared.refusal import StartRefused

_READER = "demo"


class DoesNotBalance(StartRefused):
    """Something was lost or stored twice: the promise of the product is broken."""


@dataclass
class Play:
    """What the acts share."""

    telling: Telling
    data_dir: DataDir
    rows: int = ROWS

    async def perform(self) -> None:
        """All acts. Raises DoesNotBalance when the end is not what was promised."""
        began = time.monotonic()
        self.telling.act("Start everything: Postgres, schema, services; on an empty directory")
        async with staged(self.data_dir, self.telling.remark) as state:
            tally, stored = await self._acts(state)
            self.telling.act("Stop: what was accepted is finished, nothing stays behind")
        self._end(tally, stored, time.monotonic() - began)

    async def _acts(self, state: State) -> tuple[Tally, int]:
        address = state["event_ingest"]
        self.telling.remark(f"event-ingest serves at {address}")
        self.telling.act("Create an organisation per carrier, keeping events for ever, and keys")
        organisations = await cast.assembled(self.data_dir, address)
        self.telling.remark(", ".join(f"{one.code} {one.name}" for one in organisations.values()))
        async with ReadOnly.at(state["database_url"], _READER) as bi:
            first = await self._replay("Replay a year of real flights", organisations, first=True)
            last = await self._look(bi, organisations)
            await self._meaning(organisations, state["insight"], last)
            followed = await self._journeys(state["journey"])
            apart = await self._incidents(organisations)
            before = await known.stored(bi, organisations)
            second = await self._replay("Replay the whole file again", organisations, first=False)
            stored = await known.stored(bi, organisations)
            self._compare(before, stored)
            self.telling.act("Try to look over the walls between organisations")
            nobody = await cast.stranger(self.data_dir, address)
            trials = await walls.try_them(organisations, stored, nobody, bi)
            trials.append(await journeys.wall(followed, nobody, state["journey"]))
            self._walls(trials)
        self._how_to_go_on(organisations, followed)
        return first + apart + second, sum(stored.values())

    async def _replay(
        self, title: str, organisations: Mapping[str, Organisation], *, first: bool
    ) -> Tally:
        self.telling.act(f"{title}: {self.rows:,} events through footfall_client, over gRPC")
        if first:
            self.telling.remark("the first row has its type misspelt on the way, on purpose")
        replay = Replay.of(organisations)
        rows = self._departures()
        async with watched(self.telling.console, Board(replay, organisations, self.rows), replay):
            await replay.run(organisations, with_a_damaged_row(rows) if first else rows)
        rate = round(replay.total.sent / replay.seconds)
        facts = {"seconds": round(replay.seconds, 2), "events_per_second": rate}
        kept = {**replay.total.as_json(), **facts}
        self.telling.keep(**{"replay" if first else "replay_again": kept})
        return replay.total

    def _departures(self) -> Iterable[Departure]:
        return islice(departures(), self.rows)

    async def _look(self, bi: ReadOnly, organisations: Mapping[str, Organisation]) -> date:
        """Answers the last day of which something is known."""
        self.telling.act("Look at what is known now")
        found = await known.look(bi, organisations)
        self.telling.show(*known.pictures(found))
        self.telling.keep(known=found.as_json(), organisations=len(organisations))
        return max(found.days)

    async def _meaning(
        self, organisations: Mapping[str, Organisation], address: str, last: date
    ) -> None:
        self.telling.act("Ask what it means: who is leaving, who is stuck, and why we believe it")
        self.telling.remark(
            "insight knows nothing of snow or aircraft: it counts and compares weeks"
        )
        days = await meaning.ask(organisations, address, last)
        self.telling.show(*meaning.pictures(days))
        judged = await hindsight.look_back(organisations, address, last)
        self.telling.show(*hindsight.pictures(judged))
        self.telling.keep(insights=meaning.as_json(days), hindsight=hindsight.as_json(judged))

    async def _journeys(self, address: str) -> Followed:
        self.telling.act("Follow two dozen clients: where each stands, and what to do next")
        self.telling.remark(
            "the flights have no clients: these are simulated, by a random walk over stages with a "
            "fixed seed, and tracked over gRPC as yours would be"
        )
        studio = await cast.studio(self.data_dir, address)
        followed = await journeys.follow(studio, address)
        self.telling.show(*journeys.pictures(followed))
        self.telling.keep(journeys=journeys.as_json(followed))
        return followed

    async def _incidents(self, organisations: Mapping[str, Organisation]) -> Tally:
        self.telling.act("See what becomes of a duplicate, a conflict and a rejected event")
        tally = Tally()
        second_row = next(islice(departures(), 1, None))
        found = await incidents.provoke(organisations, second_row, tally)
        self.telling.show(incidents.table(found))
        self.telling.keep(incidents=incidents.as_json(found))
        return tally

    def _compare(self, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        """The second replay stored nothing."""
        self.telling.remark(
            f"stored before: {sum(before.values()):,}, after: {sum(after.values()):,}"
        )
        self.telling.keep(stored_by_organisation=dict(after))
        if before != after:
            raise DoesNotBalance(f"Replaying again changed what is stored: {before} → {after}")

    def _walls(self, trials: list[Trial]) -> None:
        self.telling.show(walls.table(trials))
        self.telling.keep(walls=walls.as_json(trials))
        if not all(trial.holds for trial in trials):
            raise DoesNotBalance("An organisation saw what is not its own.")

    def _how_to_go_on(self, organisations: Mapping[str, Organisation], followed: Followed) -> None:
        key = organisations["UA"].caller.key
        self.telling.keep(data_dir=str(self.data_dir.root))
        where = f"--data-dir {self.data_dir.root}"
        self.telling.lines(
            "",
            "     [bold]Go on[/]",
            f"     footfall up {where}      [dim]# run it again; the events are kept[/]",
            f"     export FOOTFALL_API_KEY={key}",
            f"     footfall tail {where}    [dim]# follow United's events[/]",
            f"     footfall insights generate {where} --as-of 2013-02-09",
            f"     footfall journey show {followed.worst.client_id} {where} "
            f"--key {followed.studio.caller.key}",
            f"     footfall up{'':{len(where)}}       [dim]# begin an installation of your own[/]",
        )

    def _end(self, tally: Tally, stored: int, seconds: float) -> None:
        balanced = tally.lost == 0 and stored == tally.accepted == self.rows
        self.telling.keep(
            total=tally.as_json(), stored=stored, balanced=balanced, seconds=round(seconds, 1)
        )
        self.telling.remark(f"{seconds:.0f} seconds in all")
        self.telling.lines("", verdict_line(tally), f"[bold]{stored:,} stored[/]")
        if not balanced:
            raise DoesNotBalance(f"{tally}; stored {stored:,} of {self.rows:,}.")
