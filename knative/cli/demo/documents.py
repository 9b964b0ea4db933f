"""The demo's documents: files read from a folder, as the data of events that announce them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from knative.cli.exits import UsageError

if TYPE_CHECKING:
    from pathlib import Path

ADDED: Final = "com.example.document.added.v1"
SUFFIXES: Final = frozenset({".txt", ".md", ".markdown", ".html", ".htm", ".pdf", ".docx"})
INLINE: Final = 256 * 1024
"""Bytes up to which a document rides in its event; larger ones go to the object store."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file: `id` is its path within the folder."""

    id: str
    content: bytes

    @property
    def key(self) -> str:
        """The key of a large document in the object store."""
        return f"demo/{self.id}"

    def payload(self) -> dict[str, Any]:
        """Return what the event that announces the document says of it."""
        told = {"id": self.id, "filename": self.id.rpartition("/")[2], "source": self.id}
        if len(self.content) > INLINE:
            return {**told, "object": self.key}
        return {**told, "data": base64.b64encode(self.content).decode("ascii")}


def read(folder: Path) -> list[Document]:
    """Return the documents in the folder and the folders under it, by path."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; --documents names one")
    found = [
        Document(file.relative_to(folder).as_posix(), file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix.lower() in SUFFIXES
    ]
    if not found:
        known = ", ".join(sorted(SUFFIXES))
        raise UsageError(f"{folder}: has no documents; the demo reads {known}")
    return found


@dataclass(frozen=True, slots=True)
class Repair:
    """A document that cannot be read, and the same document as it should have been."""

    broken: Document
    whole: Document


def repair(folder: Path) -> Repair:
    """Return what `folder` has for the demo: `NAME.pdf` and beside it `NAME.repaired.pdf`."""
    mended = next(iter(sorted(folder.glob("*.repaired.*"))), None)
    if mended is None:
        raise UsageError(f"{folder}: has no repaired document; the installation is incomplete")
    broken = mended.with_name(mended.name.replace(".repaired", ""))
    return Repair(
        Document(broken.name, broken.read_bytes()), Document(broken.name, mended.read_bytes())
    )


def store_large(documents: list[Document], data: Path) -> None:
    """Put the documents that are too large for an event where the object store keeps them."""
    for document in documents:
        if len(document.content) > INLINE:
            place = data / "objects" / document.key
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(document.content)
