"""Messages that consumers refused: kept in the database, shown to people, published again or discarded."""
