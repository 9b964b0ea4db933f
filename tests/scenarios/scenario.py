"""Scenarios of ours, told in chapters of the DSL reference: claims, flows and cases.

A chapter is a list; each scenario of it has a `claim`, a `flow` (its `document` is completed), and
`cases` as `tendril test` takes them; `flows` that it runs and a `recording` of what tools answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from events.source import read

CHAPTERS = sorted(Path(__file__).parent.glob("*.yaml"))


@dataclass(frozen=True)
class Scenario:
    """One claim about the language, and the flow that shows it."""

    name: str
    claim: str
    flow: dict[str, Any]
    flows: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    recording: list[dict[str, Any]]

    def write(self, folder: Path) -> Path:
        """Write it as a test file with all that it names; return the file for `tendril test`."""
        others = [f"{self.name}-{index}.yaml" for index, _ in enumerate(self.flows)]
        script = {"flow": f"{self.name}.yaml", "flows": others, "cases": self.cases}
        files = {f"{self.name}.yaml": self.flow, f"{self.name}.test.yaml": script}
        files |= dict(zip(others, self.flows, strict=True))
        files[f"{self.name}.test.recording.yaml"] = {"answers": self.recording}
        for name, content in files.items():
            (folder / name).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
        return folder / f"{self.name}.test.yaml"


def scenarios() -> list[Scenario]:
    """Return the scenarios of all chapters, in order."""
    return [
        _scenario(f"{file.stem}-{index}", each)
        for file in CHAPTERS
        for index, each in enumerate(read(file.read_text("utf-8"), str(file)).value, 1)
    ]


def _scenario(name: str, told: dict[str, Any]) -> Scenario:
    unknown = told.keys() - {"claim", "flow", "flows", "cases", "recording"}
    assert not unknown, f"{name}: {unknown}"
    cases = [{"name": f"case {index}"} | case for index, case in enumerate(told["cases"], 1)]
    return Scenario(
        name,
        told["claim"],
        _headed(told["flow"], name),
        [_headed(each, name) for each in told.get("flows", [])],
        cases,
        told.get("recording", []),
    )


def _headed(flow: dict[str, Any], name: str) -> dict[str, Any]:
    head = {"dsl": "1.0.3", "namespace": "scenarios", "name": name, "version": "1.0.0"}
    return flow | {"document": head | flow.get("document", {})}
