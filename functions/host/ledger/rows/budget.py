"""What runs may use and what they used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spend:
    """What is used of a budget, or set aside for a call."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run, and those it started, may use; None is no limit."""

    run: str
    outer: str | None
    """The run above whose budget this one draws on as well."""
    tokens: int | None
    cost: float | None
    calls: int | None
    until: float | None
    """When its time is over."""
    used: Spend = Spend()
    held: Spend = Spend()
    """What is set aside for the calls that are being made."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What came of asking a budget for a call."""

    refusal: str = ""
    """Why there is no room for it, if there is none."""
    until: float | None = None
    """When the call has to end."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a task used of the budget of its run."""

    budget: str
    spend: Spend
