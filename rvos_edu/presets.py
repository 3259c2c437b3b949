"""Presets and config files: YAML, checked key by key, with overrides from the command line.

`configs/*.yaml` holds one preset per file. A file or preset may leave keys out (the dataclasses of
`config.py` hold the defaults); a key that does not exist is an error that names the nearest one.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from rvos_edu.config import EXPERIMENTS, AnyExperiment
from rvos_edu.config_checks import check_values
from rvos_edu.errors import ConfigError

PRESET_FOLDER = Path(__file__).parent / "configs"


def preset_names() -> list[str]:
    """Names of the presets that ship with the package, sorted."""
    return sorted(path.stem for path in PRESET_FOLDER.glob("*.yaml"))


def load_config(name_or_file: str | Path, overrides: Sequence[str] = ()) -> AnyExperiment:
    """Read a preset or a YAML file, apply overrides, check every key, type and value.

    Its key `architecture` ("mttr" if there is none) says which keys there are.

    Args:
        name_or_file: a name from `preset_names()`, or the path of a YAML file.
        overrides: command-line tokens, e.g. `["--optimizer.lr", "3e-4", "--data.window=8"]`; the last wins.

    Raises:
        ConfigError: unknown preset, missing or unreadable file, unknown key, wrong type or impossible value;
            the message names the key and, where there is one, the nearest right key.
    """
    source = str(name_or_file)
    values = _read_yaml(_find_file(source), source)
    architecture = _architecture(values, source)
    keys = known_keys(architecture)
    for key, text in _split_overrides(overrides):
        _set(keys, values, key, _parse_override(keys, key, text))
    _check_keys(keys, values, source)
    config = _instantiate(architecture, values, source)
    check_values(config)
    return config


def to_yaml(config: AnyExperiment) -> str:
    """The complete configuration as YAML that `load_config` reads back to an equal object."""
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, allow_unicode=True)


@cache
def known_keys(architecture: str = "mttr") -> dict[str, Any]:
    """Every dotted key of an architecture's configuration with its type; sections have their dataclass."""
    return dict(_walk(EXPERIMENTS[architecture]))


# Reading ------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Safe YAML as YAML 1.2 reads it: `1e-4` is a number (PyYAML: text), `no` is text (PyYAML: false).

    A key given twice is an error.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                line = node.start_mark.line + 1
                raise yaml.YAMLError(f"key {key!r} is given twice in the section that starts at line {line}")
        return super().construct_mapping(node, deep)


_NUMBER = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
_BOOL = re.compile(r"^(true|True|TRUE|false|False|FALSE)$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOL, list("tTfF"))


def _find_file(source: str) -> Path:
    if source in preset_names():
        return PRESET_FOLDER / f"{source}.yaml"
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        raise ConfigError(f"{source} is a folder; expected a YAML file or one of the presets {_presets()}")
    if path.suffix.lower() in (".yaml", ".yml") or len(path.parts) > 1:
        raise ConfigError(f"config file {source} does not exist; presets are {_presets()}")
    nearest = _nearest(source, preset_names())
    raise ConfigError(f"unknown preset {source!r}{nearest}; presets are {_presets()}")


def _presets() -> str:
    return ", ".join(preset_names())


def _read_yaml(path: Path, source: str) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{source} is not readable YAML: {_one_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: expected keys and values, got {type(values).__name__}")
    return values


def _split_overrides(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`--a.b value` and `--a.b=value` tokens -> (dotted key, text) pairs."""
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        if not token.startswith("--") or len(token) < 3:
            raise ConfigError(f"unexpected {token!r}; overrides look like --optimizer.lr 3e-4")
        key, equals, text = token[2:].partition("=")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise ConfigError(f"--{key} needs a value, e.g. --{key} VALUE")
            text = rest.pop(0)
        yield key, text


def _parse_override(keys: Mapping[str, Any], key: str, text: str) -> Any:
    """The value of an override; text stays text where the key holds text (a folder may be named 2024)."""
    kind = keys.get(key)
    if kind is str:
        return text
    if kind == (str | None):
        return None if text.lower() in ("", "null", "none", "~") else text
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{key}: {text!r} is not readable as YAML: {_one_line(error)}") from error


def _set(keys: Mapping[str, Any], values: dict[str, Any], key: str, value: Any) -> None:
    if key not in keys:
        raise _unknown_key(keys, key, "the command line")
    *sections, last = key.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{key}: cannot be set, because {section} holds {inner!r}, not a section")
        values = inner
    if isinstance(value, dict) and isinstance(values.get(last), dict):
        values[last].update(value)
    else:
        values[last] = value


# Checking ------------------------------------------------------------------------------------------


@cache
def _fields(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {item.name: hints[item.name] for item in dataclasses.fields(kind)}


def _walk(kind: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in _fields(kind).items():
        yield prefix + name, inner
        if dataclasses.is_dataclass(inner) and isinstance(inner, type):
            yield from _walk(inner, f"{prefix}{name}.")


def _check_keys(keys: Mapping[str, Any], values: Mapping[Any, Any], source: str, prefix: str = "") -> None:
    for name, value in values.items():
        key = f"{prefix}{name}"
        if key not in keys:
            raise _unknown_key(keys, key, source)
        if dataclasses.is_dataclass(keys[key]):
            if not isinstance(value, Mapping):
                inside = ", ".join(_fields(keys[key]))
                raise ConfigError(f"{source}: {key} is a section with the keys {inside}; got {value!r}")
            _check_keys(keys, value, source, f"{key}.")


def _unknown_key(allowed: Mapping[str, Any], key: str, source: str) -> ConfigError:
    keys = list(allowed)
    last = key.rpartition(".")[2]
    same_name = [known for known in keys if known.rpartition(".")[2] == last]
    hint = f" (did you mean {' or '.join(map(repr, same_name))}?)" if same_name else _nearest(key, keys)
    if not hint:
        hint = f"; sections are {', '.join(known for known in keys if '.' not in known)}"
    return ConfigError(f"{source}: unknown key {key!r}{hint}")


def _nearest(word: str, known: Sequence[str]) -> str:
    matches = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def _architecture(values: Mapping[str, Any], source: str) -> str:
    found = values.get("architecture", "mttr")
    if found not in EXPERIMENTS:
        raise ConfigError(f"{source}: architecture must be one of {', '.join(EXPERIMENTS)}, got {found!r}")
    return str(found)


@cache
def _parser(architecture: str) -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(EXPERIMENTS[architecture], None)
    return parser


def _instantiate(architecture: str, values: dict[str, Any], source: str) -> AnyExperiment:
    parser = _parser(architecture)
    try:
        parsed = parser.parse_object(values)
        return EXPERIMENTS[architecture](**vars(parser.instantiate(parsed)))
    except (ArgumentError, TypeError, ValueError) as error:
        match = re.search(r'key "([\w.]+)"', str(error))
        if match is None:
            raise ConfigError(f"{source}: {_one_line(error)}") from error
        key = match.group(1)
        found: Any = values
        for part in key.split("."):
            found = found[part]
        kind = known_keys(architecture)[key]
        scalar_for_text = kind in (str, str | None) and not isinstance(found, (dict, list))
        hint = "; write it in quotes" if scalar_for_text else ""
        raise ConfigError(f"{source}: {key} must be {_type_name(kind)}, got {found!r}{hint}") from error


def _type_name(kind: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if kind in names:
        return names[kind]
    parts = typing.get_args(kind)
    if typing.get_origin(kind) is list:
        return f"a list, each item {_type_name(parts[0])}"
    return " or ".join("null" if part is type(None) else _type_name(part) for part in parts)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
