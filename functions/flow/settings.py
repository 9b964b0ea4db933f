"""What an operator may set for the functions and schemas that flows fetch from elsewhere."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Limits of what one deployment fetches."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_IMPORT_", env_file=".env", extra="ignore")

    timeout: float = Field(10.0, gt=0, description="seconds to fetch a document a flow refers to")
    max_bytes: int = Field(1_048_576, gt=0, description="largest document a flow may refer to")
    most: int = Field(64, gt=0, description="most documents one flow may refer to")
