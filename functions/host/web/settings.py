"""What an operator sets for every tool whose calls are exchanges with a server."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from functions.host.web.limits import ExchangeLimits


class ExchangeSettings(BaseSettings):
    """The settings that all these tools have; each says how far they may go, and by default do."""

    timeout: float
    max_bytes: int

    @property
    def limits(self) -> ExchangeLimits:
        """What one exchange may take."""
        prefix = self.model_config["env_prefix"]
        variables = f"{prefix}TIMEOUT", f"{prefix}MAX_BYTES"
        return ExchangeLimits(self.timeout, self.max_bytes, *variables)
