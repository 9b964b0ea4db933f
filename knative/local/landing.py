"""The platform's front page: what is where."""

from __future__ import annotations

from html import escape
from string import Template
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tendril</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; }
  body { padding: 0 1rem; }
  h1 { margin-bottom: 0; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #8884; }
  code { font: .9em ui-monospace, monospace; }
</style>
<h1>Tendril</h1>
<p>This platform is up. Events, flows and tools are here:</p>
<table>
  <tr><td><code>$url/services/flow</code><td>deploy flows, start runs, follow them
    (<a href="/services/flow/openapi.json">OpenAPI</a>)
  <tr><td><code>POST $url/default/default</code><td>the broker takes CloudEvents
  <tr><td><code>POST $url/services/webhook/hooks/{name}</code><td>webhooks
  <tr><td><code>$url/services/inference/v1</code><td>the model, with the OpenAI API
  <tr><td><a href="/services">Services</a><td>their state, as JSON
  <tr><td><a href="/healthz">Health</a><td>200 when ready
</table>
<h2>Services</h2>
<table>
  <tr><th>name<th>state<th>active<th>cold starts
$rows
</table>
<p>On the command line: <code>tendril status</code>, <code>tendril runs</code>,
<code>tendril --help</code>.</p>
</html>
""")


def page(url: str, statuses: Sequence[dict[str, Any]]) -> str:
    """Return the page as HTML; `statuses` are those of `GET /services`."""
    rows = "\n".join(_row(status) for status in statuses)
    return _PAGE.substitute(url=escape(url), rows=rows)


def _row(status: dict[str, Any]) -> str:
    fields = (status["name"], status["state"], status["active"], status["coldStarts"])
    return "  <tr>" + "".join(f"<td>{escape(str(field))}" for field in fields)
