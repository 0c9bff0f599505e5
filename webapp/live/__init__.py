"""Live updates for open pages: a process of its own, so that a thousand open tabs cannot stop an order.

Server-sent events: `price` {symbol, price_cents, asked_at_ms}, `account` {seq}, `heartbeat` {at_ms}, and `status`
{live}: false while the broker is away. Each carries the newest state, none a change: a stream that was interrupted
begins with all that is current, and so misses nothing. It reads; it publishes no command and writes nothing.
"""
