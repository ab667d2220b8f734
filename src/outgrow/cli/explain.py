"""``outgrow explain``: what a finding or an error means, and what to do about it."""

from __future__ import annotations

import difflib
import re
from importlib.resources import files
from typing import Annotated

import typer

from outgrow.cli.printing import print_columns, print_json, print_to_stderr, slug_of


def explain(
    slugs: Annotated[
        list[str] | None,
        typer.Argument(metavar="SLUG...", help="Names of findings or errors; none lists them all."),
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain findings and errors by name: what it means, wrong and right, and what to do."""
    known = explanations()
    wanted = [slug_of(slug) for slug in slugs or known]
    unknown = [slug for slug in wanted if slug not in known]
    if unknown:
        for slug in unknown:
            print_to_stderr(_unknown(slug, list(known)))
        raise typer.Exit(2)
    if json:
        print_json([{"slug": slug, "text": known[slug]} for slug in wanted])
    elif slugs:
        print("\n\n".join(f"{slug}\n\n{known[slug]}" for slug in wanted))
    else:
        print_columns(["slug", "means"], [(slug, _first_words(known[slug])) for slug in wanted])


def explanations() -> dict[str, str]:
    """What is explained, by name."""
    pages = sorted(
        (page for page in files("outgrow.cli").joinpath("explanations").iterdir()),
        key=lambda page: page.name,
    )
    sections: dict[str, str] = {}
    for page in pages:
        _, *parts = re.split(r"^## (.+)\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            slug = slug_of(name)
            assert slug not in sections, f"{slug} is explained twice"
            sections[slug] = text.strip()
    return dict(sorted(sections.items()))


def _first_words(text: str) -> str:
    line = " ".join(text.partition("\n\n")[0].split())
    sentence = re.split(r"(?<=[.:])\s", line)[0]
    return sentence.rstrip(".:")


def _unknown(slug: str, known: list[str]) -> str:
    close = difflib.get_close_matches(slug, known, n=3, cutoff=0.5)
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    return f"{slug}: nothing is called so.\n  {meant}All names: outgrow explain"
