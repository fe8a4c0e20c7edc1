"""The environment of a command: variables, the settings' file folded in, URLs read from theirs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shared.settings_source import SettingInvalid, texts

_URL_IN_FILE = "_DATABASE_URL_FILE"


def environment(environ: Mapping[str, str]) -> Mapping[str, str]:
    """One mapping that says it all, so that what is handed to children needs no second look."""
    merged = {**environ, **texts(environ)}
    for name in [name for name in merged if name.endswith(_URL_IN_FILE)]:
        merged[name.removesuffix("_FILE")] = _read(name, Path(merged.pop(name)))
    return merged


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise SettingInvalid(f"{name} is {path}, which cannot be read.") from error
