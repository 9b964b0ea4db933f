"""What the platform answers itself when it cannot pass a request on, as RFC 7807 problems."""

from __future__ import annotations

import json
from typing import Final

from knative.delivery import Response
from knative.local.admission import Overloaded
from knative.local.instance import StartFailed
from knative.local.revision import Stopping

UNSERVED: Final = (Overloaded, Stopping, StartFailed)
PROBLEM: Final = "application/problem+json"


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """An answer of the platform in place of the service's."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail

    def response(self) -> Response:
        """Return it as an HTTP answer."""
        problem = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        body = json.dumps(problem, ensure_ascii=False).encode()
        headers = [("content-type", PROBLEM), ("content-length", str(len(body)))]
        if self.status == 503:  # noqa: PLR2004 - HTTP
            headers.append(("retry-after", "1"))
        return Response(self.status, headers, body)


def refusal(service: str, error: Overloaded | Stopping | StartFailed) -> Refusal:
    """Return the answer for what kept a request from `service`."""
    match error:
        case Overloaded():
            detail = f"{service} serves and queues as many requests as containerConcurrency allows"
            return Refusal(503, "Service Unavailable", detail)
        case Stopping():
            return Refusal(503, "Service Unavailable", "the platform is stopping")
        case StartFailed():
            log = f"\n{error.tail}" if error.tail else ""
            detail = f"{service} {error.reason}; see `tendril logs {service}`{log}"
            return Refusal(502, "Bad Gateway", detail)
