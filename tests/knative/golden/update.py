"""`python -m tests.knative.golden.update` writes the renderer's golden files anew.

Look at the difference before committing it.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from knative import render, toolsets
from tests.knative.test_jobs import golden
from tests.knative.test_render import SERVICE

HERE = Path(__file__).parent


def main() -> None:
    """Render two tools into `render.yaml`, a flow's container into `jobs.yaml`."""
    own = toolsets.own
    with TemporaryDirectory() as folder:
        for name in ("zebra", "apple"):
            tool = Path(folder) / name
            tool.mkdir()
            (tool / "service.yaml").write_text(SERVICE.format(name=name), encoding="utf-8")
        toolsets.own = lambda: Path(folder)
        text = render.render(namespace="trial")
    (HERE / "render.yaml").write_text(text, encoding="utf-8")
    toolsets.own = own
    (HERE / "jobs.yaml").write_text(golden(), encoding="utf-8")


if __name__ == "__main__":
    main()
