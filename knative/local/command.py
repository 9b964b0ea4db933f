"""What `python -m knative.local` does: run a platform on this machine until Ctrl-C or SIGTERM.

Exit codes: 0 stopped on request, 1 could not start (the reason on stderr), 2 bad usage: an
option, a setting, a manifest, or a port or a data folder that another one uses, 130 or 143 ended
at once by a second signal.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from knative.local.folder import FolderInUse
from knative.local.listener import PortInUse
from knative.local.runtime import run
from knative.local.tables import StoreError
from knative.settings import Settings, explained

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILURE, USAGE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; returns the exit code."""
    options = _parser().parse_args(arguments)
    given = {name: value for name, value in vars(options).items() if value is not None}
    try:
        run(Settings(**given))
    except ValidationError as error:
        return _fail(explained(error), USAGE)
    except (FolderInUse, PortInUse, ValueError) as error:
        return _fail(str(error), USAGE)
    except (StoreError, OSError) as error:
        return _fail(str(error), FAILURE)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m knative.local",
        description="Run Tendril's platform on this machine; every option is a TENDRIL_ setting.",
    )
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (8080); 0 takes a free one")
    parser.add_argument("--data", type=Path, help="folder of everything it keeps (./.tendril)")
    parser.add_argument("--tools", help="folders of your own tools, separated like PATH")
    return parser


def _fail(reason: str, code: int) -> int:
    sys.stderr.write(f"cannot start: {reason}\n")
    return code
