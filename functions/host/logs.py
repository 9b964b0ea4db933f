"""Structured logs: one JSON object a line on stderr, with run, task and trace ids."""

from __future__ import annotations

import logging
import sys
from typing import Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

_LEFT_OUT: Final = (*RESERVED_ATTRS, "color_message")
"""What a record has beside its line; uvicorn's repeats the message in a terminal's colours."""


def configure(service: str, level: str) -> None:
    """Send every logger's lines to stderr as JSON; `service` stands in each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "{levelname}{name}{message}",
            style="{",
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger"},
            static_fields={"service": service},
            reserved_attrs=_LEFT_OUT,
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)


def for_task(run: str, task: str, trace: str) -> logging.LoggerAdapter[logging.Logger]:
    """Return a logger whose lines carry the task's ids."""
    ids = {"run": run, "task": task, "trace": trace}
    return logging.LoggerAdapter(logging.getLogger("functions.tool"), ids)
