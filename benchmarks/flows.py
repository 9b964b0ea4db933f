"""The flows that the benchmarks run."""

from __future__ import annotations

TOOLS = ("ping", "pong")


def chain(name: str, tasks: int) -> str:
    """Return a flow of `tasks` trivial tool calls, from process to process."""
    head = f"document: {{dsl: '1.0.3', namespace: bench, name: {name}, version: '1.0.0'}}\ndo:\n"
    return head + "".join(
        f"  - t{i}: {{call: {TOOLS[i % 2]}, with: {{n: '${{ .n }}'}}}}\n" for i in range(tasks)
    )


def fork(name: str, branches: int) -> str:
    """Return a flow that does so many trivial tool calls at the same time."""
    head = f"document: {{dsl: '1.0.3', namespace: bench, name: {name}, version: '1.0.0'}}\n"
    head += "do:\n  - wide:\n      fork:\n        branches:\n"
    return head + "".join(
        f"          - b{i}: {{call: {TOOLS[i % 2]}, with: {{n: {i}}}}}\n" for i in range(branches)
    )


def loop(name: str, at_once: int = 0) -> str:
    """Return a flow that does a trivial tool call for each of its items, so many at a time."""
    own = f"      metadata: {{tendril: {{concurrency: {at_once}}}}}\n" if at_once else ""
    return (
        f"document: {{dsl: '1.0.3', namespace: bench, name: {name}, version: '1.0.0'}}\n"
        f"do:\n  - each:\n      for: {{in: '${{ .items }}'}}\n{own}"
        f"      do:\n        - ping: {{call: ping, with: {{n: '${{ $item }}'}}}}\n"
    )
