"""DBOS on SQLite, in process: three trivial durable steps, in a process of their own.

`python peer.py FOLDER` prints JSON: {"p50_ms": ..., "per_second": ...}.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS

FLOWS = 300
IN_FLIGHT = 64


@DBOS.step()
def add_one(n: int) -> int:
    """A trivial step."""
    return n + 1


@DBOS.workflow()
def three(n: int) -> int:
    """Three of them."""
    return int(add_one(add_one(add_one(n))))


def main(folder: str) -> None:
    """Measure and print."""
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{folder}/dbos.db",
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    three(0)
    spent = []
    for _ in range(60):
        started = time.perf_counter()
        three(0)
        spent.append((time.perf_counter() - started) * 1000)
    started = time.perf_counter()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(three, range(FLOWS)))
    rate = FLOWS / (time.perf_counter() - started)
    sys.stdout.write(json.dumps({"p50_ms": statistics.median(spent), "per_second": rate}) + "\n")
    DBOS.destroy()


if __name__ == "__main__":
    main(sys.argv[1])
