"""URLs of databases beside a given one: they name the database that libpq then connects to."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from database.libpq_urls import NAME_BYTES_MAX, beside, name_of
from schema.errors import SettingsError


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p%40@h:1/day",
        "postgresql://u:p@h1:1,h2:2/my%20day?sslmode=require",
        "postgresql://h/ignored?dbname=day&sslmode=require",
        "postgresql://h?dbname=day%2Ftrade&dbname=a+b",
        "postgresql:///day?host=%2Frun%2Fpostgres",
        "postgresql:///",
        "postgresql://h/%D0%94%3F%23%25",
    ],
)
def test_the_name_is_that_which_libpq_reads_and_the_database_beside_it_differs_in_nothing_else(url):
    read = conninfo_to_dict(url)
    name = read.pop("dbname", "")
    assert name_of(url) == name
    assert conninfo_to_dict(beside(url, "_x")) == read | {"dbname": f"{name}_x"}


def test_a_name_that_postgres_would_cut_is_refused():
    name = "d" * (NAME_BYTES_MAX - 2)
    assert name_of(beside(f"postgresql://h/{name}", "_x")) == f"{name}_x"
    with pytest.raises(SettingsError, match="too long name"):
        beside(f"postgresql://h/{name}", "_xx")
