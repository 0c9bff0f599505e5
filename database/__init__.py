"""The home of psycopg and SQLAlchemy: connections, classification of errors, migrations. No SQL of any feature."""
