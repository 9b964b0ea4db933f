"""What every object of the language has in common, and the shorthands its fields use."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Final, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

T = TypeVar("T")
Fault = tuple[tuple[str | int, ...], str]
"""A broken rule: where, relative to the object, and what to say about it."""

UNKNOWN: Final = "unknown_property"
RULE: Final = "rule"
KEYWORD: Final = "task_keyword"
OWN_ERRORS: Final = frozenset({UNKNOWN, RULE, KEYWORD})
"""The types of the errors that these models add to pydantic's own."""


def dsl_name(field: str) -> str:
    """Return the DSL's spelling of a field: `except_when` is `exceptWhen`, `if_` is `if`."""
    head, *tail = field.rstrip("_").split("_")
    return head + "".join(part.capitalize() for part in tail)


class _Given:
    """Refuses an explicit null where the DSL only allows leaving the property out."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


Maybe = Annotated[T | None, _Given()]
"""A property that may be left out; None then."""


def shape(value: Any) -> str | None:
    """Return the tag of a value that may be a string or an object."""
    if isinstance(value, str):
        return "<text>"
    return "<object>" if isinstance(value, dict | BaseModel) else None


TextOr = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[T, Tag("<object>")],
    Discriminator(
        shape,
        custom_error_type=RULE,
        custom_error_message="expected a string or an object",
    ),
]
"""A string (a name, or a runtime expression) or an object in its place."""

JsonMap = dict[str, Any]
"""Free-form content: the DSL does not look inside."""


class Node(BaseModel):
    """One object of a definition: frozen, and closed unless the DSL leaves it open."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=dsl_name,
        # schemas are built when the first flow is read, once, not at import: cold starts
        defer_build=True,
    )
    one_of: ClassVar[tuple[str, ...]] = ()
    """The properties of which exactly one must be there, if the DSL says so."""

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Yield the broken rules that concern several properties together."""
        given = [name for name in cls.one_of if name in value]
        if cls.one_of and len(given) != 1:
            found = " and ".join(f"'{name}'" for name in given) or "none of them"
            yield (), f"expected exactly one of {', '.join(cls.one_of)}; found {found}"

    @classmethod
    def properties(cls) -> list[str]:
        """Return the DSL's names of the properties, in the order of the reference."""
        return [dsl_name(field) for field in cls.model_fields]

    def definition(self) -> JsonMap:
        """Return the plain JSON as it was written (key order apart)."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @model_validator(mode="wrap")
    @classmethod
    def _explained(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Add to the errors what only this object knows: its properties and its rules."""
        faults = list(cls.rules(value)) if isinstance(value, dict) else []
        details = [_detail(loc, value, message) for loc, message in faults]
        try:
            node = handler(value)
        except ValidationError as error:
            details = [*cls._details(error), *details]
            raise ValidationError.from_exception_data(cls.__name__, details) from None
        if details:
            raise ValidationError.from_exception_data(cls.__name__, details)
        return node

    @classmethod
    def _details(cls, error: ValidationError) -> Iterator[InitErrorDetails]:
        for item in error.errors(include_url=False):
            kind: str | PydanticCustomError = item["type"]
            context = item.get("ctx", {})
            if kind == "extra_forbidden" and len(item["loc"]) == 1:
                kind = PydanticCustomError(UNKNOWN, "unknown", {"expected": cls.properties()})
            elif kind in OWN_ERRORS:
                kind = PydanticCustomError(item["type"], "{message}", _said(item["msg"], context))
            yield InitErrorDetails(type=kind, loc=item["loc"], input=item["input"], ctx=context)


def rule(message: str) -> PydanticCustomError:
    """Return the error for a value that breaks a rule of the DSL, told in plain words."""
    return PydanticCustomError(RULE, "{message}", {"message": message})


def _said(message: str, context: JsonMap) -> JsonMap:
    return context if "message" in context else {"message": message, **context}


def _detail(loc: tuple[str | int, ...], value: Any, message: str) -> InitErrorDetails:
    return InitErrorDetails(type=rule(message), loc=loc, input=value)
