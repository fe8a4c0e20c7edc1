"""Which schemas are taken, and what is said of properties that break one."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.event_ingest.event_types.errors import SchemaInvalid
from services.event_ingest.event_types.rules.schema_cost import MAX_COST, survey
from services.event_ingest.event_types.rules.schemas import Schema, check_schema

Json = dict[str, Any]


def refusal(schema: object) -> str:
    """Why a schema is not taken."""
    with pytest.raises(SchemaInvalid) as refused:
        check_schema(schema if isinstance(schema, str) else json.dumps(schema))
    (violation,) = refused.value.violations
    assert violation.field == "event_type.properties_schema"
    return violation.description


def broken(schema: object, properties: object) -> list[str]:
    check_schema(json.dumps(schema))
    return Schema(json.dumps(schema))(properties)


def doubling(levels: int, keyword: str) -> Json:
    """Each level asks the next one twice."""
    parts: Json = {
        f"a{level}": {keyword: [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$defs": {**parts, f"a{levels}": {"type": "string"}}, "$ref": "#/$defs/a0"}


TREE: Json = {
    "$defs": {
        "node": {
            "properties": {
                "left": {"$ref": "#/$defs/node"},
                "right": {"$ref": "#/$defs/node"},
                "value": {"type": "integer"},
            }
        }
    },
    "$ref": "#/$defs/node",
}
ALTERNATING: Json = {
    "$defs": {"node": {"oneOf": [{"properties": {"x": {"$ref": "#/$defs/node"}}}] * 3}},
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    "schema",
    [
        True,
        False,
        {},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://acme/signup"},
        {"properties": {"$id": {"type": "string"}, "$ref": {"type": "string"}}},
        {"const": {"$ref": "http://elsewhere"}, "default": {"$id": "x"}},
        {"$defs": {"a/b": {"$anchor": "ab"}}, "$ref": "#ab"},
        {"$defs": {"a/b": {}, "c~d": {}}, "items": {"$ref": "#/$defs/a~1b"},
         "contains": {"$ref": "#/$defs/c~0d"}},
        {"$dynamicAnchor": "node", "properties": {"next": {"$dynamicRef": "#node"}}},
        {"properties": {f"p{number}": {"maxLength": 9} for number in range(1000)}},
        {"oneOf": [{"properties": {"kind": {"const": kind}}} for kind in range(50)]},
        TREE,
    ],
)  # fmt: skip
def test_what_people_write_is_taken(schema: object) -> None:
    check_schema(json.dumps(schema))


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("{", "is no JSON"),
        ('{"minimum": NaN}', "is no JSON"),
        ("5", "must be a JSON object"),
        ("[]", "must be a JSON object"),
        ({"type": "objec"}, "is no JSON Schema of draft 2020-12: /type"),
        ({"minimum": "3"}, "is no JSON Schema of draft 2020-12: /minimum"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema must be"),
        ({"$schema": "http://elsewhere/schema"}, "$schema must be"),
        ({"$ref": "#/nowhere"}, "does not exist"),
        ({"pattern": "(?=a)b"}, "look-around"),
        ({"pattern": r"(a)\1"}, "back-references"),
        ({"pattern": "["}, "regular expression"),
        ({"pattern": "^.{0,4000}$"}, "repeats too much"),
        ({"patternProperties": {"(?<!a)b": {}}}, "regular expression"),
        ({"$ref": "#"}, "without going deeper"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
         "without going deeper"),
        ('{"not":' * 70 + "{}" + "}" * 70, "nested"),
        ({"description": "x" * 65_536}, "at most 65536 bytes"),
        ({"properties": {f"p{n}": {"pattern": "a"} for n in range(101)}}, "regular expressions"),
    ],
)  # fmt: skip
def test_what_cannot_be_enforced_is_refused_with_the_reason(schema: object, why: str) -> None:
    assert why in refusal(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        {"$dynamicRef": "other.json#node"},
        {"$id": "http://acme/", "$ref": "other.json"},
        {"$ref": "#/x-parts/a", "x-parts": {"a": {"$ref": "http://elsewhere/"}}},
    ],
)
def test_no_other_document_is_ever_asked_for(schema: Json) -> None:
    assert "refers to another document" in refusal(schema)


def test_a_part_may_not_become_another_document() -> None:
    assert "$id" in refusal({"$defs": {"a": {"$id": "http://elsewhere/"}}})


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf", "allOf"])
def test_what_would_check_one_value_a_million_times_is_refused(keyword: str) -> None:
    assert "too often" in refusal(doubling(20, keyword))
    assert "too often" in refusal(ALTERNATING)
    assert "too often" in refusal({"items": {keyword: [{"minimum": 0}] * 400}})
    assert "too often" in refusal({"items": {"enum": [{"a": n} for n in range(1000)]}})
    assert "too often" in refusal(chain(1200))


def chain(length: int) -> Json:
    parts: Json = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(length)}
    return {"$defs": {**parts, f"a{length}": {}}, "$ref": "#/$defs/a0"}


def test_depth_alone_costs_little() -> None:
    assert survey(TREE).cost < MAX_COST / 4


def test_looking_through_a_schema_is_quick() -> None:
    everywhere: Json = {"$defs": {}, "$ref": "#/$defs/s0"}
    for one in range(40):
        properties = {f"p{other}": {"$ref": f"#/$defs/s{other}"} for other in range(40)}
        everywhere["$defs"][f"s{one}"] = {"properties": properties}
    began = time.perf_counter()
    check_schema(json.dumps(everywhere))
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("schema", "properties"),
    [
        (doubling(5, "anyOf"), 5),
        (doubling(5, "oneOf"), [5] * 30_000),
        ({"items": {"anyOf": [{"type": "string"}] * 60}}, [5] * 30_000),
        ({"items": {"type": "string"}}, [5] * 30_000),
        ({"items": {"required": ["a"]}}, [{"b": 1}] * 8_000),
        ({"uniqueItems": True, "minItems": 10**6}, [{"a": n} for n in range(6_000)]),
        ({"items": {"pattern": "(a|b|ab)*a[ab]{90}[cd]"}}, ["ab" * 50] * 600),
        (TREE, {"left": {"left": {"left": {"value": "x"}}}}),
    ],
    ids=range(8),
)
def test_a_schema_that_was_taken_does_not_hold_up_the_others(
    schema: Json, properties: object
) -> None:
    """64 KiB of properties against schemas of nearly the highest cost."""
    text = json.dumps(schema)
    check_schema(text)
    enforced = Schema(text)
    enforced({})
    began = time.perf_counter()
    assert enforced(properties)
    assert time.perf_counter() - began < 1


PRICE: Json = {
    "properties": {
        "amount": {"type": "integer", "minimum": 3},
        "tags": {"items": {"enum": ["a", "b"]}, "uniqueItems": True},
        "labels": {"additionalProperties": {"type": "string"}},
        "email": {"format": "email"},
        "note": {"pattern": "^x"},
        "kind": {"const": "sale"},
    },
    "required": ["amount"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({"amount": 2}, "properties.amount: must be at least 3"),
        ({"amount": "3"}, 'properties.amount: must be of type "integer"'),
        ({}, 'properties: lacks "amount"'),
        ({"amount": 3, "tags": ["a", "c"]}, 'properties.tags[1]: must be one of "a", "b"'),
        ({"amount": 3, "tags": ["a", "a"]}, "properties.tags: holds an item twice"),
        ({"amount": 3, "note": "y"}, 'properties.note: must match "^x"'),
        ({"amount": 3, "kind": "gift"}, 'properties.kind: must be "sale"'),
    ],
)
def test_a_sentence_says_where_and_what_is_allowed(properties: Json, sentence: str) -> None:
    assert broken(PRICE, properties) == [sentence]


def test_properties_that_fit_break_nothing() -> None:
    assert broken(PRICE, {"amount": 3, "tags": ["a"], "email": "formats are not checked"}) == []


@given(st.text(alphabet="äβ🙂zq", min_size=4), st.integers(10**6, 10**9))
def test_nothing_of_the_data_is_told(text: str, number: int) -> None:
    """Not even names that the schema does not know: an address may be a key."""
    told = " ".join(
        broken(PRICE, {"amount": text, text: number, "labels": {text: number}, "tags": [text]})
        + broken(PRICE, {"amount": -number, "note": text, "kind": text, "tags": number})
    )
    assert text not in told
    assert str(number) not in told
    assert "properties.labels.*: must be of type" in told


def test_at_most_five_sentences_are_told() -> None:
    assert len(broken({"items": {"type": "string"}}, [1] * 20)) == 5


def test_large_properties_still_hear_where_they_break_a_plain_schema() -> None:
    told = broken({"properties": {"a": {"items": {"type": "string"}}}}, {"a": ["x"] * 9000 + [1]})
    assert told == ['properties.a[9000]: must be of type "string"']


def test_a_schema_that_no_longer_compiles_refuses_its_events_and_says_why() -> None:
    """Taken by an earlier version: the other types must not suffer."""
    (told,) = Schema('{"pattern": "(?=a)"}')({})
    assert told.startswith("properties: cannot be checked, the schema holds a regular expression")
