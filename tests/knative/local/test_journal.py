"""Claims about a service's log file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knative.local.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path


def test_rotation_keeps_the_writer(tmp_path: Path) -> None:
    """A file that is too long is copied aside; whoever writes to it goes on at its beginning."""
    journal = Journal(tmp_path / "a.log", longest=10)
    with journal.path.open("ab", buffering=0) as writer:
        writer.write(b"0123456789")
        journal.rotate()
        assert journal.size() == 10
        writer.write(b"x")
        journal.rotate()
        writer.write(b"new")
    assert journal.path.read_bytes() == b"new"
    assert (tmp_path / "a.log.1").read_bytes() == b"0123456789x"


def test_tail(tmp_path: Path) -> None:
    """The tail is what was written since, at most its last 2000 characters."""
    journal = Journal(tmp_path / "a.log")
    assert journal.tail() == ""
    journal.path.write_text("before\n")
    start = journal.size()
    assert journal.tail(start) == ""
    with journal.path.open("a") as file:
        file.write("since\n")
    assert journal.tail(start) == "since"
    journal.path.write_text("y" * 5000)
    assert journal.tail(start) == "y" * 2000
    journal.path.write_text("cut")  # rotated meanwhile: shorter than `start`
    assert journal.tail(start) == "cut"
