"""`python -m functions.flow.fetched NAME < FLOW`: what a flow takes from elsewhere, as JSON.

It is fetched as it is when the flow is deployed, and looked at in the same way; nothing is kept.
Prints `imports`, and `findings` with `line`, `column` and `message`, all of them in the flow.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from events.flow.finding import FlowError
from events.flow.parse import parse
from functions.flow.imports import completed
from functions.host.catalog import load
from functions.host.jq import JqPool
from functions.host.settings import Settings

if TYPE_CHECKING:
    from events.flow.finding import Finding


async def fetched(text: str, name: str) -> dict[str, Any]:
    """Return what `main` prints about a flow's text; a message calls the flow by its name."""
    settings = Settings()
    jq = JqPool()
    try:
        complete = await completed(parse(text, name), settings.egress_allow, settings.secrets_dir)
        findings = complete.check(load(settings.tools), jq.compile)
    except FlowError as error:
        return {"imports": {}, "findings": [_told(each) for each in error.findings]}
    finally:
        jq.close()
    imports = complete.imports.definition()
    return {"imports": imports, "findings": [_told(each) for each in findings]}


def main(arguments: list[str]) -> int:
    """Read a flow from the standard input and print what it takes from elsewhere."""
    found = asyncio.run(fetched(sys.stdin.read(), *arguments))
    sys.stdout.write(json.dumps(found))
    return 0


def _told(finding: Finding) -> dict[str, Any]:
    position = finding.position
    return {"line": position.line, "column": position.column, "message": finding.message}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
