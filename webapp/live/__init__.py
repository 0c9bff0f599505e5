"""Live updates for open pages, in a process of their own, so that a thousand open tabs cannot hold up an order.

Server-sent events: `price` {symbol, price_cents, asked_at_ms}, `account` {seq}, `heartbeat` {at_ms}, and `status`
{live}: false while the broker is unreachable. Each carries the newest state, none a change: a client that
reconnects gets the current state first, and so misses nothing. The process publishes no command and writes nothing.
"""
