"""Rows out of files of every kind."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from services.cli.importing.sources import (
    BadRow,
    FileUnreadable,
    Row,
    Source,
    name_without_suffixes,
    open_source,
)


def rows(source: Source) -> list[Row]:
    return [row for row in source.rows() if isinstance(row, Row)]


def test_csv_rows_have_their_columns(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('user,note\nmia,"a, ""b"""\n\nmilo,\n')
    source = open_source(file, None)
    assert [(row.number, dict(row.values)) for row in rows(source)] == [
        (1, {"user": "mia", "note": 'a, "b"'}),
        (2, {"user": "milo", "note": ""}),
    ]
    assert source.columns == ["user", "note"]


def test_a_byte_order_mark_and_gzip_make_no_difference(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.csv", tmp_path / "a.csv.gz"
    plain.write_bytes("\ufeffuser\nmia\n".encode())
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert rows(open_source(plain, None)) == rows(open_source(packed, None))
    assert name_without_suffixes(plain) == name_without_suffixes(packed) == "a"


def test_a_row_of_another_width_is_bad_and_the_next_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,b\n1\n1,2\n")
    bad, good = open_source(file, None).rows()
    assert isinstance(bad, BadRow)
    assert bad.number == 1
    assert isinstance(good, Row)


def test_json_lines_keep_their_types_and_bad_lines_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": 1}\n{oh\n[1]\n\n{"a": {"b": true}}\n')
    found = list(open_source(file, None).rows())
    assert [type(row) for row in found] == [Row, BadRow, BadRow, Row]
    assert found[3].number == 4


def test_what_tail_printed_can_be_imported(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    event = {"type": "login", "user_id": "mia"}
    file.write_text(json.dumps({"event": event, "received_at": "2026-01-01T00:00:00Z"}))
    assert rows(open_source(file, None))[0].values == event


def test_parquet_rows_keep_their_types(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"user": ["mia", None], "n": [1, 2]}), file)
    source = open_source(file, None)
    assert [dict(row.values) for row in rows(source)] == [
        {"user": "mia", "n": 1},
        {"user": None, "n": 2},
    ]
    assert source.position().done == 2


def test_a_file_that_breaks_off_says_where(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    whole = gzip.compress(("n\n" + "".join(f"{n}\n" for n in range(50_000))).encode())
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileUnreadable, match="broken after row"):
        list(open_source(file, None).rows())


def test_an_unknown_kind_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="--format"):
        open_source(tmp_path / "a.xlsx", None)
    with pytest.raises(FileUnreadable, match="No such file"):
        open_source(tmp_path / "a.csv", None)


def test_two_columns_of_one_name_are_refused_and_nameless_ones_are_not(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("user,score, user ,score,,\n1,2,3,4,5,6\n")
    with pytest.raises(FileUnreadable, match="more than one column called user, score: rename"):
        rows(open_source(file, None))
    file.write_text("user,,\nmia,,\n")
    assert rows(open_source(file, None))[0].values["user"] == "mia"


def test_a_file_in_latin_1_is_told_what_it_should_be(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("user\nJosé\n".encode("latin-1"))
    with pytest.raises(FileUnreadable, match=r"is not in UTF-8 .* iconv -f LATIN1 -t UTF-8"):
        rows(open_source(file, None))


def test_brackets_without_end_are_one_bad_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("[" * 3000 + '\n{"user": "mia"}\n')
    bad, good = open_source(file, None).rows()
    assert (type(bad), good.number) == (BadRow, 2)
