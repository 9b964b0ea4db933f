"""What the language allows and this version cannot run, refused by name before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from events.flow.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.rules.visit import Words

RELEASE: Final = "Tendril 0.1"
LANGUAGES: Final = ("jq",)


def foreign(parsed: Parsed) -> Iterator[Words]:
    """Yield the language of expressions, if it is another one than ours."""
    language = parsed.definition.get("evaluate", {}).get("language", LANGUAGES[0])
    if language not in LANGUAGES:
        yield Place(("evaluate", "language")), refusal("the flow", f"evaluate.language: {language}")


def refusal(who: str, what: str) -> str:
    """Return the message that refuses `what`."""
    return f"{who} uses '{what}', which {RELEASE} cannot run yet"
