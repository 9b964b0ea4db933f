"""One event against 10,000 Triggers with distinct exact types."""

from __future__ import annotations

from benchmarks.limits import median_ms
from knative.filters import compile as compile_filter
from knative.local.matching import TriggerIndex, TriggerSpec

TRIGGERS = 10_000


def match_ms() -> float:
    """Return the median time to find the one Trigger of an event, in ms."""
    index = TriggerIndex(
        TriggerSpec(
            f"t{number}",
            "http://127.0.0.1:1/",
            compile_filter({"attributes": {"type": f"com.example.t{number}"}}),
        )
        for number in range(TRIGGERS)
    )
    event = {
        "specversion": "1.0", "id": "1", "source": "/bench",
        "type": f"com.example.t{TRIGGERS // 2}", "subject": "x", "tool": "ping",
    }  # fmt: skip
    assert len(index.match(event)) == 1
    return median_ms(lambda: index.match(event), 5_000)
