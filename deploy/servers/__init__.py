"""RabbitMQ and Postgres: installed, started, given, or in containers."""
