"""Real brokers of messages as processes, with a user and with TLS, on free ports of loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.certificates import Certificate

USER, PASSWORD = "ada", "pa55word"
_START_SECONDS = 60


@dataclass(frozen=True)
class Broker:
    """Where a broker listens; it knows one user."""

    port: int
    secure: int
    """The port that is reached over TLS."""


@contextmanager
def mosquitto(folder: Path, certificate: Certificate) -> Iterator[Broker]:
    """Run an MQTT broker, of 3.1.1 and 5."""
    program, made = _program("mosquitto"), Broker(free_port(), free_port())
    passwords = folder / "passwords"
    passwd = _program("mosquitto_passwd")
    subprocess.run([passwd, "-b", "-c", str(passwords), USER, PASSWORD], check=True)
    file = folder / "mosquitto.conf"
    file.write_text(
        f"user root\nallow_anonymous false\npassword_file {passwords}\n"
        f"listener {made.port} 127.0.0.1\nlistener {made.secure} 127.0.0.1\n"
        f"certfile {certificate.file}\nkeyfile {certificate.key}\n"
    )
    with _running(made, [program, "-c", str(file)]):
        yield made


@contextmanager
def nats_server(certificate: Certificate | None) -> Iterator[Broker]:
    """Run a NATS server, which at its one port asks for TLS, or does not have it."""
    made = Broker(port := free_port(), port)
    program = str(Path(sys.executable).with_name("nats-server"))
    login = ("--user", USER, "--pass", PASSWORD)
    tls: tuple[str, ...] = ()
    if certificate:
        tls = ("--tls", "--tlscert", str(certificate.file), "--tlskey", str(certificate.key))
    with _running(made, [program, "-a", "127.0.0.1", "-p", str(port), *login, *tls]):
        yield made


@contextmanager
def redis(folder: Path, certificate: Certificate) -> Iterator[Broker]:
    """Run a Redis server."""
    program, made = _program("redis-server"), Broker(free_port(), free_port())
    file = folder / "redis.conf"
    file.write_text(
        f"bind 127.0.0.1\nport {made.port}\ntls-port {made.secure}\ntls-auth-clients no\n"
        f"tls-cert-file {certificate.file}\ntls-key-file {certificate.key}\n"
        f"user default off\nuser {USER} on >{PASSWORD} ~* &* +@all\n"
        f'save ""\ndir {folder}\n'
    )
    with _running(made, [program, str(file)]):
        yield made


@contextmanager
def rabbitmq(folder: Path, certificate: Certificate) -> Iterator[Broker]:
    """Run a RabbitMQ node that is alone; the daemon that it starts to be found is ended too."""
    program, made = _program("rabbitmq-server"), Broker(free_port(), free_port())
    # Debian's is a link to a wrapper that becomes another user, who owns none of these folders
    inner = Path(program).resolve().with_name("rabbitmq-server")
    names = str(free_port())
    (folder / "plugins").write_text("[].")
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{made.port}\nlisteners.ssl.1 = 127.0.0.1:{made.secure}\n"
        f"ssl_options.certfile = {certificate.file}\nssl_options.keyfile = {certificate.key}\n"
        f"default_user = {USER}\ndefault_pass = {PASSWORD}\n"
    )
    environment = {
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": names,
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_NODENAME": "tests@localhost",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }
    try:
        with _running(made, [str(inner)], environment):
            yield made
    finally:
        given = {**os.environ, **environment}
        subprocess.run(["epmd", "-kill"], env=given, check=False, capture_output=True)


def _program(name: str) -> str:
    """Return where a program is; without it the test is skipped."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip(f"no {name} is on the PATH")
    return found


@contextmanager
def _running(
    broker: Broker, command: list[str], environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + _START_SECONDS
        while not all(_listens(port) for port in (broker.port, broker.secure)):
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < end, f"{command[0]} does not listen"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
