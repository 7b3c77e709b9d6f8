"""Sockets in, frames out, and the streams of events behind them. Knows declarations and sequence numbers, not messages.

How one event travels: a service appends it to a stream (`streams`), in the transaction of the change itself. After
COMMIT it goes to the hub of this process (`hub`), which puts it into the window of its stream (`feed`), encodes it once
and writes it to every socket that follows the stream (`sockets`). What a client sends comes in through `consumer`,
`session` and the declarations of `core.doors`.
"""
