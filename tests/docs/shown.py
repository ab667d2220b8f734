"""What a page shows, compared with what is printed; what differs each time is masked."""

from __future__ import annotations

import re

_ID = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
_MASKS = (
    (r"\x1b\[[\d;]*m", ""),
    (_ID, "<id>"),
    (r"\b[0-9a-f]{32}\b", "<trace>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)", "<time>"),
    (r"\b\d\d:\d\d:\d\d\.\d{6}\b", "<time>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>"),
    (r"(?m)(?<=\S) {2,}(?=\S)", "  "),  # How wide a column is depends on what stands in it.
    (r"(?m)^([\w.]+)  \d+(  (?:yes|no)  )", r"\1  <pid>\2"),
    (r"\b(127\.0\.0\.1|localhost):\d+", r"\1:<port>"),
    (r"\b(pid\"?[=:] ?)\d+", r"\1<pid>"),
    (r"\bin \d+\.\d+s\b", "in <seconds>s"),
    (r"(_seconds_max\"?[=:] ?)[\d.e-]+", r"\1<seconds>"),
    (r"\b\d+\.\d+ ms\b", "<n> ms"),
    (r"\b(milliseconds=)[\d.]+", r"\1<n>"),
)


def masked(text: str) -> str:
    """*text* without what differs each time: ids, times, durations, ports."""
    for pattern, mask in _MASKS:
        text = re.sub(pattern, mask, text)
    return "".join(f"{line.rstrip()}\n" for line in text.strip().splitlines())


_DOTS = re.compile(r"(?<!\.)\.\.\.(?!\.)")
"""Three dots, and not more, which a progress bar of pytest has."""


def agree(shown: tuple[str, ...], printed: str) -> bool:
    """
    Whether *printed* is what is *shown*.

    Three dots stand for any text in their line; alone in a line they stand for any lines.
    """
    pattern = "".join(
        r"(?:.*\n)*?"
        if line.strip() == "..."
        else ".*".join(map(re.escape, _DOTS.split(f"{line}\n")))
        for line in masked("\n".join(shown)).splitlines()
    )
    return re.fullmatch(pattern, masked(printed)) is not None


def ids(text: str) -> list[str]:
    """The ids in *text*, in order."""
    return re.findall(_ID, text)
