"""Proto documents compiled by protoc, in a process of its own, once for each content."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from functions.host.web.documents import Document

_SECONDS: Final = 20.0
_MOST: Final = 600
_NAME: Final = "document.proto"


async def compiled(document: Document, kept: Path) -> bytes:
    """Return a document's FileDescriptorSet; ToolError (configuration) says what protoc says.

    `kept` is a folder where sets outlive the process, by the digest of their document.
    """
    file = kept / f"{document.digest}.pb"
    if not file.exists():
        made = await _compile(document)
        draft = file.with_suffix(f".{id(made)}")
        await asyncio.to_thread(draft.write_bytes, made)
        draft.replace(file)
    return await asyncio.to_thread(file.read_bytes)


async def _compile(document: Document) -> bytes:
    with TemporaryDirectory(prefix="tendril-proto-") as folder:
        source, target = Path(folder, _NAME), Path(folder, "document.pb")
        await asyncio.to_thread(source.write_bytes, document.content)
        said, code = await _protoc(
            f"--proto_path={folder}",
            "--include_imports",
            f"--descriptor_set_out={target}",
            source.name,
        )
        if code:
            raise unfit(f"{document.uri or 'the document'} does not compile: {_complaint(said)}")
        return await asyncio.to_thread(target.read_bytes)


async def _protoc(*arguments: str) -> tuple[str, int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            _, said = await process.communicate()
    except TimeoutError:
        raise unfit(f"the proto document took protoc longer than {_SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode(errors="replace"), process.returncode or 0


def unfit(reason: str) -> ToolError:
    """Return the error that a document is which describes no callable method."""
    return ToolError(reason, type=ErrorType.CONFIGURATION, title="Unusable proto document")


def _complaint(said: str) -> str:
    """Return what protoc says of the document, without its logging's preamble and paths."""
    lines = said.splitlines()
    own = [line[line.rindex(_NAME) :] for line in lines if f"/{_NAME}:" in line]
    text = " ".join(" ".join(own or lines).split())
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."
