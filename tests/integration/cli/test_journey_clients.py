"""`footfall journey clients` on a real journey service."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from services.cli.journey import client_upload
from tests.commanding import Commands

CSV = """id,company,mail,score,rep,labels,tz,plan
nw-1,Northwind Traders,hello@northwind.example,80,olga,vip;eu,Europe/Berlin,gold
al-2,Alpine Ski House,,,olga,,,silver
"""


def test_clients_come_out_of_a_file_and_the_same_file_changes_nothing(
    journey: Commands, tmp_path: Path
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text(CSV)
    first = journey.json("clients", "import", str(file))
    assert (first["created"], first["changed"], first["unchanged"]) == (2, 0, 0)
    assert (first["refused"], first["complete"], first["left_out"]) == (0, True, ["plan"])
    said = journey.people("clients", "import", str(file))
    assert said.splitlines() == [
        "2 rows = 0 created + 0 changed + 2 unchanged + 0 refused",
        "left out, as no field of a client: plan",
    ]
    kept = journey.json("clients", "show", "nw-1")["client"]
    expected = {
        "name": "Northwind Traders", "email": "hello@northwind.example", "ai_score": 80.0,
        "owner": "olga", "tags": ["vip", "eu"], "time_zone": "Europe/Berlin",
    }  # fmt: skip
    assert {name: kept[name] for name in expected} == expected
    assert "ai_score" not in journey.json("clients", "show", "al-2")["client"], "absent is not 0"


def test_what_a_file_does_not_speak_of_stays_and_what_it_empties_is_gone(
    journey: Commands,
) -> None:
    journey.client(name="Northwind", do_not_contact=True, ai_score=0, owner="olga")
    moved = journey.json(
        "clients", "import", "-", "--format", "csv", given="client_id,owner\nnw-1,\nnw-1,otto\n"
    )
    assert moved["changed"] == 2, "row by row: the last one counts"
    kept = journey.json("clients", "show", "nw-1")["client"]
    assert (kept["name"], kept["do_not_contact"], kept["ai_score"]) == ("Northwind", True, 0)
    assert kept["owner"] == "otto"


def test_a_row_that_cannot_be_kept_is_named_with_its_column(
    journey: Commands, tmp_path: Path
) -> None:
    file, rejected = tmp_path / "clients.csv", tmp_path / "rejected.jsonl"
    file.write_text("id,score,tz\na,high,\nb,50,\n,50,\nc,120,\nd,50,Mars/Crater\n")
    told = journey.json("clients", "import", str(file), "--rejected", str(rejected), code=1)
    assert (told["created"], told["refused"]) == (1, 4)
    by_row = {one["row"]: one["message"] for one in told["listed"]}
    assert by_row[1] == "ai_score (column score): 'high' is no number"
    assert by_row[3] == "client_id (column id): empty"
    assert "ai_score (column score): " in by_row[4]
    assert "time_zone (column tz): " in by_row[5]
    assert len(rejected.read_text().splitlines()) == 4
    said = journey("clients", "import", str(file)).output
    assert "5 rows = 0 created + 0 changed + 1 unchanged + 4 refused" in said


def test_an_import_says_what_it_needs_and_shows_what_it_would_do(
    journey: Commands, tmp_path: Path
) -> None:
    file = tmp_path / "crm.csv"
    file.write_text("no,label,what\n7,Northwind,x\n")
    assert "--map client_id=COLUMN" in journey.refusal("clients", "import", str(file))
    unknown = journey.refusal("clients", "import", str(file), "--map", "nam=label")
    assert "did you mean 'name'" in unknown
    told = journey.json(
        "clients", "import", str(file), "--map", "client_id=no", "--map", "name=label", "--dry-run"
    )
    assert (told["first"][0]["client_id"], told["first"][0]["name"]) == ("7", "Northwind")
    assert told["left_out"] == ["what"]
    assert journey.json("clients", "list")["clients"] == [], "nothing was sent"


def test_an_import_stops_where_nobody_answers_and_goes_on_there(
    journey: Commands, tmp_path: Path
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text(CSV)
    away = journey(
        "clients", "import", str(file), "--patience", "0", "--json",
        FOOTFALL_JOURNEY_ADDRESS="127.0.0.1:1",
    )  # fmt: skip
    assert away.exit_code == 1
    assert json.loads(away.stdout)["complete"] is False
    assert "Is `footfall up` running?" in away.stderr
    assert "goes on after row 0" in away.stderr
    assert journey.json("clients", "import", str(file))["created"] == 2


def test_an_interrupted_import_goes_on_and_forgets_no_refusal(
    journey: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, rejected = tmp_path / "clients.csv", tmp_path / "rejected.jsonl"
    file.write_text("id,score\nbad,high\n" + "".join(f"c-{n},1\n" for n in range(300)))
    command = ("clients", "import", str(file), "--rejected", str(rejected))
    read = client_upload._kept

    async def read_until_somebody_types_ctrl_c(asked: Any, client_id: str) -> Any:
        if client_id == "c-290":
            signal.raise_signal(signal.SIGINT)
        return await read(asked, client_id)

    with monkeypatch.context() as typed:
        typed.setattr(client_upload, "_kept", read_until_somebody_types_ctrl_c)
        stopped = journey.json(*command, code=130)
    assert (stopped["rows"], stopped["created"], stopped["refused"]) == (256, 255, 1)
    resumed = journey(*command)
    assert resumed.exit_code == 1, "a row is not stored"
    assert "0 refused + 256 settled before, 1 of them refused" in resumed.output
    assert [json.loads(line)["row"] for line in rejected.read_text().splitlines()] == [1]


def test_clients_are_listed_shown_and_deleted(journey: Commands) -> None:
    journey.client("b", owner="olga", tags=["vip"])
    journey.client("a", name="[red]Odd[/]\x1b[2J")
    listed = journey.people("clients", "list").splitlines()
    assert [line.split()[0] for line in listed[1:]] == ["a", "b"]
    assert "[red]Odd[/]\N{REPLACEMENT CHARACTER}[2J" in listed[1]
    assert [one["client_id"] for one in journey.json("clients", "list", "--tag", "vip")["clients"]
            ] == ["b"]  # fmt: skip
    assert "there are more: raise --limit" in journey.people("clients", "list", "--limit", "1")
    assert "stands in lead since " in journey.people("clients", "show", "b")
    assert "Aborted" in journey("clients", "delete", "b", given="n\n").stderr
    assert (
        journey.people("clients", "delete", "b", "--yes") == "Deleted with 0 events of its journey."
    )
    assert "NOT_FOUND" in journey.refusal("clients", "show", "b")


def test_what_is_no_text_is_refused_in_words(journey: Commands) -> None:
    half = os.fsdecode(b"\xff")
    commands = [("show", half), ("clients", "list", "--tag", half), ("watch", "--client", half),
                ("track", "c", half), ("settings", "set", f"cooldown_days={half}"),
                ("high-risk", "--owner", half), ("track", "c", "x", "--metadata", f"a={half}"),
                ("outcome", "c", "email_outreach", "accepted", "--note", half)]  # fmt: skip
    for command in commands:
        assert "is no text in UTF-8" in journey.refusal(*command)
    track = ("track", "c", "call", "--metadata")
    assert "holds half of a character" in journey.refusal(*track, 'a:="\\ud800"')
    assert "is no JSON" in journey.refusal(*track, "a:=[")
    for deep in ("[" * 3000, "[" * 200 + "]" * 200):
        assert "is too deep" in journey.refusal(*track, f"a:={deep}")
    assert "a is given twice" in journey.refusal(*track, "a=1", "--metadata", "a:=2")


def test_an_odd_row_is_refused_alone(journey: Commands) -> None:
    rows = [
        '{"client_id": "a\\ud800"}',
        '{"client_id": true}',
        "[" * 3000,
        '{"client_id": "b", "tags": "' + "[" * 3000 + '"}',
        '{"client_id": "c", "\\ud800": 1}',
    ]
    command = ("clients", "import", "-", "--format", "jsonl")
    told = journey.json(*command, given="\n".join(rows), code=1)
    assert (told["created"], told["refused"]) == (1, 4)
    assert [one["row"] for one in told["listed"]] == [1, 2, 3, 4]
    assert told["left_out"] == ["\N{REPLACEMENT CHARACTER}"]
