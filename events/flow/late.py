"""Expressions that only the host of a call may evaluate, since what they give is secret; pure.

`advance` leaves them as they are written and says beside the task's input what they need; the
host that executes the call evaluates them right before it. So a secret is in no state, no ledger
and no event.

Where the specification leaves room: its table gives `$secrets` to nearly every expression, its
text to `input.from` alone, "to avoid unintentional bleeding". Here they may be used where nothing
that they give is recorded: in the `with` of a call of a tool, its authentication policies included,
in a process to `run`, and in the `input.from` of such a task. `$authorization` is what the call's
own policy resolved to, in `with` alone. Everywhere else the result is state:

- The `input.from` of a flow or of any other task, `set`, `emit`, `export.as` and the flow's
  `output.as` make values that the ledger and events have.
- The `output.as` of a call makes what the ledger has of it. Its host could evaluate it and mask the
  result, but a result with the secret masked is one without the secret.
- `if`, `switch`, `while` and `timeout` are decided by whoever finished the task before: a service,
  the door or the clock, none of which has any business with the secrets of a call.

A task whose `input.from` takes secrets is *sealed* (`sealed`): its transformed input is known to
its host alone, and all that is made of it there is left to the host too.

Source: serverlessworkflow/specification 1.0.3, `dsl.md`, "Runtime expression arguments".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from events.flow.scope import free_variables

Json = Any

SECRETS: Final = "secrets"
AUTHORIZATION: Final = "authorization"
NAMES: Final = frozenset({SECRETS, AUTHORIZATION})
"""The arguments that the host binds."""
MEMBER: Final = "$late"
"""The member of a task's input that says what is left; `with` has no such property."""

_SECRET: Final = re.compile(
    r'\$\s*secrets\b(?:\s*\.\s*([A-Za-z_]\w*)|\s*\.?\s*\[?\s*("(?:[^"\\]|\\.)*")\s*\]?)?'
)


@dataclass(frozen=True, slots=True)
class Late:
    """What the host must evaluate, and all that it needs but the secrets."""

    at: tuple[str, ...]
    """JSON pointers into the input, where the programs stand."""
    data: Json
    """What `.` is."""
    arguments: dict[str, Json] = field(default_factory=dict)
    """The arguments that the programs mention, and the transition's time."""
    secrets: tuple[str, ...] = ()
    """The names of the secrets they may need, all declared under `use.secrets`."""
    policy: str = ""
    """A JSON pointer to the policy that `$authorization` tells of."""
    kept: tuple[str, ...] = ()
    """JSON pointers to the programs that the handler itself evaluates, on data of its own."""
    source: Json = None
    """The `input.from` to evaluate first, on `data`: the programs take what it gives for theirs."""
    loose: bool = False
    """As `Flow.loose`."""
    templates: tuple[str, ...] = ()
    """JSON pointers to URI templates, to be filled in."""

    def to_json(self) -> dict[str, Json]:
        """Return the member of the input."""
        return {
            "at": list(self.at),
            "data": self.data,
            "arguments": self.arguments,
            "secrets": list(self.secrets),
            "policy": self.policy,
            "kept": list(self.kept),
            "source": self.source,
            "loose": self.loose,
            "templates": list(self.templates),
        }

    @classmethod
    def from_json(cls, value: dict[str, Json]) -> Late:
        """Read what `to_json` wrote."""
        at, names, kept = (tuple(value[name]) for name in ("at", "secrets", "kept"))
        given = value["data"], value["arguments"], names, value["policy"], kept
        templates = tuple(value.get("templates", ()))
        return cls(at, *given, value.get("source"), value.get("loose", False), templates)


def rendered(given: Json) -> Json:
    """Return an input as it travels, with no more than tells it from another request.

    What is left stands in it as written; of a sealed task that is all, so its raw input is kept.
    """
    if not isinstance(given, dict) or MEMBER not in given:
        return given
    own = {name: value for name, value in given.items() if name != MEMBER}
    left = given[MEMBER]
    return own if left.get("source") is None else own | {MEMBER: {"data": left["data"]}}


def late(program: str) -> frozenset[str]:
    """Return those of NAMES that a program takes from outside."""
    if not any(name in program for name in NAMES):
        return frozenset()
    return free_variables(program) & NAMES


def secret_names(program: str) -> frozenset[str] | None:
    """Return the names in `$secrets.name`; None where the program computes them."""
    found = set()
    for name, quoted in _SECRET.findall(program):
        try:
            found.add(name or json.loads(quoted))
        except json.JSONDecodeError:
            return None
    return frozenset(found)


def whole(secret: str) -> str:
    """Return the expression that is a whole secret."""
    return f"${{ $secrets[{json.dumps(secret)}] }}"
