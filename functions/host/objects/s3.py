"""Objects in a bucket of S3, or of anything that speaks its API."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn

from events.errors import ErrorType, RetryableError, ToolError
from functions.host.objects.port import ObjectMissing, check_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

_MISSING: Final = {"NoSuchKey", "404", "NotFound"}
_DENIED: Final = {401, 403}
_BUSY: Final = {408, 409, 425, 429}
_BUSY_CODES: Final = {"RequestTimeout", "SlowDown", "Throttling"}
_SERVER_ERROR: Final = 500

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 20.0
"""Silence on an open connection, not the length of a transfer."""

ATTEMPTS: Final = 3
"""The client's own tries at one call; after them the ledger's retry policy goes on."""


class S3Store:
    """Objects under `prefix` of a bucket, which must exist.

    Credentials come from where boto3 looks for them (environment, profile, instance role).
    boto3 is imported at the first call, in a thread, as all its calls are.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        region: str | None = None,
    ) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._endpoint = endpoint
        self._region = region
        self._where = f"s3://{bucket}/{prefix}"
        self._client: S3Client | None = None
        self._making = threading.Lock()

    async def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`; one PUT, so it is there whole or not at all."""
        name = self._name(key)
        await self._do(key, lambda s3: s3.put_object(Bucket=self._bucket, Key=name, Body=data))

    async def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        name = self._name(key)
        data: bytes = await self._do(
            key, lambda s3: s3.get_object(Bucket=self._bucket, Key=name)["Body"].read()
        )
        return data

    async def delete(self, key: str) -> None:
        """Remove the object."""
        name = self._name(key)
        await self._do(key, lambda s3: s3.delete_object(Bucket=self._bucket, Key=name))

    async def exists(self, key: str) -> bool:
        """Tell whether there is an object of this key."""
        name = self._name(key)
        try:
            await self._do(key, lambda s3: s3.head_object(Bucket=self._bucket, Key=name))
        except ObjectMissing:
            return False
        return True

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _names(self, s3: S3Client, prefix: str) -> list[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    async def _do(self, key: str, call: Callable[[S3Client], Any]) -> Any:
        return await asyncio.to_thread(self._call, key, call)

    def _call(self, key: str, call: Callable[[S3Client], Any]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call(self._connect())
        except ClientError as error:
            self._answered(key, error.response)
        except BotoCoreError as error:
            raise self._unanswered(key, error) from error

    def _connect(self) -> S3Client:
        with self._making:
            if self._client is None:
                self._client = _client(self._endpoint, self._region)
            return self._client

    def _answered(self, key: str, response: Any) -> NoReturn:
        """Raise what an error answer means."""
        fault = response.get("Error", {})
        code, message = str(fault.get("Code", "")), str(fault.get("Message", ""))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _MISSING:
            raise ObjectMissing(key, self._where) from None
        detail = f"{self._where} answered {status} {code} for {key!r}: {message}"
        if status >= _SERVER_ERROR or status in _BUSY or code in _BUSY_CODES:
            raise RetryableError(detail) from None
        if status in _DENIED:
            advice = f"{detail}; check the credentials and the bucket's policy"
            raise ToolError(advice, type=ErrorType.AUTHORIZATION) from None
        raise ToolError(f"{detail}; check TENDRIL_OBJECTS", type=ErrorType.CONFIGURATION) from None

    def _unanswered(self, key: str, error: Exception) -> ToolError:
        """Return what no answer at all means."""
        from botocore import exceptions as known

        outages = (
            known.ConnectionError,
            known.HTTPClientError,
            known.IncompleteReadError,
            known.MetadataRetrievalError,
            known.CredentialRetrievalError,
        )
        detail = f"{self._where} did not answer for {key!r}: {error}"
        if isinstance(error, outages):
            return RetryableError(f"{detail}; it is tried again")
        return ToolError(f"{detail}; check TENDRIL_OBJECTS", type=ErrorType.CONFIGURATION)

    async def list(self, prefix: str) -> list[str]:
        """Return the sorted keys that start with `prefix`."""
        names = await self._do(prefix, lambda s3: self._names(s3, prefix))
        return sorted(name.removeprefix(self._prefix) for name in names)


def _client(endpoint: str | None, region: str | None) -> S3Client:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        tcp_keepalive=True,
        # the AWS-only checksum trailers are refused by many other servers
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    session = boto3.session.Session()
    return session.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region or session.region_name or "us-east-1",
        config=config,
    )
