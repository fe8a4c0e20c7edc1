"""Which column is which field of a client, and what its cells say."""

from __future__ import annotations

from typing import Any

import pytest

from footfall.journey.v1.clients_pb2 import Client
from services.cli.importing.mapping import MappingRefused
from services.cli.importing.sources import BadRow, Row
from services.cli.journey.client_rows import (
    ALIASES,
    Mapper,
    NoSuchField,
    Sketch,
    field_named,
)


def row(**values: Any) -> Row:
    return Row(1, "", values)


def says(**values: Any) -> Sketch:
    found = Mapper().sketch(row(client_id="c", **values))
    assert isinstance(found, Sketch), found
    return found


def why(**values: Any) -> str:
    found = Mapper().sketch(row(**values))
    assert isinstance(found, BadRow)
    return found.why


def test_every_field_that_a_caller_may_set_can_be_imported() -> None:
    servers = {"etag", "created_at", "updated_at"}
    assert set(ALIASES) == {field.name for field in Client.DESCRIPTOR.fields} - servers


def test_columns_go_by_their_names_and_by_those_that_are_often_used() -> None:
    mapper = Mapper()
    columns = ["Account ID", "Company", "E-Mail", "LeadScore", "timezone", "opt-out", "plan"]
    assert mapper.check(columns) == {
        "client_id": "Account ID",
        "name": "Company",
        "email": "E-Mail",
        "ai_score": "LeadScore",
        "time_zone": "timezone",
        "do_not_contact": "opt-out",
    }
    assert mapper.ignored == {"plan"}


def test_its_own_name_comes_before_another_and_what_is_said_before_both() -> None:
    assert Mapper().check(["id", "client_id"])["client_id"] == "client_id"
    by_hand = Mapper({"client_id": "crm"})
    assert by_hand.check(["crm", "client_id"])["client_id"] == "crm"
    assert by_hand.ignored == {"client_id"}
    left_out = Mapper(leave_out=frozenset({"score"}))
    assert "ai_score" not in left_out.check(["id", "score"])
    assert left_out.ignored == set()


def test_a_mapping_that_does_not_fit_is_refused_with_what_there_is() -> None:
    with pytest.raises(MappingRefused, match="no column crm; it has id, name"):
        Mapper({"client_id": "crm"}).check(["id", "name"])
    with pytest.raises(MappingRefused, match="your id of the client: --map client_id=COLUMN"):
        Mapper().check(["a", "b"])
    with pytest.raises(NoSuchField, match="did you mean 'email'"):
        field_named("emial")


def test_cells_are_read_by_the_type_of_their_field() -> None:
    found = says(ai_score="87.5", do_not_contact="Yes", tags="vip; eu|vip ,", name=" Zoë ").says
    assert found == {"ai_score": 87.5, "do_not_contact": True, "tags": ["vip", "eu"], "name": "Zoë"}
    assert says(ai_score=0, do_not_contact=False, tags=["a", 1]).says == {
        "ai_score": 0.0, "do_not_contact": False, "tags": ["a", "1"],
    }  # fmt: skip
    assert says(tags='["a, b"]').says == {"tags": ["a, b"]}


def test_an_id_is_a_text_whatever_the_file_holds() -> None:
    for cell in (7, 7.0, "7", " 7 "):
        found = Mapper().sketch(row(client_id=cell))
        assert isinstance(found, Sketch)
        assert found.client_id == "7"


def test_what_cannot_be_read_is_told_with_its_column() -> None:
    assert why(id="c", score="high") == "ai_score (column score): 'high' is no number"
    assert why(client_id="c", do_not_contact="maybe") == (
        "do_not_contact: 'maybe' is neither true nor false"
    )
    assert why(client_id="c", name={"a": 1}) == "name: is no text"
    assert why(client_id="c", tags="[nonsense").startswith("tags: ")
    assert why(client_id=" ") == "client_id: empty"
    assert why(name="nobody") == "client_id: empty"


def test_what_a_row_has_no_column_for_stays_as_it_was() -> None:
    kept = Client(client_id="c", name="Northwind", ai_score=0, tags=["vip"], etag="e",
                  do_not_contact=True)  # fmt: skip
    moved = says(owner="olga").on(kept)
    assert (moved.name, moved.owner, moved.etag, moved.do_not_contact) == (
        "Northwind", "olga", "e", True,
    )  # fmt: skip
    assert says(name="Northwind").on(kept) == kept
    emptied = says(name="", ai_score="", tags="").on(kept)
    assert emptied == Client(client_id="c", etag="e", do_not_contact=True)
    assert kept.name == "Northwind", "what is kept is not touched"
    assert says(ai_score=0).on(None).HasField("ai_score")


@pytest.mark.parametrize("empty", ["", " ", None])
def test_an_empty_do_not_contact_takes_nothing_back(empty: str | None) -> None:
    kept = Client(client_id="c", do_not_contact=True)
    assert says(do_not_contact=empty).on(kept) == kept
    assert not says(do_not_contact="no").on(kept).do_not_contact
    assert not says(do_not_contact=False).on(kept).do_not_contact


def test_a_score_of_minus_nothing_is_0_and_changes_nothing() -> None:
    kept = Client(client_id="c", ai_score=0)
    for cell in ("-0", -0.0, "0.00", 0):
        assert says(ai_score=cell).on(kept).SerializeToString() == kept.SerializeToString()


@pytest.mark.parametrize("column", ["id", "company", "labels", "tz", "score", "dnc"])
def test_half_of_a_character_is_the_error_of_its_row(column: str) -> None:
    told = why(**{"id": "c", column: "a\ud800"})
    assert told.endswith(f" (column {column}): 'a\\ud800' holds half of a character")
    assert told.encode()


def test_brackets_without_end_are_the_error_of_their_row() -> None:
    assert why(id="c", labels="[" * 3000) == (
        f"tags (column labels): '{'[' * 60}…' is no list in JSON"
    )


def test_a_truth_is_no_text() -> None:
    assert why(id=True) == "client_id (column id): is no text"
    assert why(id="c", name=False) == "name: is no text"
