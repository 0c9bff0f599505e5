"""Commands published again without a mark: each has its effect once, in order, and every copy gets the first's answer.

This holds whenever and however they are repeated (spec §3, exactly once). Worker and checks are those of
`test_scheduler_order`; here nearly everything in the log is a copy.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from schema.commands import CommandName
from tests.property.command_log import a_making, a_price, an_amount, which
from tests.property.test_scheduler_order import SchedulerOrder

a_name = st.sampled_from([CommandName.ADD, CommandName.BUY, CommandName.COMMIT_BUY, CommandName.QUOTE])
some_commands = st.lists(st.tuples(which, a_name, which, an_amount), min_size=1, max_size=4)
some_places = st.lists(st.integers(1, 6), min_size=1, max_size=3)
"""Positions in the log, counted back from the newest command."""

WITH_THEM, BEHIND_THEM, WHEN_TAKEN = range(3)

a_round = st.fixed_dictionaries(
    {
        "commands": some_commands,
        "makings": a_making,
        "again": some_places,
        "where": st.sampled_from([WITH_THEM, BEHIND_THEM, WHEN_TAKEN]),
        "works": st.integers(0, 3),
        "hears": st.none() | a_price,
        "dies": st.sampled_from([False, False, True]),
    }
)
"""One round: commands are published, then some of them or of earlier ones again.

The copies come in the same message, in the next one, or when the worker has taken the first ones. Then the worker takes
some more messages, may hear a price, and may die.
"""


@given(
    rounds=st.lists(a_round, min_size=2, max_size=8),
    batch_max=st.sampled_from([1, 3, 1_000, 1_000]),
    sources_max=st.sampled_from([0, 1_000]),
    users_max=st.sampled_from([0, 1_000, 1_000]),
    forgets=st.booleans(),
)
@settings(max_examples=250)
def test_copies_have_no_effect(rounds, batch_max, sources_max, users_max, forgets):
    world = SchedulerOrder()
    world.begin(False, batch_max, forgets, sources_max, users_max)
    for one in rounds:
        if one["where"] == WITH_THEM:
            world.publish_copies(one["commands"], one["makings"], one["again"])
        else:
            world.publish(one["commands"], False, one["makings"])
            if one["where"] == WHEN_TAKEN:
                world.works(len(world.stream))
            world.publish_copies([], (None,), one["again"])
        world.works(one["works"])
        if one["hears"] is not None:
            world.hears_an_answer(0, one["hears"], late=False)
        if one["dies"]:
            world.dies(False, 0)
        world.check_position_and_high()
    world.teardown()
