"""What `tendril test` says of its cases, to people and to programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from events.flow.rehearsal.differences import differences
from knative.cli.console import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from events.flow.rehearsal.judgement import Verdict
    from events.flow.rehearsal.recording import MissingAnswer


def tell(file: Path, verdict: Verdict) -> None:
    """Say how a case went; of a failed one everything that is not as expected."""
    say(f"  {'ok  ' if verdict.passed else 'FAIL'}  {verdict.case.name}")
    for failure in verdict.failures:
        first, *more = failure.lines
        if more or failure.what == "path":
            say(f"        {failure.what}:")
            for line in failure.lines:
                say(f"          {line}")
        else:
            say(f"        {failure.what}: {first}")
    if verdict.missing:
        for line in _missing(file, verdict, verdict.missing):
            say(f"        {line}")


def summary(passed: int, played: int, seconds: float) -> str:
    """Return the last line."""
    return f"{passed} of {played} cases passed in {seconds:.1f} s"


def document(file: Path, verdict: Verdict) -> dict[str, Any]:
    """Return how a case went, for programs."""
    told: dict[str, Any] = {
        "file": str(file),
        "case": verdict.case.name,
        "passed": verdict.passed,
        "failures": [{"what": f.what, "detail": "\n".join(f.lines)} for f in verdict.failures],
    }
    if verdict.missing:
        asked = verdict.missing.asked
        told["missing"] = {"task": asked.reference, "call": asked.call, "input": asked.input}
    return told


def _missing(file: Path, verdict: Verdict, missing: MissingAnswer) -> Iterator[str]:
    asked, nearest = missing.asked, missing.nearest
    yield f"{asked.reference} asked {asked.call}, and no answer to this is recorded:"
    for line in json.dumps(asked.input, ensure_ascii=False, indent=2).splitlines():
        yield f"  {line}"
    if nearest is None:
        yield "nothing is recorded of this function"
    else:
        version = f" of {nearest.call}" if nearest.call != asked.call else ""
        yield f"the nearest request that is recorded{version} differs:"
        for each in differences(nearest.input, asked.input):
            yield f"  {each.in_words('recorded', 'asked')}"
    yield f"record it: tendril test --record {file} -k '{verdict.case.name}'"
