"""Thresholds on the command line: read, refused, shown."""

from __future__ import annotations

import io

import click
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from footfall.insights.v1.settings_pb2 import DetectorSettings, DetectorWeights
from services.cli.insight import thresholds


def test_what_is_named_changes_and_nothing_else() -> None:
    wish = thresholds.changed(["stuck_count=8", "churn_ratio=.25", "weights.churn_risk=1"], "e1")
    assert wish == DetectorSettings(
        etag="e1", stuck_count=8, churn_ratio=0.25, weights=DetectorWeights(churn_risk=1.0)
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("stuck_cont=3", "There is no threshold 'stuck_cont'. Did you mean stuck_count"),
        ("zzz=3", "There is no threshold 'zzz'."),
        ("stuck_count", "it takes stuck_count=WHOLE_NUMBER."),
        ("stuck_count=3.5", "it takes stuck_count=WHOLE_NUMBER."),
        ("stuck_count=99999999999", "it takes stuck_count=WHOLE_NUMBER."),
        ("churn_ratio=much", "it takes churn_ratio=NUMBER."),
        ("etag=x", "There is no threshold 'etag'."),
        ("version=2", "There is no threshold 'version'."),
    ],
)
def test_what_is_no_change_is_refused_with_what_would_be(change: str, told: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        thresholds.changed([change], "")
    assert told in refused.value.message


def test_every_threshold_is_shown_with_its_value_and_its_version() -> None:
    shown = _drawn(DetectorSettings(stuck_count=1_000_000, churn_ratio=0.3))
    assert ["version", "the defaults"] in shown
    assert ["stuck_count", "1,000,000"] in shown
    assert ["churn_ratio", "0.3"] in shown
    assert ["weights.feature_abandonment", "0"] in shown
    changed = DetectorSettings(
        version=3, changed_by="olga", changed_at=Timestamp(seconds=1_000_000_000)
    )
    assert ["version", "3, by olga on 2001-09-09 01:46 UTC"] in _drawn(changed)


def _drawn(settings: DetectorSettings) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=100)
    console.print(thresholds.table(settings))
    assert isinstance(console.file, io.StringIO)
    return [line.split(maxsplit=1) for line in map(str.strip, console.file.getvalue().splitlines())]
