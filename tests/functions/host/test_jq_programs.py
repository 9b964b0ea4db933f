"""The jq worker's compiled programs: pure, with a compiler that counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from functions.host.jq.worker import PROGRAMS_KEPT, Programs, answer


@dataclass
class Compiler:
    """Compiles a program to one that gives its own text."""

    compiled: Counter[str] = field(default_factory=Counter)

    def __call__(self, text: str) -> Compiled:
        if text == "broken":
            raise ValueError("broken")
        self.compiled[text] += 1
        return Compiled(text)


@dataclass
class Compiled:
    text: str

    def input_text(self, data: str) -> list[str]:
        return [f"{self.text} of {data}"]


def test_a_program_is_compiled_once() -> None:
    """However often a program is evaluated, it is compiled once; every text is its own program."""
    compiler = Compiler()
    programs = Programs(compiler)
    for data in ("1", "2", "3"):
        for text in (".a", ".b"):
            assert answer(programs, b"E", text, data, 100) == [b"V", f"{text} of {data}".encode()]
    assert answer(programs, b"C", ".a", "", 100) == [b"V", b"null"]
    assert compiler.compiled == {".a": 1, ".b": 1}


def test_the_program_used_longest_ago_is_dropped() -> None:
    """The kept programs are bounded; one that is in use stays, however old it is."""
    compiler = Compiler()
    programs = Programs(compiler)
    for number in range(PROGRAMS_KEPT + 1):
        programs.compiled(f".a{number}")
        programs.compiled(".a0")
    programs.compiled(".a1")
    assert compiler.compiled[".a0"] == 1
    assert compiler.compiled[".a1"] == 2
    assert compiler.compiled[f".a{PROGRAMS_KEPT}"] == 1


def test_what_does_not_compile_is_not_kept() -> None:
    """A program that is wrong is wrong each time, and takes nobody's place."""
    compiler = Compiler()
    programs = Programs(compiler)
    for number in range(PROGRAMS_KEPT):
        programs.compiled(f".a{number}")
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            programs.compiled("broken")
    programs.compiled(".a0")
    assert compiler.compiled[".a0"] == 1
