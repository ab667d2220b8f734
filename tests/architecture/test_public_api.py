"""The names that users may hold on to, in words. Each new one is a decision."""

import inspect

import outgrow
from outgrow import errors

NAMES = {
    # what a service promises
    "Contract", "Event", "Problem", "Record", "Saga", "command", "query", "saga",
    # how it changes
    "upcast",
    # how a service keeps it
    "Secret", "Settings", "blocking", "on", "service", "transactional", "using",
    # what a service owns
    "Guarded", "Snapshot", "Store", "Transaction",
    # who asks
    "Caller", "Context", "context", "new_id",
    # the running whole
    "Application", "start",
}  # fmt: skip
NAMES_MAX = 30


def test_the_public_door_offers_these_names_and_no_others() -> None:
    assert set(outgrow.__all__) == NAMES
    assert len(outgrow.__all__) <= NAMES_MAX


def test_the_names_are_sorted_and_there() -> None:
    assert len(set(outgrow.__all__)) == len(outgrow.__all__)
    assert all(hasattr(outgrow, name) for name in outgrow.__all__)


def test_every_public_name_tells_what_it_is() -> None:
    silent = [name for name in outgrow.__all__ if not inspect.getdoc(getattr(outgrow, name))]

    assert not silent


def _error_classes() -> list[type[Exception]]:
    return [
        thing
        for thing in vars(errors).values()
        if inspect.isclass(thing) and issubclass(thing, Exception)
    ]


def test_every_error_stands_in_the_tree_on_the_page() -> None:
    missing = [cls.__name__ for cls in _error_classes() if cls.__name__ not in errors.__doc__]

    assert not missing


def test_every_error_is_an_error_of_outgrow_and_says_when() -> None:
    for cls in _error_classes():
        assert issubclass(cls, errors.OutgrowError)
        assert cls.__dict__.get("__doc__"), cls
