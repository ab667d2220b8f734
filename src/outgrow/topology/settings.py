"""Settings: what a service is told from outside, in one record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from outgrow.contracts import LimitBroken, Record, Secret, place_of, resolve_hints
from outgrow.errors import Finding

S = TypeVar("S", bound="Settings")

SECRETS_FOLDER = "OUTGROW_SECRETS"
"""The environment variable that names the folder of secrets."""


class Settings(Record):
    """
    What a service is told from outside.

    Filled once at start. The later place wins: the default in the class, ``[settings.<service>]``
    of the topology file, the environment (``OUTGROW_<SERVICE>_<FIELD>``), the folder of secrets (a
    file ``<service>.<field>`` in the folder that ``OUTGROW_SECRETS`` names).
    """


def fill_settings(
    cls: type[S], service: str, table: dict[str, Any], place: str, findings: list[Finding]
) -> S | None:
    """
    The settings of *service*, from all places.

    Args:
        cls: The class that the service asks for.
        table: What the topology file says.
        place: Where the topology file says it.
        findings: What is wrong is added here; then nothing is returned.
    """
    before = len(findings)
    known = {
        field.name: field for field in msgspec.structs.fields(cast("type[msgspec.Struct]", cls))
    }
    hints = resolve_hints(cls)
    findings += [
        Finding(
            place=place,
            message=f"setting {name!r} of {service!r} is not known.",
            remedy=f"{cls.__name__} has: {', '.join(known) or 'none'} ({place_of(cls)}).",
            slug="unknown-setting",
        )
        for name in table
        if name not in known
    ]
    values: dict[str, Any] = {}
    for name, field in known.items():
        found = _find(service, name, table, place)
        if found is not None:
            source, value = found
            try:
                values[name] = _convert(value, hints[name], is_text=source != place)
            except (msgspec.ValidationError, LimitBroken) as error:
                text = f"setting {name!r} of {service!r} does not fit: {error}."
                remedy = f"{cls.__name__}.{name} is declared at {place_of(cls)}."
                findings.append(
                    Finding(place=source, message=text, remedy=remedy, slug="setting-type")
                )
        elif field.required:
            findings.append(_missing(cls, service, name, place))
    if len(findings) > before:
        return None
    try:
        return cls(**values)
    except LimitBroken as broken:
        text = f"a setting of {service!r} is out of its limits: {broken}."
        remedy = f"{cls.__name__} is declared at {place_of(cls)}."
        findings.append(Finding(place=place, message=text, remedy=remedy, slug="setting-limit"))
        return None


def _missing(cls: type[Settings], service: str, name: str, place: str) -> Finding:
    return Finding(
        place=place,
        message=f"service {service!r} needs the setting {name!r}, which is given nowhere.",
        remedy=f"Write it in [settings.{service}], set {_variable(service, name)}, or give "
        f"{cls.__name__}.{name} a default.",
        slug="setting-missing",
    )


def _variable(service: str, name: str) -> str:
    return f"OUTGROW_{service}_{name}".upper()


def _find(service: str, name: str, table: dict[str, Any], place: str) -> tuple[str, Any] | None:
    """Where the value of a setting was found last, and the value."""
    folder = os.environ.get(SECRETS_FOLDER)
    if folder:
        secret = Path(folder, f"{service}.{name}")
        if secret.is_file():
            return str(secret), secret.read_text(encoding="utf-8").rstrip("\n")
    variable = _variable(service, name)
    if variable in os.environ:
        return variable, os.environ[variable]
    if name in table:
        return place, table[name]
    return None


def _convert(value: Any, hint: Any, *, is_text: bool) -> Any:
    origin = getattr(hint, "__origin__", hint)
    if origin is Secret:
        inner = getattr(hint, "__args__", (str,))[0]
        return Secret(msgspec.convert(value, type=inner, strict=not is_text))
    return msgspec.convert(value, type=hint, strict=not is_text)
