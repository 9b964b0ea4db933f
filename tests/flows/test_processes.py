"""`run` end to end: scripts and commands of a flow, on a platform that allows them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.confinement import needs_confinement

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform

SPEC = os.environ.get("TENDRIL_SPEC")
FLOW = """
document: {dsl: '1.0.3', namespace: test, name: processes, version: '1.0.0'}
do:
  - count:
      run:
        script:
          language: python
          stdin: '${ .words | join(" ") }'
          code: |
            import sys
            print(len(sys.stdin.read().split()), end="")
      output: {as: '{count: (. | tonumber), words: $input.words}'}
  - aside:
      run:
        await: false
        shell: {command: exit 1}
  - tell:
      run:
        return: all
        shell:
          command: 'echo "$1 words"; echo "$(cat)" >&2; exit 3'
          arguments: ['${ .count }']
          stdin: '${ .words[0] }'
  - bomb:
      try:
        - explode:
            run:
              shell: {command: 'f() { f | f & }; f; sleep 0.3; exit 7'}
      catch:
        errors:
          with: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime'}
        as: err
        do:
          - say: {set: '${ $input + {detail: $err.detail[:29]} }'}
"""
REFUSED = """
document: {dsl: '1.0.3', namespace: test, name: refused, version: '1.0.0'}
do:
  - greet:
      run:
        shell: {command: 'echo "Hello, ${ .user.name }"'}
  - other:
      run:
        script: {language: cobol, code: x}
"""


@pytest.fixture
def environment() -> dict[str, str]:
    """Programs of flows are allowed."""
    return {"TENDRIL_SCRIPT_ALLOW": "true", "TENDRIL_SHELL_ALLOW": "true"}


@needs_confinement
async def test_processes_run_and_the_platform_stays_well(platform: LocalPlatform) -> None:
    """Scripts and commands give what they said; not awaited, the input; a fork bomb, an error.

    What cannot run is refused at the door, with its line.
    """
    await platform.deploy(FLOW)
    run = await platform.run("test/processes", {"words": ["one", "two"]})
    assert run["status"] == "completed", run.get("error")
    assert run["output"] == {
        "code": 3,
        "stdout": "2 words\n",
        "stderr": "one\n",
        "detail": "the process ended with status",
    }
    services = await platform.services()
    assert services["flow"]["state"] == "ready"
    status, answer = await platform.api("POST", "/flows", data=REFUSED.encode())
    assert status == 400
    assert [(error["line"], error["message"][:49]) for error in answer["errors"]] == [
        (6, "'run.shell.command' of task 'greet': an expressio"),
        (9, "'run.script.language' of task 'other': \"cobol\" is"),
    ]


@needs_confinement
@pytest.mark.skipif(SPEC is None, reason="TENDRIL_SPEC names no folder with the specification")
@pytest.mark.skipif(not shutil.which("node"), reason="no node is installed")
async def test_the_specifications_examples_run(platform: LocalPlatform) -> None:
    """Its examples of `run` pass the door; those of scripts and commands say what they should."""
    folder = Path(str(SPEC)) / "examples"
    for file in sorted(folder.glob("run-*.yaml")):
        if file.name != "run-subflow.yaml":
            status, answer = await platform.api("POST", "/flows", data=file.read_bytes())
            # several have one name and version
            assert status in {200, 201, 409}, (file.name, answer)
    expected = {
        "script": "stdin >  Hello Workflow\narg >  hello\nenv >  bar\n",
        "shell": "STDIN was: Hello World\nARGS are Foo Bar\n",
    }
    for kind, output in expected.items():
        run = await platform.run(f"examples/run-{kind}-with-stdin-and-arguments")
        assert run.get("output") == output, run
