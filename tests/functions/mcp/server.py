"""An MCP server over stdio, as a flow would start it."""

from __future__ import annotations

import os
import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("stdio")


@server.tool()
def told() -> list[str]:
    """Return the arguments and one variable."""
    return [*sys.argv[1:], os.environ.get("GREETING", ""), os.environ.get("TENDRIL_SECRET", "")]


server.run("stdio")
