"""Structured logs: one JSON object a line on stderr, with run, task and trace ids."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

if TYPE_CHECKING:
    from functions.host.masks import Masks

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
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it writes whole URLs, keys and all


def for_task(
    run: str, task: str, trace: str, masks: Masks
) -> logging.LoggerAdapter[logging.Logger]:
    """Return a logger whose lines carry the task's ids, and none of its secrets."""
    ids = {"run": run, "task": task, "trace": trace}
    return _Masked(logging.getLogger("functions.tool"), ids, masks)


class _Masked(logging.LoggerAdapter[logging.Logger]):
    """Writes messages and tracebacks without the secrets of a task."""

    def __init__(self, logger: logging.Logger, ids: dict[str, str], masks: Masks) -> None:
        super().__init__(logger, ids)
        self._masks = masks

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log as any logger does; a traceback becomes text where there are secrets."""
        if self._masks and self.isEnabledFor(level):
            error = kwargs.pop("exc_info", None)
            text = str(msg) % args if args else str(msg)
            if isinstance(error, BaseException):
                text = f"{text}\n{''.join(traceback.format_exception(error))}"
            msg, args = self._masks.hide(text), ()
        super().log(level, msg, *args, **kwargs)
