"""The example flows as they stand in examples/, beside what the demo does with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.local_platform import until

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DOCUMENT = {"id": "tea.md", "title": "Tea", "text": "# Tea\n\nGreen tea wants water of 80 degrees."}


async def test_a_document_posted_to_the_webhook_is_ingested(platform: LocalPlatform) -> None:
    """The hook `document` of examples/hooks.yaml starts a run of examples/ingest.yaml."""
    shutil.copy(EXAMPLES / "hooks.yaml", platform.data)
    await platform.deploy((EXAMPLES / "ingest.yaml").read_text())
    hook = f"{platform.url}/services/webhook/hooks/document"
    async with platform.session.post(hook, json=DOCUMENT) as response:
        assert response.status == 202
        event = await response.json()
    runs: list[dict[str, Any]] = []

    async def ended() -> bool:
        _, listed = await platform.api("GET", "/runs?flow=examples/ingest")
        runs[:] = listed["runs"]
        return bool(runs) and all(run["endedAt"] for run in runs)

    await until(ended, 60, "the run of the document has ended")
    _, run = await platform.api("GET", f"/runs/{runs[0]['id']}")
    assert len(runs) == 1
    assert run["status"] == "completed", run
    assert run["input"][0]["id"] == event["id"]
    assert run["output"] == {
        "document": "tea.md",
        "title": "Tea",
        "outcome": "added",
        "chunks": 1,
    }


async def test_the_document_hook_refuses_what_is_no_document(platform: LocalPlatform) -> None:
    """Content twice, or none at all, is a 4xx at the door."""
    shutil.copy(EXAMPLES / "hooks.yaml", platform.data)
    hook = f"{platform.url}/services/webhook/hooks/document"
    for body in ({"id": "none"}, {**DOCUMENT, "url": "https://example.com/tea.md"}):
        async with platform.session.post(hook, json=body) as response:
            assert 400 <= response.status < 500
            problem = json.loads(await response.text())
        assert problem["status"] == response.status
