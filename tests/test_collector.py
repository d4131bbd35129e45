"""The collector of cycles, paused while much is built."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from checkov_nginx_tls import collector
from checkov_nginx_tls.collector import without_collector

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 1_000


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(collector, "_MANY_OBJECTS", MANY)
    yield
    gc.unfreeze()


def build(count: int, *, until_exit: bool) -> list[list[None]]:
    gc.collect()
    with without_collector(until_exit=until_exit):
        assert not gc.isenabled()
        built: list[list[None]] = [[] for _ in range(count)]
    assert gc.isenabled()
    return built


def test_what_a_program_builds_that_ends_soon_is_never_looked_at() -> None:
    built = build(2 * MANY, until_exit=True)
    assert gc.get_freeze_count() > len(built)


def test_the_next_such_call_looks_at_it() -> None:
    build(2 * MANY, until_exit=True)
    frozen = gc.get_freeze_count()
    with without_collector(until_exit=True):
        assert gc.get_freeze_count() == 0
    assert frozen > 0


def test_what_else_is_built_is_only_not_young(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = []
    monkeypatch.setattr(gc, "unfreeze", lambda: frozen.append(gc.get_freeze_count()))
    built = build(2 * MANY, until_exit=False)
    assert frozen
    assert frozen[0] > len(built)


def test_a_little_is_left_to_the_collector() -> None:
    build(MANY // 2, until_exit=True)
    assert gc.get_freeze_count() == 0


def test_a_disabled_collector_stays_so() -> None:
    gc.disable()
    try:
        with without_collector(until_exit=True):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
