"""A process that holds an activator with one service and waits to be killed.

Arguments: the tools folder and the data folder. Prints the service's answer to one request.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from knative.local.activator import Activator
from knative.local.surroundings import Surroundings
from knative.toolsets import within


async def main() -> None:
    """Wake the service, let it start a child of its own, tell both, and wait."""
    tools, data = map(Path, sys.argv[1:3])
    surroundings = Surroundings(
        url="http://127.0.0.1:1", data=data, folder=tools, tools=(tools,), environment=os.environ
    )
    activator = Activator(within(tools), surroundings)
    await activator.start()
    for path in ("/", "/child"):
        answer = await activator.request("echo", "POST", path, {}, b"", 20.0)
        sys.stdout.write(answer.body.decode() + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
