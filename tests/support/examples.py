"""The specification's examples: how each is run on a platform, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

FAR: Final = "https://serverlessworkflow.io/spec/1.0.0/errors/"
PETS: Final = "petstore.swagger.io/v2/pet"
HOSPITAL: Final = "com.fake-hospital."
ELSEWHERE: Final = {
    "authentication-": "tests/flows/test_authentication.py, with a real authority",
    "run-script-": "tests/flows/test_processes.py, where programs can be confined",
    "run-shell-": "tests/flows/test_processes.py, where programs can be confined",
}
"""Which examples other tests of ours run, by how their names begin."""


@dataclass(frozen=True)
class Example:
    """How one example is run, and what must come of it."""

    input: Any = None
    events: tuple[tuple[str, Any], ...] = ()
    """Types and data of events; they start the flow where it has no other beginning."""
    output: Any = ...
    error: dict[str, Any] | None = None
    """The members of the error that the run must end with."""
    asked: tuple[str, str, Any] | None = None
    """A request that must have been made."""
    failing: dict[str, list[int]] = field(default_factory=dict)
    ends: bool = True
    """Whether it ends by itself; cancelled otherwise, when the request has been made."""
    changed: tuple[str, str] = ("", "")
    """A text that is put in the place of another one."""


def pet(number: int, name: str = "Kim") -> dict[str, Any]:
    """Return a pet as the pet store has it."""
    return {"id": number, "name": name, "status": "available"}


TEMPERATURE, BPM = (
    f"{HOSPITAL}vitals.measurements.temperature",
    f"{HOSPITAL}vitals.measurements.bpm",
)
VITALS = ((TEMPERATURE, {"temperature": 39}), (BPM, {"bpm": 120}))
TRIGGER = (("io.serverlessworkflow.samples.events.trigger.v1", {"n": 1}),)
PATIENT = {"patient": {"fullName": "Ada"}, "room": {"number": 1}}
NO_ENGINE = {"type": f"{FAR}configuration", "detail": "no none-here is installed"}
NOT_IMPLEMENTED = {
    "status": 500,
    "detail": "The workflow '{}:{}' is a work in progress and cannot be run yet",
}
NOTIFIED = [{"payload": {"n": n}, "headers": {}} for n in range(5)]
RUN: Final = {
    # the readings are a list, of which `.data` is none: it faults by its own text
    "accumulate-room-readings": Example(
        events=(
            ("my.home.sensors.temperature", {"reading": 1}),
            ("my.home.sensors.humidity", {"reading": 2}),
        ),
        error={"type": f"{FAR}expression", "instance": "/do/0/consumeReading"},
    ),
    "call-asyncapi-publish": Example(
        {"pet": {"id": 1}, "token": "t"}, asked=("POST", "fake.com/notifications", {"petId": 1})
    ),
    "call-asyncapi-subscribe-consume-amount": Example(output=NOTIFIED),
    # a channel is what documents of AsyncAPI 2 have
    # for ever, but for the server, which ends the stream
    "call-asyncapi-subscribe-consume-forever-foreach": Example(
        error={"type": f"{FAR}communication", "detail": "ended the stream after 7 messages"}
    ),
    "call-asyncapi-subscribe-consume-until": Example(
        output=NOTIFIED, changed=("asyncapi.json", "asyncapi-2.json")
    ),
    "call-asyncapi-subscribe-consume-while": Example(output=NOTIFIED),
    "call-custom-function-cataloged": Example(output={"logged": "information: Hello, world!"}),
    "call-custom-function-inline": Example(output=pet(69)),
    "call-grpc": Example({"user": {"preferredDisplayName": "Ada"}}, output={"name": "Ada"}),
    "call-http-endpoint-interpolation": Example({"petId": 1}, output=pet(1, "Rex")),
    "call-http-endpoint-interpolation-shorthand": Example({"petId": 2}, output=pet(2, "Tom")),
    "call-http-query-headers-expressions": Example(
        {"searchQuery": "Luke"}, output={"name": "Tatooine", "search": "Luke"}
    ),
    "call-http-query-parameters": Example(
        {"searchQuery": "Luke"}, output={"name": "Tatooine", "search": "Luke"}
    ),
    "call-http-redirect": Example(
        {"searchQuery": "Luke"}, output={"name": "Tatooine", "search": "Luke"}
    ),
    # starting a program that fetches another is for operators to allow
    "call-mcp": Example(error={"type": f"{FAR}authorization", "detail": "npx"}),
    "call-openapi": Example(output=[pet(1, "Rex")]),
    "call-openapi-redirect": Example(output=[pet(1, "Rex")]),
    "conditional-task": Example(
        {"customer": {"age": 20}, "bet": 1},
        asked=(
            "POST",
            "superbet-casinos.com/api/bet/on/football",
            {"customer": ".customer", "bet": ".bet"},
        ),
    ),
    "do-multiple": Example(
        {"petId": 1},
        # the first call's output has no `petId`: the template leaves that part empty
        error={"status": 404},
    ),
    "do-single": Example({"petId": 1}, output=pet(1, "Rex")),
    "emit": Example(),
    # without a vet there is nothing to do; with one, `.pets` is asked of a list of events
    "for": Example({"pets": [{"id": 1}]}, output={"pets": [{"id": 1}]}),
    "fork": Example(PATIENT, output={"host": "fake-hospital.com"}),
    "listen-to-all": Example(events=VITALS),
    "listen-to-all read-envelope": Example(events=VITALS),
    "listen-to-any": Example(events=(("com.example.whatever", {"n": 1}),), output=[{"n": 1}]),
    "listen-to-any-filter": Example(
        events=((TEMPERATURE, {"temperature": 37}), (BPM, {"bpm": 50})), output=[{"bpm": 50}]
    ),
    "listen-to-any-forever-foreach": Example(
        # its tasks get the event for their input
        events=(("com.example.gossip", {"roomId": "one"}),),
        asked=("POST", "fake-chat-api.com/room/one", {"event": {"roomId": "one"}}),
        ends=False,
    ),
    "listen-to-any-until-condition": Example(
        events=tuple(("com.example.tick", {"n": n}) for n in range(4))
    ),
    "listen-to-any-until-consumed": Example(
        events=(*VITALS, (f"{HOSPITAL}patient.checked-out", {}))
    ),
    "listen-to-one": Example(
        {"carId": 7},
        events=(("com.virtual-wf-powered-race.events.race.started.v1", {"carId": 7}),),
        # the events that it heard are a list, which has no `carId`
        asked=("POST", "virtual-wf-powered-race.com/api/v4/cars//start", None),
    ),
    "mock-service-extension": Example(output={"host": "fake.com"}),
    "raise-inline": Example(error=NOT_IMPLEMENTED),
    "raise-reusable": Example(error=NOT_IMPLEMENTED),
    "run-subflow": Example({"user": "Ada"}, output={"registered": ".user"}),
    "schedule-cron": Example(asked=("POST", "example.com/api/v1/backup/start", None)),
    "schedule-event-driven": Example(
        events=(
            (
                "com.example.hospital.events.patients.heartbeat.low",
                {"patient": {"id": 1, "vitals": {"bpm": 30}}, "timestamp": "now"},
            ),
        ),
        output={"host": "hospital.example.com"},
    ),
    "set": Example(events=TRIGGER),
    "set-expression": Example(events=TRIGGER),
    "star-wars-homeworld": Example({"id": 1}, output={"name": "Tatooine", "search": None}),
    "switch-then-string": Example(
        {"orderType": "electronic"}, output={"validate": True, "status": "fulfilled"}
    ),
    "try-catch": Example({"petId": 404}, output={"petId": 404}),
    "try-catch-retry-inline": Example({"petId": 31}, output=pet(31), failing={f"{PETS}/31": [503]}),
    "try-catch-retry-reusable": Example(
        {"petId": 32}, output=pet(32), failing={f"{PETS}/32": [503]}
    ),
    "try-catch-then": Example({"petId": 404}, output={"error": "$error"}),
} | {
    # no container engine is needed to run these tests
    name: Example(error=NO_ENGINE)
    for name in (
        "run-container",
        "run-container-cleanup-always",
        "run-container-cleanup-eventually",
        "run-container-stdin-and-arguments",
        "run-container-with-name",
        "run-container-with-pull-policy",
        "run-return-all",
        "run-return-code",
        "run-return-none",
        "run-return-stderr",
    )
}
WAITING: Final = ("wait-duration-inline", "wait-duration-iso8601")
"""Half a minute each: they are started before everything else and looked at after it."""
