"""A process that writes documents into a collection's file: FILE NAME [HOW MANY]."""

from __future__ import annotations

import sys
from pathlib import Path

from functions.text_collection.index import Entry, Index, Row


def main(file: Path, name: str, many: int) -> None:
    """Write documents of one passage each, with an empty vector."""
    for number in range(many):
        document = f"{name}-{number}"
        entry = Entry(document, document, document, {}, "hash", "none")
        terms = f"document {name} {number}"
        row = Row(terms, 0, len(terms), None, (), "LATIN", "", terms, document, b"")
        with Index.created(file) as index:
            index.replace(entry, [row])


main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10)
