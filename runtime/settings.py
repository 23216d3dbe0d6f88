"""
Where settings come from: defaults < file < environment < `--set`.

A key that does not exist is an error that names the nearest one that does, wherever it was given.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from runtime.config import Config
from runtime.errors import ConfigError

ENVIRONMENT_PREFIX = "SESSIONTRAIL_"
# Kubernetes puts such variables into every pod beside a service that is named sessiontrail.
_KUBERNETES = re.compile(r"SESSIONTRAIL_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_\w+)?)")
# ${env:NAME} and ${env:NAME:-default}, as in the OpenTelemetry Collector's files.
_REFERENCE = re.compile(r"\$\{env:(?P<name>\w+)(:-(?P<default>[^}]*))?\}")


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
    environment = os.environ if environment is None else environment
    tree: dict[str, Any] = {}
    problems: list[str] = []
    sources = (
        _from_file(file, environment) if file else iter(()),
        _from_environment(environment),
        _from_assignments(assignments),
    )
    for source in sources:
        for key, value, origin in source:
            if problem := _place(tree, key, value):
                problems.append(f"{origin}: {problem}")
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        problems += [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    if problems:
        raise ConfigError("\n".join(problems))
    return config


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


def _from_file(file: Path, environment: Mapping[str, str]) -> _Source:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    try:
        tree = yaml.safe_load(_REFERENCE.sub(lambda m: _resolve(m, environment), text)) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{file} must hold keys and values, such as 'data_dir: ./data'")
    yield from ((key, value, str(file)) for key, value in _flatten(tree))


def _resolve(reference: re.Match[str], environment: Mapping[str, str]) -> str:
    name, default = reference["name"], reference["default"]
    value = environment.get(name, default)
    if value is None:
        raise ConfigError(f"{reference[0]}: the environment has no {name}, and no default is given")
    return value


def _flatten(tree: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value


def _from_environment(environment: Mapping[str, str]) -> _Source:
    keys = {environment_name(key): key for key, _, _ in fields()}
    for name, value in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX) or _KUBERNETES.fullmatch(name):
            continue
        if name in keys:
            yield keys[name], _scalar(value), name
        else:
            raise ConfigError(f"{name} sets nothing.{_nearest(name, list(keys))}")


def _from_assignments(assignments: Sequence[str]) -> _Source:
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment}: write key=value")
        yield key.strip(), _scalar(value), f"--set {assignment}"


def _scalar(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    # YAML reads 'host:port' and the like as text, but 12:30 as a number of base 60.
    return text if value is None or (isinstance(value, int) and ":" in text) else value


def _place(tree: dict[str, Any], key: str, value: Any) -> str | None:
    """Put `value` at `key`, or say what is wrong with the key."""
    known = [name for name, _, _ in fields()]
    if key not in known:
        return f"there is no setting '{key}'.{_nearest(key, known)}"
    *path, leaf = key.split(".")
    for name in path:
        tree = tree.setdefault(name, {})
    tree[leaf] = value
    return None


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f" Did you mean '{close[0]}'?" if close else ""
