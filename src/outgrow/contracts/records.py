"""Records: frozen data with named fields."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, dataclass_transform

import msgspec

from outgrow.contracts.places import caller_place
from outgrow.contracts.shapes import Check, compile_record_check
from outgrow.errors import Finding, InvalidContract

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, kw_only_default=True)
    class Record:
        """
        Frozen data with named, typed fields: what methods take and give.

        Limits, such as ``Annotated[int, Ge(1)]``, are checked whenever a record is made. Types are
        checked where data enters a process.
        """

        def __init_subclass__(
            cls, *, tag: str | None = None, tag_field: str | None = None
        ) -> None: ...

        def replace(self, **changes: Any) -> Self:
            """A copy with some fields changed."""

else:

    class _RecordMeta(msgspec.StructMeta):
        """Makes every record frozen and keyword-only, and checks its limits when it is made."""

        def __new__(
            mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
        ) -> Any:
            post_init = _make_post_init(namespace)
            if post_init is not None:
                namespace["__post_init__"] = post_init
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
        own = namespace.get("__post_init__")
        if own is None and all(map(_has_no_limits, hints)):
            return None
        checks: dict[type, Check | None] = {}

        def check_limits(record: Any) -> None:
            cls = type(record)
            try:
                check = checks[cls]
            except KeyError:
                check = checks[cls] = compile_record_check(cls)
            if check is not None:
                check(record)

        return check_limits if own is None else _one_after_other(check_limits, own)

    def _one_after_other(
        first: Callable[[Any], None], own: Callable[[Any], None]
    ) -> Callable[[Any], None]:
        def post_init(record: Any) -> None:
            first(record)
            own(record)

        return post_init

    _WITHOUT_LIMITS = {
        "str", "int", "float", "bool", "bytes", "datetime", "date", "time", "timedelta", "Decimal",
        "UUID", "list", "tuple", "set", "frozenset", "dict", "Optional", "None", "NoneType",
        "typing", "decimal", "uuid",
    }  # fmt: skip

    def _has_no_limits(hint: Any) -> bool:
        """Whether *hint* can be seen to have none without resolving it."""
        text = hint.__name__ if isinstance(hint, type) else str(hint)
        return _WITHOUT_LIMITS.issuperset(re.findall(r"\w+", text))

    class Record(msgspec.Struct, metaclass=_RecordMeta):
        """Frozen data with named, typed fields: what methods take and give."""

        __outgrow_checked__ = True  # its limits, when it is made

        def replace(self, **changes: Any) -> Any:
            return msgspec.structs.replace(self, **changes)
