"""What a JSON Schema may cost, counted before it is taken.

Thirty lines of `anyOf` over `$ref` are 2^30 checks of one number, and the same thread serves every
other organisation. What counts is how often the values along one path, from the properties down to
a leaf, are looked at: it bounds the work for each value by a constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import unquote

from services.event_ingest.event_types.errors import SchemaInvalid

MAX_COST = 500

_LEVELS = 21  # of the properties themselves and the 20 levels that they may have
_PATTERN_COST = 10
_ALTERNATIVES = ("anyOf", "oneOf")

Json = dict[str, Any]


class _Where(Enum):
    """To what a subschema applies."""

    HERE = "to the value itself"
    BELOW = "to values inside, and perhaps to the same ones as its siblings"
    APART = "to values inside, each subschema to others"
    NOWHERE = "to nothing until it is referred to"


_WHERE: Mapping[str, _Where] = {
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "not", "if", "then", "else"), _Where.HERE),
    **dict.fromkeys(("dependentSchemas", "dependencies"), _Where.HERE),
    **dict.fromkeys(("items", "contains", "patternProperties", "propertyNames"), _Where.BELOW),
    **dict.fromkeys(("additionalProperties", "contentSchema"), _Where.BELOW),
    **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties"), _Where.BELOW),
    **dict.fromkeys(("properties", "prefixItems"), _Where.APART),
    **dict.fromkeys(("$defs", "definitions"), _Where.NOWHERE),
}
_NAMED_PARTS = frozenset({
    "properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions",
})  # fmt: skip


@dataclass(slots=True)
class Survey:
    """What there is to know of a schema before it runs."""

    cost: int = 1
    patterns: int = 0
    alternatives: bool = False
    """An error of anyOf or oneOf carries those of every alternative: expensive to explain."""
    names: set[str] = field(default_factory=set)
    """The properties that the schema names."""


def survey(schema: Json) -> Survey:
    """Look through a schema. Raises SchemaInvalid when it refers to another document."""
    found = Survey()
    references = _References(schema)
    for part in references.reachable():
        _note(part, found)
    try:
        found.cost = _Paths(references).cost(schema, _LEVELS)
    except RecursionError:
        raise SchemaInvalid.because("refers to itself too often") from None
    return found


def _note(part: Json, found: Survey) -> None:
    patterns = part.get("patternProperties")
    found.patterns += ("pattern" in part) + len(patterns if isinstance(patterns, dict) else ())
    found.alternatives |= any(keyword in part for keyword in _ALTERNATIVES)
    for named in (part.get("properties"), part.get("required")):
        if isinstance(named, dict | list):
            found.names.update(name for name in named if isinstance(name, str))


class _References:
    """The schema as one document: every `$ref` stays inside of it."""

    def __init__(self, root: Json) -> None:
        self._root = root
        self._anchors: dict[str, Json] = {}

    def reachable(self) -> list[Json]:
        """Every subschema, those that only references reach included, each once."""
        found: dict[int, Json] = {id(self._root): self._root}
        waiting = [self._root]
        while waiting:
            part = waiting.pop()
            self._check(part)
            for _, below in _parts(part):
                if id(below) not in found:
                    found[id(below)] = below
                    waiting.append(below)
            if not waiting:  # anchors are known now, as far as they can be
                waiting = [one for one in self._all_targets(found) if id(one) not in found]
                found.update((id(one), one) for one in waiting)
        return list(found.values())

    def targets(self, part: Json) -> Iterator[Json]:
        """What the part refers to; the engine reports what is not there."""
        for keyword in ("$ref", "$dynamicRef"):
            reference = part.get(keyword)
            if isinstance(reference, str) and (target := self._resolved(reference)) is not None:
                yield target

    def _all_targets(self, found: Mapping[int, Json]) -> list[Json]:
        targets = {id(one): one for part in found.values() for one in self.targets(part)}
        return list(targets.values())

    def _check(self, part: Json) -> None:
        for keyword in ("$ref", "$dynamicRef"):
            reference = part.get(keyword, "#")
            if isinstance(reference, str) and not reference.startswith("#"):
                raise SchemaInvalid.because(
                    f"{keyword} {reference[:100]!r} refers to another document; only # is allowed"
                )
        if part is not self._root and "$id" in part:
            raise SchemaInvalid.because("only the schema as a whole may have an $id")
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(part.get(keyword), str):
                self._anchors[part[keyword]] = part

    def _resolved(self, reference: str) -> Json | None:
        fragment = unquote(reference[1:])
        if fragment and not fragment.startswith("/"):
            return self._anchors.get(fragment)
        value: Any = self._root
        for step in fragment.split("/")[1:]:
            value = _step(value, step.replace("~1", "/").replace("~0", "~"))
        return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class _Applied:
    """What a subschema costs by itself, and which others it applies where."""

    own_cost: int
    here: list[Json]
    below: list[Json]
    apart: list[list[Json]]


class _Paths:
    """Counts the looks at the values along the most expensive path."""

    def __init__(self, references: _References) -> None:
        self._references = references
        self._applied: dict[int, _Applied] = {}
        self._known: dict[tuple[int, int], int | None] = {}

    def cost(self, part: Json, levels: int) -> int:
        """The looks at a value and at those inside of it, as many levels down as there may be."""
        key = (id(part), levels)
        if key in self._known:
            if (known := self._known[key]) is None:
                raise SchemaInvalid.because("refers to itself without going deeper")
            return known
        self._known[key] = None
        applied = self._applied_by(part)
        total = applied.own_cost + sum(self.cost(one, levels) for one in applied.here)
        if levels:
            total += sum(self.cost(one, levels - 1) for one in applied.below)
            for group in applied.apart:
                total += max(self.cost(one, levels - 1) for one in group)
        self._known[key] = total
        return total

    def _applied_by(self, part: Json) -> _Applied:
        if (known := self._applied.get(id(part))) is not None:
            return known
        here = list(self._references.targets(part))
        below: list[Json] = []
        apart: dict[str, dict[int, Json]] = {}
        for keyword, one in _parts(part):
            if _WHERE[keyword] is _Where.HERE:
                here.append(one)
            elif _WHERE[keyword] is _Where.BELOW:
                below.append(one)
            elif _WHERE[keyword] is _Where.APART:
                end = self._end_of(one)
                apart.setdefault(keyword, {})[id(end)] = end
        groups = [list(group.values()) for group in apart.values()]
        return self._applied.setdefault(id(part), _Applied(_own_cost(part), here, below, groups))

    def _end_of(self, part: Json) -> Json:
        """Of what does nothing but refer, what it refers to: a thousand such count as one."""
        targets = list(self._references.targets(part)) if len(part) == 1 else []
        return targets[0] if len(targets) == 1 else part


def _own_cost(part: Json) -> int:
    options = part.get("enum")
    dear = [one for one in options if isinstance(one, dict | list)] if options else []
    patterns = part.get("patternProperties")
    pattern_count = ("pattern" in part) + len(patterns if isinstance(patterns, dict) else ())
    return 1 + len(part) + len(dear) + _PATTERN_COST * pattern_count


def _parts(part: Json) -> Iterator[tuple[str, Json]]:
    """The subschemas directly inside; true and false cost nothing and are left out."""
    for keyword in _WHERE.keys() & part.keys():
        value = part[keyword]
        if keyword in _NAMED_PARTS:
            inside = list(value.values()) if isinstance(value, dict) else []
        else:
            inside = value if isinstance(value, list) else [value]
        for one in inside:
            if isinstance(one, dict):
                yield keyword, one


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and step.isascii() and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None
