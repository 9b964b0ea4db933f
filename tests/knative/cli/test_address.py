"""Which platform the commands talk to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knative.cli.address import Address, find

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TENDRIL_URL is taken before `.env` and before the data folder's note."""
    _note(tmp_path, monkeypatch)
    (tmp_path / ".env").write_text("TENDRIL_URL=http://dotenv:1\n")
    monkeypatch.setenv("TENDRIL_URL", "http://named:1/")
    assert find() == Address("http://named:1", named=True)


def test_dotenv_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` is taken before the data folder's note."""
    _note(tmp_path, monkeypatch)
    (tmp_path / ".env").write_text("TENDRIL_URL=http://dotenv:1\n")
    assert find() == Address("http://dotenv:1", named=True)


def test_then_the_data_folders_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform leaves its URL in its data folder."""
    _note(tmp_path, monkeypatch)
    assert find() == Address("http://127.0.0.1:9", named=False)


def test_then_the_usual_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any word it is port 8080; a note that is not readable is no word."""
    _note(tmp_path, monkeypatch)
    (tmp_path / ".tendril" / "platform.json").write_text("{")
    assert find() == Address("http://127.0.0.1:8080", named=False)


def _note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENDRIL_URL", raising=False)
    monkeypatch.delenv("TENDRIL_DATA", raising=False)
    monkeypatch.chdir(folder)
    (folder / ".tendril").mkdir()
    (folder / ".tendril" / "platform.json").write_text('{"url": "http://127.0.0.1:9", "pid": 1}')
