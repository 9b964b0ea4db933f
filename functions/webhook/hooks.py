"""What a hook declaration says, as typed values with positions in their errors."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

import jsonschema_rs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from events import source as yaml
from events.envelope import EnvelopeError, create
from events.pointer import escaped

RESERVED: Final = ("dev.tendril.", "io.serverlessworkflow.")
"""Types that only the platform itself may send; a delivery never has one."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]


class HooksError(ValueError):
    """A hooks file that cannot be used: file, line, column, and what is wrong there."""


class Hook(BaseModel):
    """One receiver: whose deliveries it takes and which events they become."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    type: str | None = None
    source: str | None = None
    verify: Literal["standard-webhooks", "github", "bearer", "none"]
    secret: Name | None = None
    tolerance: float = Field(300.0, gt=0, description="seconds a signed timestamp may be off")
    id_header: str | None = None
    json_schema: dict[str, Any] | bool | None = Field(None, alias="schema")
    max_bytes: int = Field(1024 * 1024, gt=0)
    accept: Literal["json", "cloudevents"] = "json"
    origins: tuple[str, ...] = ()
    retired: bool = False

    _validator: Any = PrivateAttr(None)

    @field_validator("json_schema")
    @classmethod
    def _compiles(cls, schema: dict[str, Any] | bool | None) -> dict[str, Any] | bool | None:
        _compiled(schema)
        return schema

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if (self.verify == "none") == (self.secret is not None):
            raise ValueError("'secret' goes with every 'verify' but none, and names a secret")
        if self.type is None and self.accept == "json":
            raise ValueError("'type' is missing: which event does a delivery become?")
        if self.type and self.type.startswith(RESERVED):
            raise ValueError(f"'type' must not begin with {' or '.join(RESERVED)}")
        if self.id_header and self.verify == "standard-webhooks":
            raise ValueError("'idHeader' would overrule webhook-id, which is the signed one")
        if self.origins and self.accept == "json":
            raise ValueError("'origins' belongs to 'accept: cloudevents'")
        self._validator = _compiled(self.json_schema)
        return self

    def faults(self, value: Any) -> list[dict[str, str]]:
        """Return where `value` breaks the schema: JSON pointers and messages, ten at most."""
        if self._validator is None:
            return []
        found = []
        for error in self._validator.iter_errors(value):
            pointer = "".join(f"/{escaped(step)}" for step in error.instance_path)
            found.append({"field": pointer, "message": error.message})
            if len(found) == _SHOWN:
                break
        return found


_SHOWN: Final = 10


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    hooks: dict[Name, Hook] = Field(default_factory=dict)


def read(text: str, file: str) -> dict[str, Hook]:
    """Read a hooks file: hooks by name; raise HooksError with position at the first mistake."""
    try:
        document = yaml.read(text, file)
    except yaml.SourceError as error:
        raise HooksError(str(error)) from None
    try:
        hooks = _File.model_validate(document.value or {}).hooks
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = tuple(step for step in first["loc"] if step != "[key]")
        reason = f"{'.'.join(map(str, path)) or 'the file'}: {first['msg']}"
        raise HooksError(f"{document.at(path)}: {reason}") from None
    for name, hook in hooks.items():
        _check_attributes(name, hook, document)
    return hooks


def source_of(name: str, hook: Hook) -> str:
    """Return the `source` of a hook's events."""
    return hook.source or f"/hooks/{name}"


def _check_attributes(name: str, hook: Hook, document: yaml.Document) -> None:
    try:
        create(id="1", source=source_of(name, hook), type=hook.type or "any")
    except EnvelopeError as error:
        position = document.at(("hooks", name, error.attribute))
        raise HooksError(f"{position}: hooks.{name}.{error}") from None


def _compiled(schema: dict[str, Any] | bool | None) -> Any:
    if schema is None:
        return None
    try:
        return jsonschema_rs.validator_for(schema, validate_formats=True, retriever=_no_fetching)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise ValueError(f"is no usable JSON schema: {str(error).splitlines()[0]}") from None


def _no_fetching(reference: str) -> Any:
    raise ValueError(f"{reference} is not in this schema, and schemas are never fetched")
