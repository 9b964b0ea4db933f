"""From a well-formed flow to one that can run: every mistake that can be known before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.flow.finding import Finding, in_order
from events.flow.rules.approvals import unanswerable
from events.flow.rules.budget import unspendable
from events.flow.rules.elsewhere import unfetchable
from events.flow.rules.expressions import uncompilable
from events.flow.rules.functions import misfits
from events.flow.rules.metadata import misspoken
from events.flow.rules.names import undefined
from events.flow.rules.order import misordered
from events.flow.rules.processes import unrunnable
from events.flow.rules.schedule import unkeepable
from events.flow.rules.sealing import leaking
from events.flow.rules.shapes import meaningless
from events.flow.rules.support import foreign
from events.flow.rules.visit import finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.catalog import Catalog
    from events.flow.parse import Parsed
    from events.source import Path

__all__ = ["Finding", "check"]


def check(
    parsed: Parsed,
    catalog: Catalog,
    compile: Callable[[str], None],  # noqa: A002 - it compiles
    within: Path = (),
) -> list[Finding]:
    """Return everything that keeps the flow from running, in the file's order.

    Args:
        parsed: The flow.
        catalog: The functions that it may call.
        compile: Raises ExpressionError for a jq program that does not compile.
        within: The part of the definition that is of interest: all of it, or one function.
    """
    wrong = [
        *misordered(parsed),
        *undefined(parsed),
        *unfetchable(parsed),
        *misfits(parsed, catalog),
        *unrunnable(parsed, catalog),
        *meaningless(parsed),
        *misspoken(parsed),
        *unanswerable(parsed),
        *unkeepable(parsed),
        *unspendable(parsed),
        *uncompilable(parsed, compile),
        *leaking(parsed),
        *foreign(parsed),
    ]
    return in_order(finding(parsed, words) for words in wrong if words[0].below(within))
