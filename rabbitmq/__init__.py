"""All code that talks to RabbitMQ. No other folder imports pika. Its errors become `schema.errors.BrokerError` here."""
