"""Reading the settings of a night from profiles, files, the environment and overrides."""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from conf.errors import UsageError
from conf.settings import Settings

PROFILES = Path(__file__).with_name("profiles")
PREFIX = "COVERLIFT_"
DELIMITER = "__"


def load_settings(*, profile: str | None = None, config: Path | None = None, overrides: Iterable[str] = ()) -> Settings:
    """Settings of a night.

    Parameters
    ----------
    profile
        Name of a file in ``conf/profiles``; None takes ``COVERLIFT_PROFILE``, else ``local``.
    config
        A YAML file of the same form, laid over the profile.
    overrides
        ``section.key=value`` texts, laid over the environment; the value is read as YAML.

    Returns
    -------
    Settings
        Later wins: profile < config < environment < overrides.

    Raises
    ------
    UsageError
        When a file is missing or no YAML mapping, a key is unknown (with the nearest known one)
        or a value is wrong (with the key).
    """
    chosen = profile or os.environ.get(f"{PREFIX}PROFILE") or "local"
    files = [_profile_file(chosen), *([_readable(config)] if config else [])]
    _check_environment(os.environ)

    class Sources(Settings, BaseSettings):
        model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=DELIMITER)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            # pydantic-settings takes the earlier source where two have a key.
            layers = [YamlConfigSettingsSource(settings_cls, yaml_file=file) for file in reversed(files)]
            return (init_settings, env_settings, *layers)

    try:
        found = Sources(**_nested(overrides))
    except ValidationError as error:
        raise UsageError(_complaints(error)) from error
    except SettingsError as error:
        raise UsageError(f"The environment's {PREFIX}* settings cannot be read: {error}") from error
    return Settings.model_validate({**found.model_dump(), "profile": chosen})


def dump_settings(settings: Settings) -> str:
    """The resolved settings as YAML that ``--config`` reads back."""
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)


def known_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting as ``section.key``, sections themselves included.

    Examples
    --------
    >>> "world.users" in set(known_keys())
    True
    """
    for name, field in model.model_fields.items():
        yield prefix + name
        for inner in _models_in(field.annotation):
            yield from known_keys(inner, f"{prefix}{name}.")


def unknown_key(key: str) -> str:
    """Sentence about a key that does not exist, naming the nearest one that does.

    Examples
    --------
    >>> unknown_key("world.user")
    "there is no setting 'world.user'; did you mean 'world.users'?"
    """
    known = list(known_keys())
    last = {name.rsplit(".", 1)[-1]: name for name in reversed(known)}
    asked = ".".join(part for part in key.split(".") if not part.isdigit())  # places in lists: policy.rules.0.name
    near = difflib.get_close_matches(asked, known, n=1) or [
        last[name] for name in difflib.get_close_matches(asked.rsplit(".", 1)[-1], last, n=1)
    ]
    hint = f"did you mean {near[0]!r}?" if near else f"sections are {', '.join(Settings.model_fields)}."
    return f"there is no setting {key!r}; {hint}"


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections in ``Range``, ``Range | None`` or ``tuple[Rule, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _profile_file(name: str) -> Path:
    file = PROFILES / f"{name}.yaml"
    known = sorted(path.stem for path in PROFILES.glob("*.yaml"))
    if name not in known:
        raise UsageError(f"There is no profile {name!r}; the profiles are {', '.join(known)}.")
    return file


def _readable(config: Path) -> Path:
    try:
        found = yaml.safe_load(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {config} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {config} is no YAML: {error}") from error
    if found is not None and not isinstance(found, dict):
        raise UsageError(f"--config {config} must hold sections with keys, not a {type(found).__name__}")
    return config


def _nested(overrides: Iterable[str]) -> dict[str, Any]:
    """``["a.b=1"]`` as ``{"a": {"b": 1}}``."""
    nested: dict[str, Any] = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise UsageError(f"-o {override!r} is not of the form section.key=value")
        place = nested
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = yaml.safe_load(value)
    return nested


def _check_environment(environment: Mapping[str, str]) -> None:
    """Refuse ``COVERLIFT_WROLD__USERS``, which pydantic-settings would pass over in silence."""
    for name in environment:
        key = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and DELIMITER in key and key.split(DELIMITER)[0] not in Settings.model_fields:
            raise UsageError(f"Environment {name}: {unknown_key(key.replace(DELIMITER, '.'))}")


def _complaints(error: ValidationError) -> str:
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            inside = next(iter(fault["input"]), "") if isinstance(fault["input"], dict) else ""
            lines.append(unknown_key(f"{key}.{inside}" if inside else key))
        elif fault["type"] == "value_error":  # a sentence of our own says it all
            lines.append(f"{key}: {fault['ctx']['error']}")
        else:
            lines.append(f"{key}: {fault['msg'][0].lower()}{fault['msg'][1:]}, not {fault['input']!r}")
    return "Settings: " + "; ".join(lines)
