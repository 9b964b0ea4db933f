"""`tendril send`: what reaches the broker is a strict CloudEvent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from events.envelope import Event, parse

if TYPE_CHECKING:
    from pathlib import Path

BROKER = "POST /default/default"
WHOLE = '{"specversion": "1.0", "id": "7", "source": "/here", "type": "a.b", "data": [1]}'


def _received(platform: Any, broker: str = BROKER) -> Event:
    (request,) = platform.asked(broker)
    return parse(request["headers"].items(), request["body"])


def test_an_event_from_options(tendril: Any, platform: Any) -> None:
    """Type, source, subject, id, data and extensions arrive as given."""
    platform.answer(BROKER, None, status=202)
    done = tendril(
        *("send", "--type", "com.example.asked.v1", "--source", "/me", "--id", "1"),
        *(
            "--subject",
            "s",
            "--ext",
            "partitionkey=p",
            "--data",
            '{"question": "为什么"}',
            "--json",
        ),
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = {"id": "1", "source": "/me", "type": "com.example.asked.v1"}
    assert json.loads(done.stdout) == said
    event = _received(platform)
    assert (event.id, event.source, event.type) == ("1", "/me", "com.example.asked.v1")
    assert (event.subject, event.get("partitionkey")) == ("s", "p")
    assert event.json() == {"question": "为什么"}


def test_ids_are_made_up_where_none_is_given(tendril: Any, platform: Any) -> None:
    """Two sends without --id are two events."""
    platform.answer(BROKER, None, status=202)
    ids = {json.loads(tendril("send", "--type", "a", "--json").stdout)["id"] for _ in range(2)}
    assert len(ids) == 2


def test_a_whole_event_from_a_file_and_stdin(tendril: Any, platform: Any, tmp_path: Path) -> None:
    """A structured event goes to the named broker as it is."""
    platform.answer("POST /team/events", None, status=202)
    (tmp_path / "event.json").write_text(WHOLE)
    assert tendril("send", "@event.json", "--to", "team/events").returncode == 0
    assert _received(platform, "POST /team/events").json() == [1]
    assert tendril("send", "-", "--to", "team/events", stdin=WHOLE).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give --type"),
        (("--type", "a", "-"), "give --type"),
        (("--type", ""), "type"),
        (("--type", "a", "--data", "{"), "--data:1:2: not JSON"),
        (("--type", "a", "--ext", "novalue"), "KEY=VALUE"),
        (("--type", "a", "--ext", "Bad_Name=1"), "Bad_Name"),
        (("--type", "a", "--to", "nowhere"), "NAMESPACE/BROKER"),
        (('{"specversion": "1.0"}',), "not a CloudEvent"),
        (("@gone.json",), "gone.json: cannot be read"),
    ],
)
def test_what_is_no_event_is_not_sent(
    tendril: Any, platform: Any, arguments: Any, says: str
) -> None:
    """Exit code 2, the reason on stderr, and nothing at the broker."""
    done = tendril("send", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert platform.requests == []
