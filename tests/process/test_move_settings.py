"""What a move says is to be written into ``outgrow.toml``."""

import pytest

from outgrow.process.moving.settings import line_after

URL = "postgresql://db.example/loans"


@pytest.mark.parametrize(
    ("said", "setting", "line"),
    [
        ("", URL, f'{{ loans = "{URL}", "*" = "sqlite" }}'),
        ('store = "postgres"', "sqlite", '{ loans = "sqlite", "*" = "postgres" }'),
        ('store = { loans = "postgres" }', "sqlite", '"sqlite"'),
        (
            'store = { mail = "postgresql://me:secret@m", "*" = "postgres" }',
            "sqlite",
            '{ mail = "postgresql://me@m", loans = "sqlite", "*" = "postgres" }',
        ),
        ('store = { loans = "sqlite", "*" = "postgres" }', "postgres", '"postgres"'),
    ],
)
def test_the_others_stay_where_they_are(tmp_path, said, setting, line):
    file = tmp_path / "outgrow.toml"
    file.write_text(f"[app]\n{said}\n[topology.split]\n")
    assert line_after(file, "", "loans", setting) == ("app", f"store = {line}")
    assert line_after(file, "split", "loans", setting) == ("app", f"store = {line}")


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ('"postgres"', '{ loans = "sqlite", "*" = "postgres" }'),
        ('{ mail = "sqlite" }', '{ mail = "sqlite", loans = "sqlite" }'),
    ],
)
def test_a_topology_that_says_itself_where_stores_are_is_to_say_it(tmp_path, said, line):
    file = tmp_path / "outgrow.toml"
    file.write_text(f'[app]\nstore = "{URL}"\n[topology.split]\nstore = {said}\n')
    assert line_after(file, "split", "loans", "sqlite") == ("topology.split", f"store = {line}")
