"""The command: what it takes, and the order of the story's parts."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from knative.cli import options
from knative.cli.child import started
from knative.cli.console import note
from knative.cli.demo import documents
from knative.cli.demo.story import Stage
from knative.cli.demo.telling import Teller
from knative.cli.demo.watching import Watcher
from knative.cli.exits import CommandError, Exit, UsageError

QUESTION: Final = "What does the Marlow sensor measure?"


def demo(
    documents_: Annotated[
        Path | None, typer.Option("--documents", help="A folder of your own documents.")
    ] = None,
    question: Annotated[str | None, typer.Option(help="What to ask about them.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="A new folder for the data. Default: a temporary one.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Ingest documents, answer a question from them, repair a broken one; then stop it all."""
    if documents_ is not None and question is None:
        raise UsageError("--documents needs --question: what to ask about them")
    examples = examples_folder()
    found = documents.read(documents_ or examples / "documents")
    folder = _new(data)
    teller = Teller(json=json)
    documents.store_large(found, folder)
    shutil.copy(examples / "hooks.yaml", folder)  # where the webhook service looks for hooks
    teller.remark(f"data: {folder}", data=str(folder))
    with started(folder) as platform:
        teller.remark(f"platform: {platform.url}", url=platform.url)
        stage = Stage(platform, teller, Watcher(platform, teller), examples)
        stage.deploy()
        stage.ingest(found)
        stage.ask(question or QUESTION)
        stage.repair(documents.repair(examples / "documents-broken"))
        teller.heading("Everything stops")
    teller.remark(f"stopped; the data is in {folder}", data=str(folder))
    note(f"look again: tendril up --data {folder}")


def examples_folder() -> Path:
    """Return the folder of example flows: in the installed package, or in the clone."""
    packaged = Path(__file__).parents[1] / "examples"
    cloned = Path(__file__).parents[3] / "examples"
    for folder in (packaged, cloned):
        if (folder / "answer.yaml").is_file():
            return folder
    raise CommandError(Exit.FAILURE, f"the examples are not in {packaged} nor in {cloned}")


def _new(data: Path | None) -> Path:
    """Return the demo's data folder, empty."""
    if data is None:
        return Path(tempfile.mkdtemp(prefix="tendril-demo-"))
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise UsageError(f"{data}: is not an empty folder; --data wants a new one")
    data.mkdir(parents=True, exist_ok=True)
    return data.resolve()
