"""What an operator allows a confined program; durations in seconds, sizes in bytes."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

_MIB = 1 << 20


class Allowance(BaseSettings):
    """The settings that every tool has whose programs come from flows; off by default."""

    allow: bool = Field(default=False, description="whether it runs anything at all")
    timeout: float = Field(60.0, gt=0, le=290, description="seconds a program may take")
    memory: int = Field(
        512 * _MIB, ge=16 * _MIB, description="bytes of memory, of all its processes together"
    )
    processes: int = Field(64, ge=1, description="processes and threads at a time")
    disk: int = Field(
        64 * _MIB, ge=_MIB, description="bytes it may write, in a folder that goes with it"
    )
    max_bytes: int = Field(_MIB, gt=0, description="longest stdout, and longest stderr, in bytes")
    network: bool = Field(default=False, description="whether it may use the host's network")
