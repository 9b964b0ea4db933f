"""The specification's conformance kit and examples on a real platform, over HTTP.

Every network call that they make is answered by one local server (`tests.support.internet`): the
addresses in their text are put behind its own, nothing else is changed but the names of examples,
of which several have the same.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
import pytest_asyncio
import yaml

from tests.support.examples import ELSEWHERE, RUN, WAITING, Example
from tests.support.internet import Internet, internet
from tests.support.kit import SPEC, UNNAMED, Ended, Scenario, judge, kit
from tests.support.local_platform import LocalPlatform, until
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not SPEC, reason=UNNAMED),
]
EXAMPLES: Final = Path(SPEC, "examples")
REGISTER: Final = """
document: {dsl: '1.0.3', namespace: test, name: register-customer, version: '0.1.0'}
do: [{register: {set: {registered: '${ .customer }'}}}]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def web() -> AsyncIterator[Internet]:
    """Every host that is called."""
    async with internet() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(
    web: Internet, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LocalPlatform]:
    """One platform for all, which leaves retries to the flows; the long waits have begun."""
    settings = {
        "TENDRIL_EGRESS_ALLOW": "127.0.0.0/8",
        "TENDRIL_WITHOUT": "inference",
        "TENDRIL_RETRY_ATTEMPTS": "1",
        "TENDRIL_CONTAINER_ENGINE": "none-here",
    }
    folder = tmp_path_factory.mktemp("platform") / "data"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        made = LocalPlatform(folder, free_port(), session, settings)
        try:
            await made.start()
            for name in WAITING:
                await made.run(await deployed(made, web, name), wait=0)
            yield made
        finally:
            made.stop()


def text_of(name: str, web: Internet) -> str:
    """Return an example's text, under a name of its own and with its hosts on the server."""
    text = web.here((EXAMPLES / f"{name}.yaml").read_text("utf-8"))
    return re.sub(r"(?m)^(  name: ).*$", rf"\g<1>{name.replace(' ', '-')}", text, count=1)


async def deployed(
    platform: LocalPlatform, web: Internet, name: str, changed: tuple[str, str] = ("", "")
) -> str:
    """Deploy an example; return its namespace and name."""
    made = await platform.deploy(text_of(name, web).replace(*changed))
    return f"{made['namespace']}/{made['name']}"


async def ended(platform: LocalPlatform, flow: str) -> dict[str, Any]:
    """Wait for the end of a flow's one run."""
    found: list[dict[str, Any]] = []

    async def over() -> bool:
        _, answer = await platform.api("GET", "/runs", params={"flow": flow})
        found[:] = [run for run in answer["runs"] if run["status"] not in {"running", "waiting"}]
        return bool(found)

    await until(over, 60, f"{flow} ended")
    return found[0]


@pytest.mark.parametrize("scenario", kit())
async def test_the_kit(scenario: Scenario, platform: LocalPlatform, web: Internet) -> None:
    """The run ends as the scenario of the conformance kit says, and does what it says in order."""
    definition = scenario.definition
    name = re.sub(r"[^a-z0-9]+", "-", scenario.name.lower())[:60].strip("-")
    definition["document"] |= {"namespace": "kit", "name": name}
    await platform.deploy(web.here(yaml.safe_dump(definition, sort_keys=False, width=10_000)))
    run = await platform.run(f"kit/{name}", scenario.input)
    _, told = await platform.api("GET", f"/runs/{run['id']}/history")
    started = [each["task"] for each in told["history"] if each["kind"] == "task.started"]
    judge(
        scenario,
        Ended(run["output"], run["error"], [each.rpartition("/")[2] for each in started]),
    )


@pytest.mark.parametrize("name", sorted(RUN))
async def test_an_example(name: str, platform: LocalPlatform, web: Internet) -> None:
    """The example goes to its end, having done what it is there to show."""
    example = RUN[name]
    web.failing |= example.failing
    if name == "run-subflow":
        await platform.deploy(REGISTER)
    flow = await deployed(platform, web, name, example.changed)
    scheduled = "schedule:" in text_of(name, web) and example.events
    run = None if scheduled else await platform.run(flow, example.input, wait=0)
    for index, (kind, data) in enumerate(example.events):
        event = {"specversion": "1.0", "id": f"{flow}-{index}", "type": kind, "data": data}
        event |= {"source": "https://my.home.com/sensor", "roomid": "one"}
        assert await platform.publish(event) == 202
    if not example.ends:
        await _cancelled(platform, web, example, run)
        return
    run = await ended(platform, flow)
    if example.error:
        assert run["status"] == "faulted", run
        for member, value in example.error.items():
            document = yaml.safe_load(text_of(name, web))["document"]
            wanted = str(value).format(document["name"], document["version"])
            assert wanted in str(run["error"][member])
    else:
        assert run["status"] == "completed", run
        assert example.output in (..., run["output"])
    for address, left in example.failing.items():
        assert left == []
        assert web.times("GET", address) == 2
    assert example.asked is None or example.asked in web.asked


async def _cancelled(
    platform: LocalPlatform, web: Internet, example: Example, run: dict[str, Any] | None
) -> None:
    async def told() -> bool:
        return example.asked in web.asked

    assert run is not None
    await until(told, 30, "the event was posted")
    assert (await platform.api("POST", f"/runs/{run['id']}/cancel"))[0] in {200, 202}


async def test_the_long_waits(platform: LocalPlatform) -> None:
    """They end after half a minute."""
    for name in WAITING:
        run = await ended(platform, f"test/{name}")
        assert run["status"] == "completed"


async def test_no_example_is_left_out() -> None:
    """Every file of the folder is run, here or by a test that is named."""
    told = {*RUN, *WAITING}
    files = {file.stem for file in EXAMPLES.glob("*.yaml")}
    assert told <= files
    assert [name for name in sorted(files - told) if not name.startswith(tuple(ELSEWHERE))] == []
