"""`tendril status`: is the platform well, and what is it set to."""

import json as codec
import re
from typing import Annotated, Any

import typer

from knative.cli import options
from knative.cli.address import find
from knative.cli.client import Platform
from knative.cli.console import emit, progress, say, table
from knative.cli.functions import said_by

_SECRET = re.compile(r"(?i)(secret|token|password|api_?key|_key$|credential)")
_IN_URL = re.compile(r"//[^/@\s]+@")


def status(
    settings: Annotated[
        bool, typer.Option("--settings", help="List the settings instead; needs no platform.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Show the platform's health and its services, or all settings."""
    if settings:
        _settings(json=json)
    else:
        _services(json=json)


def _services(*, json: bool) -> None:
    platform = Platform(find().url)
    health = platform.ask("GET", "/healthz")
    services = platform.get("/services")["services"]
    ready = health.status == 200  # noqa: PLR2004 - OK
    if json:
        emit({"url": platform.url, "ready": ready, "services": services}, compact=True)
        return
    say(f"{platform.url}  {'ready' if ready else 'not ready'}")
    keys = ("name", "state", "pid", "active", "queued", "coldStarts", "lastColdStartMs", "minScale")
    columns = ("service", "state", "pid", "active", "queued", "cold starts", "last ms", "min scale")
    table(columns, [[each.get(key) for key in keys] for each in services], "no services")


def _settings(*, json: bool) -> None:
    with progress("reading the settings"):
        listed = sorted(all_settings(), key=lambda each: each["name"])
    if json:
        emit({"settings": listed}, compact=True)
        return
    rows = [(s["name"], s["value"], s["default"], s["description"]) for s in listed]
    table(("setting", "value", "default", "description"), rows, "no settings")


def all_settings() -> list[dict[str, Any]]:
    """Return every TENDRIL_* setting, name by name, with secrets masked."""
    merged: dict[str, dict[str, Any]] = {}
    for each in [*_own(), *_functions()]:
        if each["name"].startswith("TENDRIL_"):
            merged.setdefault(each["name"], masked(each))
    return list(merged.values())


def masked(setting: dict[str, Any]) -> dict[str, Any]:
    """Return the setting without what must not be shown."""
    value, name = setting.get("value"), str(setting["name"])
    if not value or value == setting.get("default"):
        return setting
    if _SECRET.search(name):
        return {**setting, "value": "***"}
    if isinstance(value, str):
        return {**setting, "value": _IN_URL.sub("//***@", value)}
    return setting


def _own() -> list[dict[str, Any]]:
    from knative.cli import settings  # lazy: pydantic

    return [*described(settings.client()), *described(settings.platform())]


def described(settings: Any) -> list[dict[str, Any]]:
    """Return a pydantic settings object as name, value, default and description."""
    fields = type(settings).model_fields
    prefix = str(type(settings).model_config.get("env_prefix") or "")
    values = settings.model_dump(mode="json")
    return [
        {
            "name": str(field.validation_alias or f"{prefix}{name}".upper()),
            "value": values[name],
            "default": _plain(field.get_default(call_default_factory=True)),
            "description": field.description or "",
        }
        for name, field in fields.items()
    ]


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _functions() -> list[dict[str, Any]]:
    failed = "the functions' settings cannot be read"
    found: list[dict[str, Any]] = codec.loads(
        said_by("functions.host.settings", "--json", failed=failed)
    )
    return found
