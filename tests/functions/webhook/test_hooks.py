"""Tests of hook declarations: what may stand in the file, and where a mistake is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from functions.host.secrets import Keyring, SecretMissingError
from functions.webhook.hookfile import HookFile
from functions.webhook.hooks import HooksError, read, source_of

FOLDER = Path(__file__).parents[3] / "functions" / "webhook"


def test_defaults() -> None:
    """A hook needs a type and a decision on verification; the rest has defaults."""
    hook = read("hooks: {a: {type: x.y, verify: none}}", "f")["a"]
    assert (source_of("a", hook), hook.accept, hook.tolerance) == ("/hooks/a", "json", 300)


@pytest.mark.parametrize("text", ["", "hooks: {}", "{}"])
def test_no_hooks(text: str) -> None:
    """A file may declare none."""
    assert read(text or "{}", "f") == {}


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("{type: t}", "f:2:3: .*verify: Field required"),
        ("{type: t, verify: hope}", "f:2:16: .*verify"),
        ("{verify: none}", "f:2:3: .*'type' is missing"),
        ("{type: t, verify: github}", "f:2:3: .*secret"),
        ("{type: t, verify: none, secret: s}", "f:2:3: .*secret"),
        ("{type: t, verify: github, secret: ../s}", "f:2:32: .*secret"),
        ("{type: t, verify: none, colour: red}", "f:2:30: .*colour"),
        ("{type: t, verify: none, source: a b}", "f:2:30: .*URI-reference"),
        ("{type: dev.tendril.x, verify: none}", "f:2:3: .*must not begin"),
        ("{type: t, verify: none, schema: {type: 7}}", "f:2:30: .*no usable JSON schema"),
        ("{type: t, verify: none, schema: {$ref: 'http://h/s'}}", "f:2:30: .*JSON schema"),
        ("{type: t, verify: none, origins: [a]}", "f:2:3: .*origins"),
        ("{type: t, verify: none, maxBytes: 0}", "f:2:30: .*maxBytes"),
        ("{type: t, verify: standard-webhooks, secret: s, idHeader: x}", "f:2:3: .*idHeader"),
        ("{type: t, verify: none, type: u}", "f:2:30: .*twice"),
    ],
)
def test_mistakes(hook: str, said: str) -> None:
    """Each mistake is told with file, line, column and the property."""
    with pytest.raises(HooksError, match=said):
        read(f"hooks:\n  a: {hook}\n", "f")


def test_names() -> None:
    """A hook's name is one path segment."""
    with pytest.raises(HooksError, match="f:1:9"):
        read("hooks: {a/b: {type: t, verify: none}}", "f")


def test_file_that_is_missing(tmp_path: Path) -> None:
    """The default file may be missing; one that was asked for may not."""
    path = tmp_path / "hooks.yaml"
    assert HookFile(path, optional=True).hooks() == {}
    with pytest.raises(HooksError, match="no such file"):
        HookFile(path, optional=False).hooks()


def test_file_that_comes_later(tmp_path: Path) -> None:
    """Hooks declared while the service runs are found."""
    path = tmp_path / "hooks.yaml"
    file = HookFile(path, optional=True)
    assert file.hooks() == {}
    path.write_text("hooks: {a: {type: t, verify: none}}", "utf-8")
    assert set(file.hooks()) == {"a"}


def test_secrets(tmp_path: Path) -> None:
    """A secret comes from the environment first, else from its file; a missing one says where."""
    (tmp_path / "filed-key").write_text("from file\n", "utf-8")
    keyring = Keyring({"TENDRIL_SECRET_SOME_KEY": "from environment"}, tmp_path)
    assert keyring.secret("some-key") == "from environment"
    assert keyring.secret("filed-key") == "from file"
    with pytest.raises(SecretMissingError, match=r"TENDRIL_SECRET_NO_KEY .*no-key"):
        keyring.secret("no-key")


def test_example_in_the_readme() -> None:
    """The README's hooks file is one that is accepted."""
    block = (FOLDER / "README.md").read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    assert set(read(block, "README.md")) == {"ask", "partner", "old"}


def test_service() -> None:
    """The service scales to zero and is no task tool: no Trigger is made for it."""
    service = yaml.safe_load((FOLDER / "service.yaml").read_text("utf-8"))
    annotations = service["spec"]["template"]["metadata"]["annotations"]
    assert service["metadata"] == {"name": "webhook"}
    assert annotations["autoscaling.knative.dev/min-scale"] == "0"
