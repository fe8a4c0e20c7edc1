"""The house rules, held against every module; a red test prints why the rule is there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import pytest

from tests.unit.house.rules import doors, imports, shape
from tests.unit.house.source import Breach, Module, modules

Rule = Callable[[Module], Iterator[Breach]]
RULES: list[Rule] = [*imports.RULES, *shape.RULES, *doors.RULES]


def explained(rule: Rule, breaches: list[Breach]) -> str:
    places = "\n".join(f"  {breach}" for breach in breaches)
    return (
        f"\n{inspect.getdoc(rule)}\n\n{places}\n\nOn purpose? End the line with `# house: <why>`."
    )


@pytest.fixture(scope="module")
def every_module() -> list[Module]:
    return modules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps_the_rule_that(rule: Rule, every_module: list[Module]) -> None:
    breaches = [breach for module in every_module for breach in rule(module)]
    if breaches:
        pytest.fail(explained(rule, breaches), pytrace=False)
