"""What an operator may set for the inference service."""

import os
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of the inference service; durations are in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="TENDRIL_INFERENCE_", env_file=".env", extra="ignore", populate_by_name=True
    )

    engine: Literal["auto", "vllm", "embedded"] = Field(
        "auto", description="auto: vllm when it is installed and a model is named, else embedded"
    )
    model: str = Field("", description="vLLM: the model to serve, a folder or a hub's name")
    args: str = Field("", description="vLLM: more arguments of `vllm serve`, in shell words")
    gguf: str = Field("", description="embedded: a GGUF file instead of the packaged SmolLM2")
    threads: int = Field(0, ge=0, description="embedded: threads; 0: the cores but one")
    slots: int = Field(4, ge=1, description="embedded: requests worked on at once")
    context: int = Field(4096, ge=512, description="embedded: tokens that all slots share")
    drain: float = Field(
        10.0, ge=0, description="seconds that running requests may go on at a stop"
    )
    host: str = Field("127.0.0.1", validation_alias="TENDRIL_HOST", description="address to bind")
    port: int = Field(8000, validation_alias="PORT", description="port to listen on")

    @property
    def workers(self) -> int:
        """The threads to compute with.

        One core is left to the rest of the platform: llama.cpp's threads wait for each other
        at every layer, so when one has to share its core all of them crawl (measured on two
        busy cores: 3 tokens/s with two threads, 24 with one).
        """
        return self.threads or max(1, (os.cpu_count() or 1) - 1)
