"""Settings of the care of a home: how long what nobody needs any more stays."""

from pydantic import Field

from conf.section import Section


class MaintainSettings(Section):
    """What ``coverlift maintain`` removes; a night never asks them."""

    version_days: float = Field(default=7, ge=1)
    """Days for which every version of every table can be read after it was replaced."""
    orphan_days: float | None = Field(default=7, ge=1)
    """Age in days from which a picture goes that nothing names; None never looks, as it must be where several homes
    share ``lake.images_url``."""
    log_days: float = Field(default=30, ge=1)
    """Days that files under ``HOME/logs`` stay after their last line."""
    notice_days: float = Field(default=30, ge=1)
    """Days that the desk remembers a notice of its hook after it was delivered or given up."""
    partition_days: dict[str, int] = Field(default_factory=dict)
    """Days of ``ds`` that a table keeps, by its name, the night included; a table that is not named keeps all."""
