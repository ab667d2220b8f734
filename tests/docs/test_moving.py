"""The page about moving a store, done in the library with a real PostgreSQL."""

import re
from dataclasses import replace

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "how-to" / "move-a-store.md"
SHOWN = "postgresql://db.example/loans"


@pytest.mark.timeout(120)
async def test_a_store_is_moved_and_moved_back_as_shown(
    library: Terminal, postgres_url: str
) -> None:
    for block in blocks(PAGE):
        if block.language == "toml":
            plan = library.folder / "outgrow.toml"
            text = block.text.replace(SHOWN, postgres_url)
            plan.write_text(re.sub(r"\[app\]\n(.+\n)*", text, plan.read_text()))
        else:
            library.follow(replace(block, text=block.text.replace(SHOWN, f'"{postgres_url}"')))
