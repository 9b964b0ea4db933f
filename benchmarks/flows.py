"""The flows that the benchmarks run."""

from __future__ import annotations

TOOLS = ("ping", "pong")


def chain(name: str, tasks: int) -> str:
    """Return a flow of `tasks` trivial tool calls, from process to process."""
    head = f"document: {{dsl: '1.0.3', namespace: bench, name: {name}, version: '1.0.0'}}\ndo:\n"
    return head + "".join(
        f"  - t{i}: {{call: {TOOLS[i % 2]}, with: {{n: '${{ .n }}'}}}}\n" for i in range(tasks)
    )
