"""`run: container` as Jobs, end to end: the platform hands tasks over, pods do them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from events.flow.parse import parse
from knative.jobs import containers
from tests.support.cluster import Cluster, needs_first_process, sinks
from tests.support.local_platform import LocalPlatform, until
from tests.support.ports import free_port
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.cluster import Pod

FLOW = """
document: {dsl: '1.0.3', namespace: test, name: jobs, version: '1.0.0'}
do:
  - say:
      run:
        return: all
        container:
          image: example/say
          command: 'echo "$(cat) $1 $A"; echo aside >&2'
          arguments: ['${ .word }', "it's"]
          environment: {A: '${ .n }'}
          stdin: '${ .text }'
      export: {as: '{said: .}'}
  - each:
      for: {each: item, in: '[1, 2]'}
      do:
        - again:
            run: {container: {image: example/say, command: 'echo "$1"', arguments: ['${ $item }']}}
  - break:
      try:
        - fail: {run: {container: {image: example/say, command: 'echo no >&2; exit 3'}}}
      catch:
        errors: {with: {status: 500}}
        as: err
        do: [{tell: {set: '${ $context + {why: $err.detail} }'}}]
"""
ONE = """
document: {dsl: '1.0.3', namespace: test, name: one, version: '1.0.0'}
do:
  - wait:
      run:
        container:
          image: example/gate
          command: 'echo x >>"$1/ran"; until [ -e "$1/open" ]; do sleep 0.05; done; wc -l <"$1/ran"'
          arguments: ['${ .gate }']
"""
STRANGE = """
document: {dsl: '1.0.3', namespace: test, name: strange, version: '1.0.0'}
do:
  - a: {run: {container: {image: '${ .image }', command: 'echo known'}}}
"""

pytestmark = [needs_first_process, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """The JobSinks of the flows, on a port of their own."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    for flow in (FLOW, ONE, STRANGE):
        made.sinks |= sinks([each.container for each in containers(parse(flow)) if not each.wrong])
    async with answering(made.take) as url:
        made.url = f"{url}/test/{{name}}"
        yield made
        await made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(cluster: Cluster) -> AsyncIterator[LocalPlatform]:
    """One platform whose containers are Jobs; a dead host's claim runs out soon."""
    data = cluster.folder / "data"
    shared = {"TENDRIL_LEASE": "1", "TENDRIL_DATA": str(data)}
    settings = {"TENDRIL_WITHOUT": "inference", "TENDRIL_CONTAINER_JOBS": cluster.url}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        made = LocalPlatform(data, free_port(), session, shared | settings)
        cluster.environment |= {**shared, "K_SINK": f"{made.url}/default/default"}
        try:
            await made.start()
            yield made
        finally:
            made.stop()


async def gated(platform: LocalPlatform, cluster: Cluster, gate: Path) -> tuple[str, Pod]:
    """Start a run whose program waits for the gate; return the run and its pod, at work."""
    gate.mkdir()  # noqa: ASYNC240 - at once
    await platform.deploy(ONE)
    run = await platform.run("test/one", {"gate": str(gate)}, wait=0)

    async def runs() -> bool:
        return (gate / "ran").exists()

    await until(runs, 30, "the program runs")
    return run["id"], list(cluster.jobs.values())[-1]


async def test_containers_of_a_flow_are_jobs(platform: LocalPlatform, cluster: Cluster) -> None:
    """Every visit is a Job of its own, whose host carries the run on; what failed is an error."""
    await platform.deploy(FLOW)
    given = {"word": "$(exit 1)", "n": 7, "text": "read"}
    run = await platform.run("test/jobs", given)
    assert run["status"] == "completed", run.get("error")
    assert run["output"] == {
        "said": {"code": 0, "stdout": "read $(exit 1) 7\n", "stderr": "aside\n"},
        "why": "the process ended with status 3: no",
    }
    assert len(cluster.jobs) == 4
    for pod in cluster.jobs.values():
        assert await cluster.ended(pod) == (0, 0)


async def test_what_no_job_is_for_is_refused(platform: LocalPlatform) -> None:
    """An image that an expression gives runs where a JobSink has it; another says what to do."""
    await platform.deploy(STRANGE)
    known = await platform.run("test/strange", {"image": "example/say"})
    assert known["output"] == "known\n"
    run = await platform.run("test/strange", {"image": "example/other"})
    assert run["status"] == "faulted"
    assert run["error"]["type"].endswith("/configuration")
    assert "no JobSink is there for the image example/other" in run["error"]["detail"]


@pytest.mark.parametrize(("how", "ended"), [(signal.SIGTERM, False), (signal.SIGKILL, True)])
async def test_a_host_that_dies_is_started_again_and_takes_up_the_program(
    platform: LocalPlatform, cluster: Cluster, tmp_path: Path, how: signal.Signals, *, ended: bool
) -> None:
    """Whether the program still runs or has ended meanwhile, it is not run again."""
    run, pod = await gated(platform, cluster, tmp_path / "gate")
    pod.restarts.clear()
    pod.processes["host"].send_signal(how)
    await pod.processes["host"].wait()
    if not ended:
        pod.restarts.set()
    (tmp_path / "gate" / "open").touch()

    async def over() -> bool:
        return (pod.folder / "said" / "code").exists()

    await until(over, 20, "the program has ended")
    pod.restarts.set()
    assert (await platform.ended(run))["output"].strip() == "1"
    assert await cluster.ended(pod) == (1, 0)


async def test_a_pod_that_is_lost_is_made_anew(
    platform: LocalPlatform, cluster: Cluster, tmp_path: Path
) -> None:
    """The program runs once more, as whatever it did may not have been done; one result counts."""
    run, _ = await gated(platform, cluster, tmp_path / "gate")
    second = cluster.lose(list(cluster.jobs)[-1])
    (tmp_path / "gate" / "open").touch()
    assert (await platform.ended(run))["output"].strip() == "2"
    assert await cluster.ended(second) == (0, 0)


async def test_a_run_that_is_cancelled_ends_its_program(
    platform: LocalPlatform, cluster: Cluster, tmp_path: Path
) -> None:
    """The host loses its claim, the program is killed, and the Job is over."""
    run, pod = await gated(platform, cluster, tmp_path / "gate")
    status, _ = await platform.api("POST", f"/runs/{run}/cancel")
    assert status == 202
    assert await cluster.ended(pod) == (0, 0)
    assert not (pod.folder / "said" / "code").exists()
    assert (await platform.ended(run))["status"] == "cancelled"
