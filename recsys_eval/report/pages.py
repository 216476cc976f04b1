"""What every page of the report is laid out with."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def page_environment() -> Environment:
    """Templates of the report: everything that is filled in is escaped, and a name that is not told is an error."""
    return Environment(
        loader=PackageLoader("recsys_eval.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
