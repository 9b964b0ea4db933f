"""What the flow service tells of flows and functions, and how its own API is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform

TWO = """
document: {dsl: '1.0.3', namespace: test, name: two, version: 'VERSION', title: Two hops}
do:
  - a: {call: ping, with: {n: '${ .n }'}}
  - b: {call: pong, with: {n: '${ .n }'}}
"""


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """The trivial tools."""
    return {"TENDRIL_TOOLS": tools}


async def test_flows_are_listed_and_shown(platform: LocalPlatform) -> None:
    """Every version is listed; one is shown whole, the newest unless another is asked for."""
    assert await platform.api("GET", "/flows") == (200, {"flows": []})
    texts = {version: TWO.replace("VERSION", version) for version in ("1.9.0", "1.10.0")}
    deployed = {version: await platform.deploy(text) for version, text in texts.items()}
    status, listed = await platform.api("GET", "/flows")
    assert status == 200
    assert sorted(listed["flows"], key=lambda flow: str(flow["digest"])) == sorted(
        deployed.values(), key=lambda flow: str(flow["digest"])
    )
    assert all(flow["title"] == "Two hops" and flow["deployedAt"] for flow in listed["flows"])
    status, newest = await platform.api("GET", "/flows/test/two")
    assert (status, newest["version"], newest["source"]) == (200, "1.10.0", texts["1.10.0"])
    assert sorted(newest["versions"]) == ["1.10.0", "1.9.0"]
    assert set(newest["functions"]) == {"ping", "pong"}
    assert [list(task) for task in newest["definition"]["do"]] == [["a"], ["b"]]
    status, older = await platform.api("GET", "/flows/test/two?version=1.9.0")
    assert (status, older["digest"]) == (200, deployed["1.9.0"]["digest"])
    status, problem = await platform.api("GET", "/flows/test/two?version=2.0.0")
    assert (status, problem["detail"].split(" is ")[0]) == (404, "no flow test/two:2.0.0")


async def test_the_catalog_lists_functions_with_their_schemas(platform: LocalPlatform) -> None:
    """The platform's tools and a user's are there, each with what it takes and gives."""
    status, catalog = await platform.api("GET", "/catalog")
    functions = {each["name"]: each for each in catalog["functions"]}
    assert status == 200
    assert {"llm", "text-collection", "ping", "pong"} <= set(functions)
    assert functions["ping"]["input"]["properties"].keys() == {"n"}
    assert all(each["version"] and each["summary"] for each in functions.values())


async def test_the_api_describes_itself_offline(platform: LocalPlatform) -> None:
    """openapi.json is served; there is no page that would load its scripts from elsewhere."""
    status, described = await platform.api("GET", "/openapi.json")
    assert (status, described["info"]["title"]) == (200, "Tendril flows")
    assert {"/flows", "/runs", "/deadletters"} <= set(described["paths"])
    for page in ("/docs", "/redoc"):
        status, problem = await platform.api("GET", page)
        assert (status, problem["status"]) == (404, 404)


async def test_a_services_log_is_json_for_any_reader(platform: LocalPlatform) -> None:
    """Each line is one object, the server's own too, without a terminal's colours."""
    await platform.api("GET", "/flows")
    lines = (platform.data / "logs" / "flow.log").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert any(record["logger"].startswith("uvicorn") for record in records)
    assert all(record["service"] == "flow" for record in records)
    assert not any("color_message" in record for record in records)
