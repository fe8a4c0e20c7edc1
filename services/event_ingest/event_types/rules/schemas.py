"""JSON Schemas of event properties (draft 2020-12): which are taken, and what events break.

A schema is a stranger's program that runs for every event. So no document is fetched, regular
expressions run in linear time, what a schema may cost is counted before it is taken
(`schema_cost.py`), and what is said of an event names places and rules, never its values: those may
be personal.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import jsonschema_rs
import orjson

from services.event_ingest.event_types.errors import SchemaInvalid
from services.event_ingest.event_types.rules.schema_cost import MAX_COST, Survey, survey

MAX_SCHEMA_BYTES = 65_536
MAX_PATTERNS = 100

_MAX_DEPTH = 64
_SHOWN = 5
_ANONYMOUS = "*"
_REGEX_BYTES = 512 * 1024
# Listing what is broken costs up to a thousand times what finding out costs that something is.
_EXPLAINED_IN_FULL = 2_000
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SENTENCES: Mapping[str, str] = {
    "additionalProperties": "has a property that the schema does not allow",
    "anyOf": "fits none of the schemas of anyOf",
    "const": "must be {expected_value}",
    "contains": "lacks an item that the schema asks for",
    "enum": "must be one of {options}",
    "exclusiveMaximum": "must be less than {limit}",
    "exclusiveMinimum": "must be more than {limit}",
    "falseSchema": "is not allowed",
    "maximum": "must be at most {limit}",
    "maxItems": "may have at most {limit} items",
    "maxLength": "may have at most {limit} characters",
    "maxProperties": "may have at most {limit} properties",
    "minimum": "must be at least {limit}",
    "minItems": "must have at least {limit} items",
    "minLength": "must have at least {limit} characters",
    "minProperties": "must have at least {limit} properties",
    "multipleOf": "must be a multiple of {multiple_of}",
    "not": "fits a schema that it must not fit",
    "oneOf": "must fit exactly one of the schemas of oneOf",
    "pattern": "must match {pattern}",
    "propertyNames": "has a property whose name the schema does not allow",
    "required": "lacks {property}",
    "type": "must be of type {types}",
    "unevaluatedItems": "has an item that the schema does not allow",
    "unevaluatedProperties": "has a property that the schema does not allow",
    "uniqueItems": "holds an item twice",
}


class Schema:
    """A registered schema: called with properties it lists what they break of it."""

    __slots__ = ("_explainer", "_text", "_validator")

    def __init__(self, text: str) -> None:
        self._text = text
        self._validator: jsonschema_rs.Validator | None = None
        self._explainer: _Explainer | None = None

    def __call__(self, properties: object) -> list[str]:
        """Up to five sentences on what is broken; none when the properties satisfy the schema."""
        if self._validator is None:
            try:
                self._compile()  # not before an event asks: most types of most organisations rest
            except SchemaInvalid as error:
                return [
                    f"properties: cannot be checked, the schema {error.violations[0].description}"
                ]
        assert self._validator is not None
        assert self._explainer is not None
        if self._validator.is_valid(properties):
            return []
        return self._explainer.explain(self._validator, properties)

    def _compile(self) -> None:
        schema = _parsed(self._text)
        self._explainer = _Explainer(survey(schema))
        self._validator = _validator(schema)


def check_schema(text: str) -> None:
    """Refuse, with SchemaInvalid, what cannot be enforced; the empty text allows anything."""
    if not text:
        return
    if len(text.encode()) > MAX_SCHEMA_BYTES:
        raise SchemaInvalid.because(f"may take at most {MAX_SCHEMA_BYTES} bytes")
    schema = _parsed(text)
    found = survey(schema)
    if found.patterns > MAX_PATTERNS:
        raise SchemaInvalid.because(f"may hold at most {MAX_PATTERNS} regular expressions")
    _validator(schema)
    if found.cost > MAX_COST:
        raise SchemaInvalid.because(
            "would check a single value too often; use fewer alternatives (anyOf, oneOf, allOf) "
            "and no $ref that multiplies them"
        )


def _parsed(text: str) -> dict[str, Any]:
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SchemaInvalid.because(f"is no JSON: {error.msg}") from None
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    if not isinstance(schema, dict):
        raise SchemaInvalid.because("must be a JSON object, or true or false")
    if _deeper_than(_MAX_DEPTH, schema):
        raise SchemaInvalid.because(f"may be nested at most {_MAX_DEPTH} levels deep")
    if schema.get("$schema", _DRAFT) not in (_DRAFT, f"{_DRAFT}#"):
        raise SchemaInvalid.because(f"$schema must be {_DRAFT} or absent")
    return schema


def _validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=False,
            offline=True,
            pattern_options=jsonschema_rs.RegexOptions(
                size_limit=_REGEX_BYTES, dfa_size_limit=_REGEX_BYTES
            ),
        )
    except jsonschema_rs.ValidationError as error:
        raise SchemaInvalid.because(_problem(error)) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise SchemaInvalid.because(f"cannot be enforced: {_cut(str(error))}") from None


def _problem(error: jsonschema_rs.ValidationError) -> str:
    if error.kind.name == "format":
        return (
            "holds a regular expression that is damaged, needs look-around or back-references, "
            f"or repeats too much: {_cut(json_text(error.instance))}"
        )
    place = "".join(f"/{step}" for step in error.instance_path)
    return f"is no JSON Schema of draft 2020-12: {_cut(f'{place} {error.message}'.strip())}"


class _Explainer:
    """Says what is broken, in as much detail as the size of schema and properties allows."""

    __slots__ = ("_survey",)

    def __init__(self, found: Survey) -> None:
        self._survey = found

    def explain(self, validator: jsonschema_rs.Validator, properties: object) -> list[str]:
        if self._survey.cost * _values(properties) <= _EXPLAINED_IN_FULL:
            errors = islice(validator.iter_errors(properties), _SHOWN)
            return [self._sentence(error) for error in errors]
        if self._survey.alternatives:
            return ["properties: break the schema of the type; they are too large to say where"]
        try:
            validator.validate(properties)
        except jsonschema_rs.ValidationError as error:
            return [self._sentence(error)]
        raise AssertionError("what is not valid has an error")

    def _sentence(self, error: jsonschema_rs.ValidationError) -> str:
        """Where and what: `properties.amount: must be at least 0`."""
        place = "properties" + "".join(self._step(step) for step in error.instance_path)
        template = _SENTENCES.get(error.kind.name, f"breaks {error.kind.name}")
        told = {name: _told(value) for name, value in error.kind.as_dict().items()}
        return f"{place[:120]}: {template.format_map(told)}"

    def _step(self, step: str | int) -> str:
        """Names that the schema does not know are the sender's data: who knows what they tell."""
        if isinstance(step, int):
            return f"[{step}]"
        return f".{step if step in self._survey.names else _ANONYMOUS}"


def json_text(value: object) -> str:
    """A value as JSON, in one line."""
    return orjson.dumps(value, default=str).decode()


def _told(value: object) -> str:
    if isinstance(value, list):
        return _cut(", ".join(json_text(one) for one in value[:20]))
    return _cut(json_text(value))


def _cut(text: str, length: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[:length]}…"


def _deeper_than(limit: int, root: object) -> bool:
    level, depth = [root], 0
    while level:
        if depth > limit:
            return True
        level, depth = [below for value in level for below in _inside(value)], depth + 1
    return False


def _values(root: object) -> int:
    """How many values there are, the ones that hold others included."""
    level, count = [root], 0
    while level:
        count += len(level)
        level = [below for value in level for below in _inside(value)]
    return count


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
