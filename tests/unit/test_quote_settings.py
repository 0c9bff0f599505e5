"""Settings of quotes: hedging and the recorded source are off by default, and a wrong setting is named."""

from pathlib import Path

import pytest

from schema.errors import SettingsError
from schema.settings import Settings, from_environment

NEEDED = {"AMQP_URL": "amqp://somewhere", "DATABASE_URL": "postgresql://somewhere"}


def settings(**chosen: str) -> Settings:
    return from_environment(NEEDED | chosen)


def test_hedging_is_off_and_the_source_is_the_server_by_default():
    for chosen in ({}, {"QUOTE_HEDGE": "off", "QUOTE_SOURCE": "server"}, {"QUOTE_HEDGE": "", "QUOTE_SOURCE": ""}):
        assert (settings(**chosen).quote_hedge_ms, settings(**chosen).quote_source) == (None, None)


def test_chosen_settings_are_used():
    chosen = settings(QUOTE_HEDGE="50", QUOTE_SOURCE="prices.csv")
    assert (chosen.quote_hedge_ms, chosen.quote_source) == (50, Path("prices.csv"))


@pytest.mark.parametrize("text", ["0", "-1", "60001", "1.5", "on", "²"])
def test_a_wrong_hedge_is_refused(text):
    with pytest.raises(SettingsError, match="QUOTE_HEDGE"):
        settings(QUOTE_HEDGE=text)
