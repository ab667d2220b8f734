"""Records: frozen data with named fields."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, dataclass_transform

import msgspec

from outgrow.contracts.places import caller_place
from outgrow.contracts.shapes import Check, compile_fields_check, fields_of
from outgrow.errors import Finding, InvalidContract

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, kw_only_default=True)
    class Record:
        """
        Frozen data with named, typed fields: what methods take and give.

        Limits, such as ``Annotated[int, Ge(1)]``, are checked whenever a record is made. Types are
        checked where data enters a process.
        """

        def __init_subclass__(cls, *, tag: str | None = None) -> None: ...

        def replace(self, **changes: Any) -> Self:
            """A copy with some fields changed."""

else:

    class _RecordMeta(msgspec.StructMeta):
        """Makes every record frozen and keyword-only, and checks its limits when it is made."""

        def __new__(
            mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
        ) -> Any:
            namespace.setdefault("__post_init__", _make_post_init(namespace))
            if namespace["__post_init__"] is None:
                del namespace["__post_init__"]
            options.setdefault("frozen", True)
            options.setdefault("kw_only", True)
            try:
                return super().__new__(mcls, name, bases, namespace, **options)
            except (TypeError, ValueError) as error:
                finding = Finding(
                    place=caller_place(2 if mcls is not _RecordMeta else 1),
                    message=f"{name} cannot be made: {error}",
                    remedy="A default that is a list or dictionary is empty: [] or {}. Give others "
                    "where the record is made.",
                    slug="record-definition",
                )
                raise InvalidContract([finding]) from error

    def _make_post_init(namespace: dict[str, Any]) -> Callable[[Any], None] | None:
        # Hints may name what is defined further down, so the check is compiled at first use.
        hints = namespace.get("__annotations__", {}).values()
        if all(_HAS_NO_LIMITS.fullmatch(_text(hint)) for hint in hints):
            return None
        checks: dict[type, Check | None] = {}

        def check_limits(record: Any) -> None:
            cls = type(record)
            try:
                check = checks[cls]
            except KeyError:
                check = checks[cls] = compile_fields_check(fields_of(cls))
            if check is not None:
                check(record)

        return check_limits

    _HAS_NO_LIMITS = re.compile(r"(?:str|int|float|bool|bytes|datetime|list|dict|None|[\[\], |])+")

    def _text(hint: Any) -> str:
        return hint if isinstance(hint, str) else getattr(hint, "__name__", None) or repr(hint)

    class Record(msgspec.Struct, metaclass=_RecordMeta):
        """Frozen data with named, typed fields: what methods take and give."""

        __outgrow_checked__ = True  # its limits, when it is made

        def replace(self, **changes: Any) -> Any:
            return msgspec.structs.replace(self, **changes)
