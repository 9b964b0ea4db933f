"""Flows over HTTP: deploy, list, show; and the functions they may call."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from functions.flow.deploy import deploy
from functions.flow.flow_views import FlowDetail, FlowView, GatheredView, flow_view
from functions.flow.moments import moment
from functions.host.assembly import Platform  # noqa: TC001 - FastAPI reads the annotation
from functions.host.catalog import load
from functions.host.endpoint import read_body
from functions.host.faults import Refused

router = APIRouter()
_FLOW_BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {}} for kind in ("application/yaml", "application/json")},
    }
}


@router.post("/flows", status_code=201, openapi_extra=_FLOW_BODY)
async def deploy_flow(request: Request, response: Response) -> FlowView:
    """Deploy a flow (YAML or JSON): 201 new, 200 known, 400 with positions, 409 other content."""
    try:
        text = (await read_body(request.receive)).decode()
    except UnicodeDecodeError as error:
        raise Refused(400, "The flow is wrong", f"the body is not UTF-8: {error}") from error
    row, created = await deploy(request.app.state.platform, text)
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"flows/{row.namespace}/{row.name}?version={row.version}"
    return flow_view(row)


@router.get("/flows")
async def list_flows(request: Request) -> dict[str, list[FlowView]]:
    """List every deployed version."""
    rows = await request.app.state.platform.ledger.flows()
    return {"flows": [flow_view(row) for row in rows]}


@router.get("/flows/{namespace}/{name}")
async def show_flow(
    request: Request, namespace: str, name: str, version: str | None = None
) -> FlowDetail:
    """Show one version, the newest by default."""
    platform: Platform = request.app.state.platform
    row = await platform.ledger.flow_named(namespace, name, version)
    if row is None:
        raise unknown_flow(namespace, name, version)
    every = await platform.ledger.flows()
    versions = [f.version for f in every if (f.namespace, f.name) == (namespace, name)]
    tally = await platform.ledger.tally(row.digest)
    gathered = GatheredView(
        events=tally.events, gatherings=tally.gatherings, since=moment(tally.since)
    )
    return FlowDetail(
        **flow_view(row).model_dump(),
        definition=row.definition,
        source=row.source,
        versions=versions,
        functions=row.functions,
        imports=row.imports,
        gathered=gathered,
    )


@router.get("/catalog")
async def list_functions(request: Request) -> dict[str, list[dict[str, object]]]:
    """List the functions that flows may call."""
    platform: Platform = request.app.state.platform
    functions = load(platform.settings.tools).functions
    return {
        "functions": [
            {
                "name": f.name,
                "version": f.version,
                "summary": f.summary,
                "input": f.input_schema,
                "output": f.output_schema,
            }
            for f in functions
        ]
    }


def unknown_flow(namespace: str, name: str, version: str | None) -> Refused:
    """Return the 404 of a flow that is not deployed."""
    called = f"{namespace}/{name}" + (f":{version}" if version else "")
    return Refused(404, "Unknown flow", f"no flow {called} is deployed; GET /flows lists what is")
