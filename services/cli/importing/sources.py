"""Rows out of files: CSV, JSONL and Parquet, plain or gzipped, read as a stream."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from shared.refusal import StartRefused

_GZIP = b"\x1f\x8b"
_LARGEST_CELL_BYTES = 1024 * 1024
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
FORMATS = ("csv", "tsv", "jsonl", "parquet")
STANDARD_INPUT = Path("-")


class FileUnreadable(StartRefused):
    """The file cannot be imported; the message says why."""


class Row(NamedTuple):
    """One row: its number from 1, its text (what identifies it), and its values by column."""

    number: int
    text: str
    values: Mapping[str, Any]


class BadRow(NamedTuple):
    """A row that cannot become an event."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Position:
    """How far the reading is, in bytes or rows; `total` is None when nobody knows."""

    done: int
    total: int | None


class Source(ABC):
    """A file to be read once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def columns(self) -> list[str] | None:
        """The columns of all rows, once the first was asked for; None where each has its own."""
        return None

    @abstractmethod
    def rows(self) -> Iterator[Row | BadRow]:
        """Every row, in order."""

    @abstractmethod
    def position(self) -> Position:
        """How far `rows` is."""


def open_source(path: Path, kind: str | None, delimiter: str | None = None) -> Source:
    """The file as what its name, or `kind`, says that it is."""
    found = kind or _kind_by_name(path)
    if found == "parquet":
        return _Parquet(path)
    if found == "jsonl":
        return _Jsonl(path)
    return _Csv(path, delimiter or ("\t" if found == "tsv" else ","))


def name_without_suffixes(path: Path) -> str:
    """`flights` for `flights.csv.gz`: packing a file does not make other events of it."""
    name = path.name.removesuffix(".gz")
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix}" in _SUFFIXES else name


def _kind_by_name(path: Path) -> str:
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix not in _SUFFIXES:
        raise FileUnreadable(
            f"The name of {path} does not tell what it is: say --format {'|'.join(FORMATS)}."
        )
    return _SUFFIXES[suffix]


class _Text(Source):
    """A file of text, gzipped or not; progress is counted in its bytes on disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._raw: IO[bytes] = (
                sys.stdin.buffer if path == STANDARD_INPUT else path.open("rb", buffering=1 << 20)
            )
            self._size = None if path == STANDARD_INPUT else path.stat().st_size
        except OSError as error:
            raise FileUnreadable(f"{path} cannot be read: {error.strerror}.") from error

    def position(self) -> Position:
        """In bytes of the file; it runs a buffer ahead of the rows."""
        if self._size is None:
            return Position(0, None)
        return Position(self._size if self._raw.closed else self._raw.tell(), self._size)

    def _lines(self) -> io.TextIOWrapper:
        packed = self._peek(len(_GZIP)) == _GZIP
        bytes_ = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
        return io.TextIOWrapper(bytes_, encoding="utf-8-sig", newline="")

    def _peek(self, count: int) -> bytes:
        reader = self._raw
        return reader.peek(count)[:count] if isinstance(reader, io.BufferedReader) else b""

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row; a file that is broken in the middle is told with the place."""
        number = 0
        try:
            with self._raw, self._lines() as lines:
                for row in self._rows(lines):
                    number = row.number
                    yield row
        except UnicodeDecodeError as error:
            raise FileUnreadable(
                f"{self.path} is not in UTF-8 after row {number} ({error.reason}). If it is in "
                "Latin-1: iconv -f LATIN1 -t UTF-8."
            ) from error
        except (EOFError, gzip.BadGzipFile, csv.Error, OSError) as error:
            raise FileUnreadable(f"{self.path} is broken after row {number}: {error}.") from error

    @abstractmethod
    def _rows(self, lines: io.TextIOWrapper) -> Iterator[Row | BadRow]: ...


class _Csv(_Text):
    """The first line names the columns."""

    def __init__(self, path: Path, delimiter: str) -> None:
        super().__init__(path)
        self._delimiter = delimiter
        self._columns: list[str] = []

    @property
    def columns(self) -> list[str]:
        return self._columns

    def _rows(self, lines: io.TextIOWrapper) -> Iterator[Row | BadRow]:
        csv.field_size_limit(_LARGEST_CELL_BYTES)
        reader = csv.reader(lines, delimiter=self._delimiter)
        self._columns = [name.strip() for name in next(reader, [])]
        _refuse_twins(self.path, self._columns)
        wanted = len(self._columns)
        for number, cells in enumerate((cells for cells in reader if cells), 1):
            if len(cells) == wanted:
                yield Row(number, "\x1f".join(cells), dict(zip(self._columns, cells, strict=True)))
            else:
                yield BadRow(number, f"has {len(cells)} cells, and there are {wanted} columns")


def _refuse_twins(path: Path, columns: Sequence[str]) -> None:
    """Two columns of one name; those without any are often what an office program left."""
    if twins := [name for name, count in Counter(columns).items() if name and count > 1]:
        raise FileUnreadable(
            f"{path} has more than one column called {', '.join(twins)}: rename all but one."
        )


class _Jsonl(_Text):
    """One JSON object per line; each has the columns that it has."""

    def _rows(self, lines: io.TextIOWrapper) -> Iterator[Row | BadRow]:
        for number, line in enumerate((line for line in map(str.strip, lines) if line), 1):
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BadRow(number, f"is no JSON: {error}")
                continue
            if isinstance(value, dict):
                yield Row(number, line, _unwrapped(value))
            else:
                yield BadRow(number, "is no JSON object")


def _unwrapped(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `footfall tail --json` printed is an event inside of what is known about it."""
    event = value.get("event")
    return event if isinstance(event, dict) and "type" in event else value


class _Parquet(Source):
    """Read in batches by pyarrow, which is an extra."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            import pyarrow.parquet
        except ImportError as error:
            raise FileUnreadable(
                "Parquet needs pyarrow: pip install 'footfall[parquet]', or convert to CSV."
            ) from error
        try:
            self._file = pyarrow.parquet.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise FileUnreadable(f"{path} cannot be read as Parquet: {error}.") from error
        self._done = 0

    @property
    def columns(self) -> list[str]:
        return list(self._file.schema_arrow.names)

    def position(self) -> Position:
        """In rows."""
        return Position(self._done, self._file.metadata.num_rows)

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row; its text is its values as JSON."""
        for batch in self._file.iter_batches(batch_size=10_000):
            for values in batch.to_pylist():
                self._done += 1
                text = json.dumps(values, default=str, sort_keys=True, ensure_ascii=False)
                yield Row(self._done, text, values)
