"""The home of psycopg and SQLAlchemy: connections, what their errors mean, migrations. No SQL of any feature."""
