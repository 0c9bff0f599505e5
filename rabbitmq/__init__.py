"""All code that talks to RabbitMQ, and the only home of pika, whose errors become `schema.errors.BrokerError` here."""
