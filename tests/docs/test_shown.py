"""What is compared on the pages is really compared."""

import pytest

from tests.docs.pages import Command
from tests.docs.shown import agree
from tests.docs.terminal import Terminal

ID = "0199c3d5-8e1b-7f02-8a6c-5d9e0b3c4f71"
OTHER_ID = "0199c3d6-1c3a-7d55-8e2b-4a6f7c8d9e01"


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ((f'"loan_id": "{ID}"',), f'"loan_id": "{OTHER_ID}"'),
        (("6 passed in 1.42s",), "6 passed in 0.98s\n"),
        (("first", "...", "last"), "first\nand\nso\non\nlast\n"),
        (("first", "...", "last"), "first\nlast\n"),
        (('{"type":"x",...',), '{"type":"x","title":"y"}'),
        (("at http://127.0.0.1:8080,",), "at http://127.0.0.1:40123,\r\n"),
    ],
)
def test_what_differs_each_time_does_not_count(shown: tuple[str, ...], printed: str) -> None:
    assert agree(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (("6 passed in 1.42s",), "5 passed, 1 failed in 1.42s"),
        (('{"times_lent":1}',), '{"times_lent":2}'),
        (("first", "last"), "first\nmore\nlast\n"),
        (("first",), "first\nmore\n"),
        (("a.b",), "axb"),
    ],
)
def test_everything_else_counts(shown: tuple[str, ...], printed: str) -> None:
    assert not agree(shown, printed)


def test_a_page_that_shows_something_else_is_found_with_its_line(terminal: Terminal) -> None:
    command = Command(place="page.md:7", text="echo tea", shown=("coffee",))

    with pytest.raises(AssertionError, match=r"page\.md:7 shows:\ncoffee"):
        terminal.type(command)


def test_a_command_that_fails_is_found_with_its_line(terminal: Terminal) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:8: status 3"):
        terminal.type(Command(place="page.md:8", text="exit 3", shown=()))


def test_an_id_that_is_shown_twice_must_be_printed_twice(terminal: Terminal) -> None:
    def echo(printed: str, shown: str) -> None:
        terminal.type(Command(place="page.md:9", text=f"echo {printed}", shown=(shown,)))

    echo(OTHER_ID, shown=ID)
    echo(OTHER_ID, shown=ID)
    with pytest.raises(AssertionError, match=r"page\.md:9 shows the id"):
        echo(ID, shown=ID)
    with pytest.raises(AssertionError, match=r"page\.md:9 shows the id"):
        echo(OTHER_ID, shown=OTHER_ID)
