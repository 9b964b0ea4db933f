"""`tendril up`, `render` and `status --settings`: what needs no platform that is up."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from knative.cli.status import masked
from knative.local.folder import held

if TYPE_CHECKING:
    from pathlib import Path


def test_up_refuses_a_port_in_use(tendril: Any) -> None:
    """A port that something listens on is named before anything starts."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = tendril("up", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port {port} cannot be used" in done.stderr
    assert "--port" in done.stderr


def test_up_refuses_a_data_folder_in_use(tendril: Any, tmp_path: Path, closed_url: str) -> None:
    """A folder that another platform holds, or that is none, is named before anything is said."""
    port = closed_url.rpartition(":")[2]
    (tmp_path / "file").touch()
    with held(tmp_path / "held"):
        done = tendril("up", "--port", port, "--data", "held")
    assert (done.returncode, done.stdout) == (2, "")
    assert "held is in use by another platform" in done.stderr
    done = tendril("up", "--port", port, "--data", "file")
    assert (done.returncode, done.stdout) == (2, "")
    assert "file: cannot be the data folder" in done.stderr


@pytest.mark.parametrize("command", [("up",), ("render",), ("status", "--settings")])
def test_a_wrong_setting_is_bad_usage(tendril: Any, command: tuple[str, ...]) -> None:
    """It is named in one line by the commands that read it, and nothing starts."""
    done = tendril(*command, TENDRIL_PORT="many")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("TENDRIL_PORT: Input should be a valid integer")
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_in_the_dotenv_file_is_bad_usage(tendril: Any, tmp_path: Path) -> None:
    """A command that only asks where the platform is names it as well."""
    (tmp_path / ".env").write_text("TENDRIL_PORT=many\n")
    done = tendril("runs", TENDRIL_URL="")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("TENDRIL_PORT: ")


def test_render_prints_the_resources(tendril: Any) -> None:
    """YAML for kubectl, or one JSON List; the namespace goes into each."""
    done = tendril("render", "--namespace", "team")
    assert done.returncode == 0
    assert "kind: Broker" in done.stdout
    listed = json.loads(tendril("render", "--namespace", "team", "--json").stdout)
    assert listed["kind"] == "List"
    assert {"Broker", "Service", "Trigger"} <= {each["kind"] for each in listed["items"]}
    assert {each["metadata"]["namespace"] for each in listed["items"]} == {"team"}


def test_render_prints_jobsinks_for_flows(tendril: Any, tmp_path: Path) -> None:
    """One for each container, which takes a namespace; what can be none goes to stderr."""
    (tmp_path / "f.yaml").write_text(
        "document: {dsl: '1.0.3', namespace: test, name: f, version: '1.0.0'}\n"
        "do:\n"
        "  - a: {run: {container: {image: i, command: c}}}\n"
        "  - b: {run: {container: {image: i}}}\n"
    )
    done = tendril("render", "f.yaml", "--namespace", "team", "--json")
    assert done.returncode == 0
    kinds = [each["kind"] for each in json.loads(done.stdout)["items"]]
    assert kinds.count("JobSink") == 1
    assert done.stderr.startswith("f.yaml:4:15: 'run.container' of task 'b': a Job cannot tell")
    done = tendril("render", "f.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "name the --namespace" in done.stderr


def test_render_names_a_tools_folder_that_is_missing(tendril: Any) -> None:
    """A wrong TENDRIL_TOOLS is the operator's mistake."""
    done = tendril("render", TENDRIL_TOOLS="/nowhere")
    assert done.returncode == 2
    assert "/nowhere" in done.stderr


def test_settings_are_listed_with_values_and_defaults(tendril: Any, platform: Any) -> None:
    """The client's, the runtime's and the functions' settings are all there, each once."""
    done = tendril("status", "--settings", "--json", TENDRIL_EGRESS_ALLOW="10.0.0.0/8")
    assert done.returncode == 0
    settings = {each["name"]: each for each in json.loads(done.stdout)["settings"]}
    assert settings["TENDRIL_URL"]["value"] == platform.url
    assert settings["TENDRIL_EGRESS_ALLOW"]["value"] == "10.0.0.0/8"
    assert settings["TENDRIL_EGRESS_ALLOW"]["default"] == ""
    assert {"TENDRIL_TOOLS", "TENDRIL_LLM_PROVIDERS"} <= set(settings)
    assert all(each["description"] for each in settings.values())
    assert all(name.startswith("TENDRIL_") for name in settings)
    table = tendril("status", "--settings", TENDRIL_EGRESS_ALLOW="10.0.0.0/8")
    assert "10.0.0.0/8" in table.stdout


def test_secrets_are_masked() -> None:
    """Values of secrets, and credentials within URLs, are never shown."""
    key = {"name": "TENDRIL_LLM_API_KEY", "value": "sk-1", "default": ""}
    assert masked(key)["value"] == "***"
    url = {"name": "TENDRIL_LEDGER", "value": "postgresql://me:secret@db/x", "default": ""}
    assert masked(url)["value"] == "postgresql://***@db/x"
    providers = {"name": "TENDRIL_LLM_PROVIDERS", "value": [{"name": "x"}], "default": []}
    assert masked(providers) == providers
    unset = {"name": "TENDRIL_LLM_API_KEY", "value": "", "default": ""}
    assert masked(unset) == unset
