"""The command itself: what it offers and how it refuses."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from services.cli.__main__ import main
from services.cli.environment import environment
from shared.settings_source import SettingInvalid


def test_every_command_says_in_one_line_what_it_does() -> None:
    assert isinstance(main, click.Group)
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None, name
        assert command.get_short_help_str(limit=100).endswith("."), name


def test_help_names_the_first_steps() -> None:
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    assert "footfall up" in shown.output


def test_no_such_command_is_an_error_of_usage() -> None:
    assert CliRunner().invoke(main, ["no-such"]).exit_code == 2


def test_a_refusal_is_a_message_and_not_a_stack(tmp_path: Path) -> None:
    silence = CliRunner().invoke(main, ["status", "--data-dir", str(tmp_path)])
    assert silence.exit_code == 1
    assert silence.output.startswith("Error: Nothing runs on")


def test_database_urls_are_read_from_their_files(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://x\n")
    found = environment({"FOOTFALL_DATABASE_URL_FILE": str(tmp_path / "url"), "HOME": "/h"})
    assert found == {"FOOTFALL_DATABASE_URL": "postgresql://x", "HOME": "/h"}


def test_the_settings_file_is_folded_in_below_the_environment(tmp_path: Path) -> None:
    (tmp_path / "footfall.toml").write_text("[event_ingest]\nport = 1\nmetrics_port = 2\n")
    file = str(tmp_path / "footfall.toml")
    found = environment({"FOOTFALL_CONFIG_FILE": file, "FOOTFALL_EVENT_INGEST_PORT": "7"})
    assert found["FOOTFALL_EVENT_INGEST_PORT"] == "7"
    assert found["FOOTFALL_EVENT_INGEST_METRICS_PORT"] == "2"


def test_a_url_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(SettingInvalid, match="missing"):
        environment({"FOOTFALL_DATABASE_URL_FILE": missing})
