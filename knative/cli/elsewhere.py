"""What a flow takes from elsewhere, fetched as a platform does when the flow is deployed."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from knative.cli.functions import said_by

if TYPE_CHECKING:
    from typing import Any

    from events.flow.check import Finding
    from events.flow.parse import Parsed


def fetched(flow: "Parsed", text: str, file: str) -> "tuple[Parsed, list[Finding]]":
    """Return a flow with the functions and schemas that it refers to, and what is wrong in them.

    They are fetched with the settings of a platform that is started here (`TENDRIL_EGRESS_ALLOW`,
    secrets). A mistake is shown at the place in the flow that refers to it.
    """
    from events.flow.finding import Finding  # lazy: pydantic
    from events.source import Position

    failed = f"{file}: what it takes from elsewhere cannot be fetched"
    said = json.loads(said_by("functions.flow.fetched", file, failed=failed, stdin=text))
    findings = [
        Finding(Position(file, each["line"], each["column"]), each["message"])
        for each in said["findings"]
    ]
    return importing(flow, said["imports"]), findings


def importing(flow: "Parsed", imports: "dict[str, Any]") -> "Parsed":
    """Return a flow with what was fetched for it, as a platform tells it of a deployed flow."""
    from events.flow.syntax.imports import Imports  # lazy: pydantic

    return replace(flow, flow=flow.flow.importing(Imports.model_validate(imports)))
