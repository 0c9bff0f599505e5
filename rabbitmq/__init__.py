"""Everything that touches RabbitMQ, and the only home of pika: its errors leave here as `schema.errors.BrokerError`."""
