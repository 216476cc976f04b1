"""The form that every group of settings has."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A group of settings: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)
