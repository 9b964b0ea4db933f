"""What the text_collection tool takes, returns and can be told by settings."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Scalar = str | int | float | bool | None
Format = Literal["text", "markdown", "html", "pdf", "docx"]
Mode = Literal["hybrid", "vector", "keyword"]

Collection = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="The collection's name: lower-case letters, digits, `-` and `_`.",
    ),
]
DocumentId = Annotated[
    str,
    Field(min_length=1, max_length=512, description="The document's id within its collection."),
]


class _Closed(BaseModel):
    """A model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Document(_Closed):
    """A document and where its content is: exactly one of text, url, object and data."""

    id: DocumentId
    title: str | None = Field(
        default=None, max_length=1024, description="Shown with results; else taken from content."
    )
    source: str | None = Field(
        default=None,
        max_length=4096,
        description="Where a reader finds the document; else the url, object key or filename.",
    )
    metadata: dict[str, Scalar] = Field(
        default_factory=dict, description="Values that a search may filter on."
    )
    text: str | None = Field(default=None, description="The content itself, inline.")
    url: str | None = Field(default=None, description="Where to fetch the content by HTTP.")
    object: str | None = Field(default=None, description="The content's key in the object store.")
    data: str | None = Field(default=None, description="The content itself, base64.")
    format: Format | None = Field(
        default=None, description="The content's format; else told by the three hints below it."
    )
    media_type: str | None = Field(
        default=None, description="The content's media type, a hint at its format."
    )
    filename: str | None = Field(
        default=None, max_length=1024, description="The content's file name, a hint at its format."
    )

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        given = [n for n in ("text", "url", "object", "data") if getattr(self, n) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"give exactly one of text, url, object and data; found {found}")
        return self

    @property
    def name(self) -> str:
        """What an error message calls this document's content."""
        return self.filename or self.url or self.object or self.id


class Ingest(_Closed):
    """Put a document into a collection, in place of the one with the same id."""

    operation: Literal["ingest"] = Field(description="Which operation this is.")
    collection: Collection = "default"
    document: Document = Field(description="The document to parse, split, embed and index.")


class Delete(_Closed):
    """Take a document out of a collection; one that is not there is no error."""

    operation: Literal["delete"] = Field(description="Which operation this is.")
    collection: Collection = "default"
    document: DocumentId


class Search(_Closed):
    """Find the passages that answer a query best."""

    operation: Literal["search"] = Field(description="Which operation this is.")
    collection: Collection = "default"
    query: str = Field(min_length=1, max_length=2048, description="A question or some words.")
    limit: int = Field(default=5, ge=1, le=100, description="How many passages at most.")
    mode: Mode = Field(
        default="hybrid", description="By meaning (vector), by word (keyword) or both, fused."
    )
    filter: dict[str, Scalar | list[Scalar]] = Field(
        default_factory=dict,
        description="Metadata that must hold: a value to equal, or a list that contains it.",
    )


class In(RootModel[Annotated[Ingest | Delete | Search, Field(discriminator="operation")]]):
    """One operation on a collection."""


class Ingested(_Closed):
    """What became of an ingested document."""

    operation: Literal["ingest"] = Field(default="ingest", description="Which operation it was.")
    collection: str = Field(description="The collection it is in.")
    document: str = Field(description="The document's id.")
    title: str = Field(description="The title that results show.")
    outcome: Literal["added", "replaced", "skipped"] = Field(
        description="`skipped`: the same content and metadata were there already."
    )
    chunks: int = Field(description="How many passages the document has.")
    embedded: int = Field(description="How many of them had to be embedded now.")
    hash: str = Field(description="sha256 of the content, its metadata and how it was indexed.")


class Deleted(_Closed):
    """Whether a deleted document had been there."""

    operation: Literal["delete"] = Field(default="delete", description="Which operation it was.")
    collection: str = Field(description="The collection's name.")
    document: str = Field(description="The document's id.")
    deleted: bool = Field(description="False when it was not there.")


class Position(_Closed):
    """Where a passage stands in its document's text."""

    start: int = Field(description="Offset of its first character in the parsed text.")
    end: int = Field(description="Offset after its last character.")
    page: int | None = Field(default=None, description="The page it is on, from 1 (PDF).")
    headings: list[str] = Field(
        default_factory=list, description="The headings above it, outermost first."
    )


class Result(_Closed):
    """One passage found."""

    document: str = Field(description="The document's id.")
    title: str = Field(description="The document's title.")
    source: str = Field(description="Where a reader finds the document.")
    text: str = Field(description="The passage, exactly as it stands in the parsed text.")
    score: float = Field(description="What results are ordered by; comparable within one search.")
    similarity: float | None = Field(
        default=None, description="Cosine to the query; absent when found by word only."
    )
    keyword: float | None = Field(
        default=None, description="BM25, higher is better; absent when found by meaning only."
    )
    position: Position = Field(description="Where it stands in the document.")
    metadata: dict[str, Scalar] = Field(description="The document's metadata.")


class Found(_Closed):
    """The passages found, best first."""

    operation: Literal["search"] = Field(default="search", description="Which operation it was.")
    collection: str = Field(description="The collection's name.")
    query: str = Field(description="The query.")
    results: list[Result] = Field(description="Best first; empty when nothing was found.")


class Out(RootModel[Annotated[Ingested | Deleted | Found, Field(discriminator="operation")]]):
    """The operation's result."""


class Settings(BaseSettings):
    """Read from the environment, prefix TENDRIL_TEXT_COLLECTION_."""

    model_config = SettingsConfigDict(
        env_prefix="TENDRIL_TEXT_COLLECTION_", env_file=".env", extra="ignore"
    )

    chunk_size: int = Field(
        default=200, ge=32, le=400, description="most tokens in a passage; the model reads 512"
    )
    threads: int = Field(
        default=0, ge=0, le=256, description="threads that embed; 0 takes one per processor"
    )
    max_document_bytes: int = Field(
        default=20 * 1024 * 1024, ge=1, description="largest document accepted, in bytes"
    )
    parse_seconds: float = Field(
        default=60.0, gt=0, description="longest that reading one document may take"
    )
    parse_memory_bytes: int = Field(
        default=1024 * 1024 * 1024,
        ge=128 * 1024 * 1024,
        description="most memory that reading one document may take",
    )
