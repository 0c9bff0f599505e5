"""Messages that no consumer may obey: kept in the database, shown to people, published again or discarded."""
