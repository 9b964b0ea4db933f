"""One behaviour, every object store: a folder, and S3 by two real servers on loopback."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.errors import ErrorType, RetryableError, ToolError
from functions.host.objects import ObjectKeyError, ObjectMissing, ObjectStore, open_store
from functions.host.objects.folder import FolderStore
from functions.host.objects.port import check_key
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUCKET = "objects"
LARGE = 48 * 1024 * 1024
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret"}


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return once `condition` holds; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.02)


class Server:
    """A real S3 server process that can be killed and started again at the same port."""

    def __init__(self, command: list[str], port: int) -> None:
        self.command = command
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The store's URL, under a prefix."""
        return f"s3://{BUCKET}/under/here?endpoint=http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process and wait until it serves the bucket."""
        self.process = subprocess.Popen(
            self.command,
            env=os.environ | CREDENTIALS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._serves, 60)

    def read(self) -> int:
        """Return the bytes the process has read since it started."""
        assert self.process is not None
        return int(psutil.Process(self.process.pid).io_counters().read_chars)

    def kill(self) -> None:
        """End the process without asking."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _serves(self) -> bool:
        s3 = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            config=Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1}),
        )
        try:
            if BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
                s3.create_bucket(Bucket=BUCKET)
            s3.put_object(Bucket=BUCKET, Key="probe", Body=b"x")
        except (BotoCoreError, ClientError):
            return False
        finally:
            s3.close()
        return True


def _beside_python(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} has no wheel for this machine")
    return found


@pytest.fixture(scope="module", autouse=True)
def credentials() -> Iterator[None]:
    """Give boto3 what any of the servers takes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def moto() -> Iterator[Server]:
    """Serve S3 from memory."""
    port = free_port()
    command = [_beside_python("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    server = Server(command, port)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve S3 from a disk, so that a killed server comes back with what it had."""
    folder = tmp_path_factory.mktemp("seaweedfs")
    parts = ["master", "volume", "filer", "s3"]
    ports = [free_port() for _ in range(2 * len(parts))]
    flags = [f"-{part}.port={ports[2 * i]}" for i, part in enumerate(parts)]
    flags += [f"-{part}.port.grpc={ports[2 * i + 1]}" for i, part in enumerate(parts)]
    fixed = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.port.iceberg=0"]
    small = ["-volume.max=8", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"]
    command = [_beside_python("weed"), "server", f"-dir={folder}", *fixed, *small, *flags]
    server = Server(command, ports[6])
    server.start()
    yield server
    server.kill()


@pytest.fixture(params=["folder", "moto", "seaweedfs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """Each implementation in turn, opened by its URL."""
    if request.param == "folder":
        return open_store(f"file://{tmp_path}/objects")
    server: Server = request.getfixturevalue(request.param)
    return open_store(server.url.replace("/here", f"/{secrets.token_hex(4)}"))


async def test_what_was_put_is_got(store: ObjectStore) -> None:
    """Any bytes come back, also none at all and a mebibyte."""
    for data in (b"", b"\x00\xff", secrets.token_bytes(1 << 20)):
        await store.put("runs/1/value", data)
        assert await store.get("runs/1/value") == data
        assert await store.exists("runs/1/value")


async def test_a_put_replaces(store: ObjectStore) -> None:
    """The last put counts, also when it is shorter."""
    await store.put("a", b"a long value")
    await store.put("a", b"short")
    assert await store.get("a") == b"short"


async def test_a_missing_object_is_told_apart(store: ObjectStore) -> None:
    """Getting what is not there raises ObjectMissing, naming the key."""
    await store.put("there/object", b"x")
    for key in ("no", "there", "there/object/below"):
        assert not await store.exists(key)
        with pytest.raises(ObjectMissing, match=key):
            await store.get(key)


async def test_a_delete_is_idempotent(store: ObjectStore) -> None:
    """Deleting removes the object, and deleting nothing is no error."""
    await store.put("gone/soon", b"x")
    for _ in range(2):
        await store.delete("gone/soon")
        assert not await store.exists("gone/soon")
    await store.delete("never/was")
    assert await store.list("") == []


async def test_a_list_has_the_keys_with_the_prefix(store: ObjectStore) -> None:
    """A prefix is a string, not a folder; the keys are whole and sorted."""
    keys = ["runs/1/a", "runs/1/b/c", "runs/10/a", "other"]
    for key in keys:
        await store.put(key, b"x")
    assert await store.list("") == sorted(keys)
    assert await store.list("runs/1") == ["runs/1/a", "runs/1/b/c", "runs/10/a"]
    assert await store.list("runs/1/") == ["runs/1/a", "runs/1/b/c"]
    assert await store.list("nothing/here") == []


async def test_keys_are_any_text(store: ObjectStore) -> None:
    """Spaces, dots, signs and Chinese are ordinary in a key."""
    keys = ["dir.d/a b+c%20=&?#.txt", "文档/季度 报告.pdf", ".github/x", "a..b/...c", "naïve~'\""]
    for key in keys:
        await store.put(key, key.encode())
    assert await store.list("") == sorted(keys)
    assert [await store.get(key) for key in keys] == [key.encode() for key in keys]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/etc/passwd",
        "a/",
        "a//b",
        "..",
        "../up",
        "a/../../up",
        "a/./b",
        "a\\..\\b",
        "nul\x00",
        "line\nbreak",
        "\ud800",
        ".incoming/x",
        "x" * 256,
        "x/" * 600 + "x",
    ],
)
async def test_a_key_cannot_leave_the_store(store: ObjectStore, key: str) -> None:
    """Every operation refuses a malformed key, saying which and why."""
    for attempt in (store.put(key, b"x"), store.get(key), store.delete(key), store.exists(key)):
        with pytest.raises(ObjectKeyError, match="no object key") as caught:
            await attempt
        assert caught.value.problem.type == ErrorType.VALIDATION


async def test_concurrent_puts_leave_one_whole(store: ObjectStore) -> None:
    """Of values put at once, one wins as a whole, and readers never see a mixture."""
    values = [bytes([n]) * 100_000 for n in range(6)]
    await store.put("one", values[0])

    async def read() -> bytes:
        return await store.get("one")

    puts = [store.put("one", value) for value in values]
    reads = [read() for _ in range(6)]
    results: list[Any] = await asyncio.gather(*puts, *reads)
    assert all(seen in values for seen in results[len(puts) :])
    assert await store.get("one") in values


@given(st.text())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_an_accepted_key_stays_below_the_root(key: str) -> None:
    """Whatever passes the check is a proper descendant of any folder."""
    try:
        checked = check_key(key)
    except ObjectKeyError:
        return
    inside = os.path.normpath(f"/root/{checked}")
    assert inside == f"/root/{checked}"
    assert inside.startswith("/root/")


@pytest.mark.parametrize(
    "url",
    ["", "objects", "http://host/x", "file://host/x", "file:relative", "s3:///x", "s3://b?zone=1"],
)
def test_a_wrong_url_says_what_is_wrong(url: str) -> None:
    """A URL that names no store is a configuration error with the setting's name."""
    with pytest.raises(ToolError, match="TENDRIL_OBJECTS") as caught:
        open_store(url)
    assert caught.value.problem.type == ErrorType.CONFIGURATION


async def test_a_missing_bucket_is_a_configuration_error(moto: Server) -> None:
    """A wrong bucket is terminal: no attempt would find it."""
    store = open_store(f"s3://no-such-bucket?endpoint=http://127.0.0.1:{moto.port}")
    with pytest.raises(ToolError, match="NoSuchBucket") as caught:
        await store.put("a", b"x")
    assert not isinstance(caught.value, RetryableError)
    assert caught.value.problem.type == ErrorType.CONFIGURATION


async def test_wrong_credentials_are_terminal(
    seaweedfs: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused signature is an authorization error that says what to check."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ToolError, match="check the credentials") as caught:
        await open_store(seaweedfs.url).get("a")
    assert caught.value.problem.type == ErrorType.AUTHORIZATION


async def test_a_server_dying_in_a_put_leaves_nothing_half_visible(seaweedfs: Server) -> None:
    """The server dies in a large put: retryable until it is back, then the object is whole."""
    store = open_store(seaweedfs.url)
    old, new = b"old", secrets.token_bytes(LARGE)
    await store.put("large", old)
    await store.put("kept", b"before")
    half = seaweedfs.read() + LARGE // 2
    put = asyncio.ensure_future(store.put("large", new))
    await asyncio.to_thread(eventually, lambda: put.done() or seaweedfs.read() > half)
    seaweedfs.kill()
    (error,) = await asyncio.gather(put, return_exceptions=True)
    assert error is None or isinstance(error, RetryableError)
    for attempt in (store.get("kept"), store.put("kept", b"x"), store.list(""), store.exists("k")):
        with pytest.raises(RetryableError, match="did not answer"):
            await attempt
    await asyncio.to_thread(seaweedfs.start)
    assert await store.get("kept") == b"before"
    assert await store.get("large") in ([old, new] if error else [new])
    await store.put("large", new)
    assert await store.get("large") == new


async def test_a_frozen_server_is_an_outage(moto: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and says nothing ends in a retryable error, not in waiting."""
    monkeypatch.setattr("functions.host.objects.s3.READ_SECONDS", 0.3)
    monkeypatch.setattr("functions.host.objects.s3.ATTEMPTS", 1)
    store = open_store(moto.url)
    assert moto.process is not None
    moto.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(RetryableError, match="did not answer"):
            await store.get("a")
    finally:
        moto.process.send_signal(signal.SIGCONT)


WRITER = """
import asyncio, sys
from functions.host.objects import open_store
from tests.support.ports import free_port
async def main():
    store = open_store(sys.argv[1])
    for n in range(1_000_000):
        await store.put("large", bytes([n % 256]) * int(sys.argv[2]))
asyncio.run(main())
"""


async def test_a_process_dying_in_a_put_leaves_nothing_half_visible(tmp_path: Path) -> None:
    """The folder store's writer dies in a put: readers see one value whole; the rest is swept."""
    root = tmp_path / "objects"
    store = FolderStore(root)
    await store.put("small", b"x")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, f"file://{root}", str(LARGE // 4)])
    partial = root / ".incoming"
    try:
        await asyncio.to_thread(eventually, (root / "large").exists)
        await asyncio.to_thread(
            eventually, lambda: any(p.exists() and p.stat().st_size for p in partial.iterdir())
        )
    finally:
        writer.kill()
        writer.wait()
    value = await store.get("large")
    assert len(value) == LARGE // 4
    assert len(set(value)) == 1
    assert await store.list("") == ["large", "small"]
    left = len(list(partial.iterdir()))
    assert store.sweep(time.time()) == 0
    assert store.sweep(time.time() + 7200) == left


async def test_a_key_below_another_objects_key_is_refused_by_the_folder(tmp_path: Path) -> None:
    """A file cannot be a folder as well: the second of the two is refused clearly."""
    store = FolderStore(tmp_path)
    await store.put("a", b"x")
    with pytest.raises(ObjectKeyError, match="folder"):
        await store.put("a/b", b"x")
    await store.put("c/d", b"x")
    with pytest.raises(ObjectKeyError, match="folder"):
        await store.put("c", b"x")
    assert await store.list("") == ["a", "c/d"]


async def test_a_folder_that_cannot_be_written_is_an_outage() -> None:
    """A disk's own trouble is retryable and says which folder."""
    store = FolderStore(Path("/proc/objects"))
    with pytest.raises(RetryableError, match="/proc/objects"):
        await store.put("a", b"x")


async def test_the_folder_gives_no_name_to_pathlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of objects are interned nowhere: some Pythons never forget such strings."""
    seen: list[str] = []
    intern = sys.intern

    def noting(name: str) -> str:
        seen.append(name)
        return intern(name)

    monkeypatch.setattr(sys, "intern", noting)
    store = FolderStore(tmp_path)
    await store.put("rooms/one/object", b"x")
    assert await store.get("rooms/one/object") == b"x"
    assert await store.exists("rooms/one/object")
    assert await store.list("rooms/") == ["rooms/one/object"]
    await store.delete("rooms/one/object")
    assert not {"rooms", "one", "object"} & set(seen)


async def test_deletes_and_puts_share_a_folder(tmp_path: Path) -> None:
    """A put whose folder is pruned by a delete at that moment still arrives."""
    store = FolderStore(tmp_path)

    async def flicker(name: str) -> None:
        for _ in range(60):
            await store.put(f"shared/folder/{name}", b"x")
            await store.delete(f"shared/folder/{name}")

    await asyncio.gather(*(flicker(str(n)) for n in range(4)))
    assert await store.list("") == []
    assert os.listdir(tmp_path) == [".incoming"]  # noqa: PTH208 - async tests have no pathlib
