"""Where the raw text of a document lies whose address is a page of a source forge.

Source: serverlessworkflow/specification 1.0.3, `dsl.md`, "Catalogs" and "Using a Custom Function".

Where the specification leaves room: a repository without a branch means its default one (`HEAD`);
a commit is no branch; `https://github.com/owner/repository/path@v1.0.0` is the `function.yaml` in
`path` at that tag or branch. GitLab's addresses are known by their `/-/`, on any host.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_FILE: Final = "function.yaml"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_PAGES: Final = frozenset({"tree", "blob", "raw"})
_GITLAB: Final = re.compile(r"/-/(?:tree|blob)/")


def raw(uri: str) -> str:
    """Return where to fetch what lies at `uri`; itself, unless that is a page of a forge."""
    parts = urlsplit(uri)
    if parts.hostname in {"github.com", "www.github.com"}:
        return _github(parts.path.strip("/").split("/"), uri)
    if parts.hostname == "gitlab.com" and "/-/" not in parts.path:
        return f"{uri.rstrip('/').removesuffix('.git')}/-/raw/HEAD"
    return _GITLAB.sub("/-/raw/", uri, count=1)


def cataloged(root: str, name: str, version: str) -> str:
    """Return where a catalog keeps a version of a function."""
    return f"{raw(root).rstrip('/')}/functions/{name}/{version}/{_FILE}"


def _github(path: list[str], uri: str) -> str:
    owner, repository, *rest = [*path, "", ""] if len(path) == 1 else path
    if not repository:
        return uri
    base = f"https://raw.githubusercontent.com/{owner}/{repository.removesuffix('.git')}"
    if not rest:
        return f"{base}/HEAD"
    if rest[0] in _PAGES and len(rest) > 1:
        ref = rest[1] if _COMMIT.fullmatch(rest[1]) else f"refs/heads/{rest[1]}"
        return "/".join([base, ref, *rest[2:]])
    folder, at, ref = "/".join(rest).rpartition("@")
    return f"{base}/{ref}/{folder}/{_FILE}" if at else uri
