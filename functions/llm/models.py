"""What the llm tool takes and returns."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Message(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["system", "user", "assistant"] = Field(description="Who speaks.")
    content: str | list[dict[str, Any]] = Field(
        description="The text, or the parts of the OpenAI API (text, image_url, ...)."
    )


class In(BaseModel):
    """What to ask a language model: either messages, or a prompt template with variables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: list[Message] = Field(default_factory=list, description="The conversation so far.")
    prompt: str | None = Field(
        default=None, description="A Jinja template of one user message, instead of messages."
    )
    variables: dict[str, Any] = Field(
        default_factory=dict,
        description="The template's values; text in them is never taken for template.",
    )
    system: str | None = Field(default=None, description="A system message to put first.")
    provider: str | None = Field(
        default=None, description="Ask only this configured provider; default: all, in order."
    )
    model: str | None = Field(
        default=None, description="Ask the first provider for this model instead of its own."
    )
    temperature: float | None = Field(
        default=None, ge=0, le=2, description="0 for the likeliest answer."
    )
    top_p: float | None = Field(default=None, gt=0, le=1, description="Nucleus sampling.")
    max_tokens: int = Field(default=1024, ge=1, description="Longest answer, in tokens.")
    stop: list[str] = Field(default_factory=list, max_length=4, description="Texts to stop at.")
    seed: int | None = Field(default=None, description="The same seed gives similar answers.")
    schema_: dict[str, Any] | None = Field(
        default=None,
        alias="schema",
        description="A JSON schema: the answer is JSON of this shape, parsed into `json`.",
    )

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if bool(self.messages) == (self.prompt is not None):
            raise ValueError("give either messages or prompt")
        if self.variables and self.prompt is None:
            raise ValueError("variables belong to a prompt")
        return self


class Usage(BaseModel):
    """Tokens as the provider counted them; 0 where it did not say."""

    input_tokens: int = Field(0, description="Tokens of the question.")
    output_tokens: int = Field(0, description="Tokens of the answer.")
    total_tokens: int = Field(0, description="Both together.")


class Attempt(BaseModel):
    """What became of asking one provider."""

    provider: str = Field(description="Which one.")
    model: str = Field(description="For which model.")
    outcome: Literal["answered", "busy", "unavailable", "resting", "unusable"] = Field(
        description="busy: 429; unavailable: no answer; resting: its circuit is open; unusable: "
        "an answer that is no answer, or not of the schema."
    )
    detail: str | None = Field(default=None, description="Why it did not answer.")
    seconds: float = Field(0.0, description="How long it took.")


class Out(BaseModel):
    """A model's answer."""

    text: str = Field(description="The answer's text.")
    json_: Any = Field(
        default=None, alias="json", description="The answer parsed, where a schema was given."
    )
    model: str = Field(description="The model that answered, as it names itself.")
    provider: str = Field(description="The provider that answered.")
    finish_reason: str = Field(description="stop, length, content_filter or the provider's own.")
    usage: Usage = Field(description="Tokens used by the answer; failed attempts are not in it.")
    attempts: list[Attempt] = Field(description="Every provider asked, in order.")

    model_config = ConfigDict(populate_by_name=True)
