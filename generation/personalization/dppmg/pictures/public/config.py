"""What a pipeline that is told codes is made of; saved beside its weights."""

from pydantic import ValidationError

from conf.errors import UsageError
from conf.settings import DppmgSettings


class PipelineConfig(DppmgSettings):
    """The section ``dppmg`` of the settings, its pipeline named."""

    generator: str

    @classmethod
    def of(cls, settings: DppmgSettings) -> "PipelineConfig":
        """Of the settings.

        Raises
        ------
        UsageError
            No pipeline is named.
        """
        if settings.generator is None:
            raise UsageError("dppmg.generator names no pipeline: give a local folder or a hub id (docs/dppmg.md)")
        return cls.model_validate(settings.model_dump())

    @classmethod
    def from_json(cls, text: str) -> "PipelineConfig":
        """Of ``model_dump_json``.

        Raises
        ------
        UsageError
            A key that no setting has, or a value that none takes.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as refused:
            first = refused.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise UsageError(f"A pipeline's configuration: {place}: {first['msg']}; train it again") from None
