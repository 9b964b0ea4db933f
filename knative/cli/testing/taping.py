"""Recordings made: what was asked and answered while cases were played, as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from events.flow.rehearsal.recording import Asked, Prompter, Recording
from events.flow.rehearsal.script import Given, Tape

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from events.flow.catalog import Catalog
    from events.flow.rehearsal.script import Case
    from events.flow.rehearsal.stage import Answer

Json = Any
Entry = dict[str, Json]
Key = tuple[str, str]


_BREAKS: Final = frozenset("\r\x85\u2028\u2029")


class Taping:
    """Collects answers, case by case; entries come in the order of their first request."""

    def __init__(self, old: Tape) -> None:
        """Begin; how long an answer takes, which nobody measures, is kept from `old`."""
        self._old = Recording(old)
        self._shared: dict[Key, Entry] = {}
        self._own: dict[tuple[Key, str], Entry] = {}

    def prompter(
        self, case: Case, catalog: Catalog, ask: Callable[[Asked], dict[str, Json]]
    ) -> Prompter:
        """Return what answers a case by asking; nothing is taken from a recording."""

        def otherwise(request: Asked) -> Answer:
            given = self._kept(request, case.name) | ask(request)
            self.add(request, case.name, given)
            return Given.model_validate(given).answer()

        return Prompter(case, Recording(Tape()), catalog, otherwise)

    def add(self, request: Asked, case: str, given: dict[str, Json]) -> None:
        """Note one answer."""
        entry = {"call": request.call, "input": request.input, "case": case, "answers": []}
        own = self._own.setdefault((request.key, case), entry)
        own["answers"].append(given)

    def entries(self) -> list[Entry]:
        """Return what was noted; cases that were answered alike share one entry."""
        made: list[Entry] = []
        for (key, _), entry in self._own.items():
            shared = self._shared.setdefault(key, entry)
            if shared is entry:
                made.append({name: value for name, value in entry.items() if name != "case"})
            elif shared["answers"] != entry["answers"]:
                made.append(entry)
        return made

    def with_others(self, cases: set[str]) -> list[Entry]:
        """Return what was noted, and the old entries that only other cases may want."""
        made = self.entries()
        known = {(key, case) for key, case in self._own}
        asked = {key for key, _ in known}
        for each in self._old.entries:
            key = Asked(each.call, each.input).key
            if each.case not in cases and (each.case is not None or key not in asked):
                made.append(each.definition())
        return made

    def _kept(self, request: Asked, case: str) -> dict[str, Json]:
        entry = self._old.find(request, case)
        done = len(self._own.get((request.key, case), {"answers": []})["answers"])
        if entry is None or done >= len(entry.answers):
            return {}
        told = entry.answers[done].definition()
        return {"takes": told["takes"]} if "takes" in told else {}


def write(path: Path, value: Json, comment: str) -> None:
    """Write a value as YAML that people like to read, under a comment."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(f"# {comment}\n{text}", encoding="utf-8")


class _Dumper(yaml.SafeDumper):
    """SafeDumper that writes text of several lines as such, and no aliases."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.strip() else None
    if not _BREAKS.isdisjoint(text):  # YAML takes these for line breaks, unless they are escaped
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
