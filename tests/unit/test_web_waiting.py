"""Waiting places: limited in all and for each person, and free again afterwards."""

from contextlib import ExitStack

import pytest

from webapp.waiting import WaitingPlaces


def test_a_person_has_so_many_places_and_no_more() -> None:
    places = WaitingPlaces(places=8, places_each=2)
    with ExitStack() as waiting:
        assert [waiting.enter_context(places.place_of("ann")) for _ in range(3)] == [True, True, False]
        assert waiting.enter_context(places.place_of("bob"))


def test_all_people_together_have_so_many_places_and_no_more() -> None:
    places = WaitingPlaces(places=2, places_each=2)
    with ExitStack() as waiting:
        assert [waiting.enter_context(places.place_of(user)) for user in ("ann", "bob", "cy")] == [True, True, False]


def test_a_place_is_free_again_whatever_ended_the_waiting() -> None:
    places = WaitingPlaces(places=1, places_each=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="it failed"), places.place_of("ann") as has_place:
            assert has_place
            raise ValueError("it failed")


def test_a_person_without_a_waiting_place_returns_none() -> None:
    places = WaitingPlaces(places=1, places_each=1)
    with places.place_of("ann"):
        for _ in range(2):
            with places.place_of("bob") as has_place:
                assert not has_place
