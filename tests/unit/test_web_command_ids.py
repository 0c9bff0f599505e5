"""Command ids of the site: a key always gives the same, random ones are recognised, and no two people share one."""

from schema.commands import CommandName
from webapp import ids
from webapp.ids import CommandIds


def test_a_key_has_one_id_per_user():
    assert ids.of_key("ann", "k") == ids.of_key("ann", "k")
    assert len({ids.of_key("ann", "k"), ids.of_key("bob", "k"), ids.of_key("ann", "l"), ids.of_key("an", "nk")}) == 4
    assert len(ids.of_key("ann", "k")) == 16


def test_drawn_ids_are_recognised_as_their_users():
    mine, other_site = CommandIds("secret"), CommandIds("another")
    drawn = [mine.draw("ann") for _ in range(100)]
    assert len(set(drawn)) == 100
    assert all(len(command_id) == 16 and mine.is_drawn(command_id, "ann") for command_id in drawn)
    assert not any(mine.is_drawn(command_id, "bob") for command_id in drawn)
    assert not any(other_site.is_drawn(command_id, "ann") for command_id in drawn)
    assert not mine.is_drawn(bytes(16), "ann")


def test_another_spelling_is_another_body():
    digests = {
        ids.body_digest(CommandName.ADD, ["1.00"]),
        ids.body_digest(CommandName.ADD, ["1"]),
        ids.body_digest(CommandName.BUY, ["1.00"]),
        ids.body_digest(CommandName.BUY, ["ABC", "1.00"]),
        ids.body_digest(CommandName.BUY, ["\ud800", "1.00"]),
    }
    assert len(digests) == 5
