"""Answers for scripts are whole; answers for people hold nothing that a terminal obeys."""

from __future__ import annotations

import json

import pytest
from rich.padding import Padding

from footfall.insights.v1.feed_pb2 import FeedDelivery
from footfall.insights.v1.insight_pb2 import Insight, Recommendation, Subject
from footfall.insights.v1.insight_requests_pb2 import GenerateInsightsResponse
from services.cli.telling import one_line, printable, show


def test_a_script_gets_one_line_with_what_is_empty_too(capsys: pytest.CaptureFixture[str]) -> None:
    one_line(GenerateInsightsResponse(subjects=1))
    line, end = capsys.readouterr().out.split("\n")
    assert end == ""
    document = json.loads(line)
    assert document["insights"] == []
    assert document["kept"] is False
    assert "as_of" not in document


def test_no_control_character_reaches_a_terminal_and_the_rest_stays() -> None:
    odd, shown = "mia\x1b[2J\u202e", "mia�[2J�"
    recommendation = Recommendation(action="a", message=odd)
    recommendation.parameters["feature"] = odd
    sent = GenerateInsightsResponse(
        insights=[Insight(subject=Subject(user_id=odd), recommendation=recommendation, weight=0.5)]
    )
    (one,) = printable(sent).insights
    assert (one.subject.user_id, one.recommendation.message) == (shown, shown)
    assert one.weight == 0.5
    assert sent.insights[0].subject.user_id == odd, "the answer itself stays as it came"
    ids = FeedDelivery(insight_ids=["a", odd], last_error="Zoë ✓")
    assert list(printable(ids).insight_ids) == ["a", shown]
    assert printable(ids).last_error == "Zoë ✓"


def test_a_file_gets_no_blanks_that_fill_lines_up(capsys: pytest.CaptureFixture[str]) -> None:
    show(Padding("as it is", (0, 4)), "[dim]more[/]")
    assert capsys.readouterr().out == "    as it is\nmore\n"
