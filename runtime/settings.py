"""
Where settings come from: defaults < file < environment < `--set`.

A key that does not exist is an error that names the nearest one that does, wherever it was given.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from runtime.config import Config
from runtime.errors import ConfigError

ENVIRONMENT_PREFIX = "SESSIONTRAIL_"
# What a secret is shown as.
HIDDEN = "***"
# Kubernetes puts such variables into every pod beside a service that is named sessiontrail.
_KUBERNETES = re.compile(r"SESSIONTRAIL_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_\w+)?)")
# ${env:NAME} and ${env:NAME:-default}, as in the OpenTelemetry Collector's files.
_REFERENCE = re.compile(r"\$\{env:(?P<name>\w+)(:-(?P<default>[^}]*))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What all sources say together. `config` is None where they cannot be understood, `origins` says
    where a key was given, the last time if there were several.
    """

    config: Config | None
    origins: Mapping[str, str]
    problems: Sequence[str]

    def in_force(self) -> Config:
        """
        Return the settings in force.

        Raises:
            ConfigError: with every problem found, a line each.
        """
        if self.config is None or self.problems:
            raise ConfigError("\n".join(self.problems))
        return self.config


def load(
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    assignments: Sequence[str] = (),
) -> Config:
    """
    Return the settings in force.

    Args:
        file: a YAML file.
        environment: variables, those of the process unless given.
        assignments: `key=value` each, as given to `--set`.

    Raises:
        ConfigError: with every problem found, a line each.

    """
    return read(file=file, environment=environment, assignments=assignments).in_force()


def read(
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    assignments: Sequence[str] = (),
) -> Settings:
    """Read all sources, as load() does, and leave it to the caller what to do about problems."""
    environment = os.environ if environment is None else environment
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    problems: list[str] = []
    sources = (
        _from_file(file, environment, problems) if file else iter(()),
        _from_environment(environment, problems),
        _from_assignments(assignments, problems),
    )
    for source in sources:
        for key, value, origin in source:
            if problem := _place(tree, key, value):
                problems.append(f"{origin}: {problem}")
            else:
                origins[key] = origin
    config = None
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        problems += [f"{'.'.join(map(str, e['loc']))}: {_told(e)}" for e in error.errors()]
    return Settings(config=config, origins=origins, problems=problems)


def _told(error: ErrorDetails) -> str:
    if error["type"].startswith("byte_size"):
        return "write a number of bytes, or one with its unit, such as 48MiB"
    return error["msg"].removeprefix("Value error, ")


def fields(
    section: type[BaseModel] = Config, prefix: str = ""
) -> Iterator[tuple[str, FieldInfo, type[BaseModel]]]:
    """Yield every setting: its dotted key, its field and the section it stands in."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field, section


def environment_name(key: str) -> str:
    """Return the environment variable that sets `key`."""
    return ENVIRONMENT_PREFIX + key.replace(".", "_").upper()


_Source = Iterator[tuple[str, Any, str]]  # key, value, where it was given


def _from_file(file: Path, environment: Mapping[str, str], problems: list[str]) -> _Source:
    def resolve(reference: re.Match[str]) -> str:
        name, default = reference["name"], reference["default"]
        value = environment.get(name, default)
        if value is None:
            problems.append(
                f"{file}: {reference[0]}: the environment has no {name}, and no default is given"
            )
        return value or ""

    try:
        tree = yaml.safe_load(_REFERENCE.sub(resolve, file.read_text(encoding="utf-8"))) or {}
    except OSError as error:
        problems.append(f"cannot read {file}: {error.strerror}")
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        problems.append(f"{file} is not YAML: {' '.join(str(error).split())}")
    else:
        if isinstance(tree, dict):
            known = {key for key, _, _ in fields()}
            yield from ((key, value, str(file)) for key, value in _flatten(tree, known))
        else:
            problems.append(f"{file} must hold keys and values, such as 'data_dir: ./data'")


def _flatten(
    tree: Mapping[Any, Any], known: Collection[str], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        # A setting may be a mapping itself.
        if isinstance(value, dict) and f"{prefix}{name}" not in known:
            yield from _flatten(value, known, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value


def _from_environment(environment: Mapping[str, str], problems: list[str]) -> _Source:
    keys = {environment_name(key): key for key, _, _ in fields()}
    for name, value in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX) or _KUBERNETES.fullmatch(name):
            continue
        if name in keys:
            yield keys[name], _value(keys[name], value), name
        else:
            problems.append(f"{name} sets nothing.{_nearest(name, list(keys))}")


def _from_assignments(assignments: Sequence[str], problems: list[str]) -> _Source:
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if equals:
            # The value is not repeated: it may be a password.
            yield key.strip(), _value(key.strip(), value), "--set"
        else:
            problems.append(f"--set {assignment}: write key=value")


def _value(key: str, text: str) -> Any:
    """Return what YAML makes of the text; a password of digits stays the text that it is."""
    if any(field.annotation in {str, SecretStr} for name, field, _ in fields() if name == key):
        return text
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    # YAML reads 'host:port' and the like as text, but 12:30 as a number of base 60.
    return text if value is None or (isinstance(value, int) and ":" in text) else value


def _place(tree: dict[str, Any], key: str, value: Any) -> str | None:
    """Put `value` at `key`, or say what is wrong with the key."""
    known = {name: field for name, field, _ in fields()}
    if key not in known:
        return f"there is no setting '{key}'.{_nearest(key, list(known))}"
    if value == HIDDEN and known[key].annotation is SecretStr:
        return f"{key}: '{HIDDEN}' stands for a secret that was not printed; give the secret itself"
    *path, leaf = key.split(".")
    for name in path:
        tree = tree.setdefault(name, {})
    tree[leaf] = value
    return None


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f" Did you mean '{close[0]}'?" if close else ""
