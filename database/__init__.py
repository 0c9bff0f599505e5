"""Connections through psycopg and SQLAlchemy, classification of their errors, migrations. No SQL of any feature."""
