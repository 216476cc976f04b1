"""Texts and JSON written in one step: a reader sees the old file or the new one, never half of it."""

import json
import os
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write a text in one step; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write JSON with sorted keys in one step; NaN becomes null.

    Raises
    ------
    ValueError
        A number is infinite.
    """
    write_text(path, json.dumps(finite(document), indent=1, sort_keys=True, allow_nan=False))


def finite(value: Any) -> Any:
    """The same with None in place of NaN.

    Examples
    --------
    >>> finite({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    if isinstance(value, float) and value != value:  # noqa: PLR0124  # NaN is the only such number
        return None
    return value
