"""Reads events that jethook stored and enters each in a ledger once, however often it is killed. See ../README.md."""

import asyncio
import json
import os
import pathlib

import nats
from nats.errors import TimeoutError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

# After this many deliveries an event is a dead letter.
DELIVERIES_MAX = 5
# Events fetched ahead. Few: the time to acknowledge runs from the fetch.
AHEAD = 16

URL = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
STREAM = os.environ.get("STREAM", "WEBHOOKS")
SUBJECT = os.environ.get("SUBJECT", "webhooks.>")
DURABLE = os.environ.get("DURABLE", "ledger")
RETRY_DELAY = float(os.environ.get("RETRY_DELAY", "60"))
WORK = float(os.environ.get("WORK", "0"))
LEDGER = pathlib.Path(os.environ.get("LEDGER", "ledger.tsv"))


class Ledger:
    """A file that stands for your database. What matters: the effect and the id are written in one transaction."""

    def __init__(self, path):
        self.file = path.open("a+", encoding="utf-8")
        self.file.seek(0)
        self.known = {line.split("\t")[0] for line in self.file}

    def enter(self, event_id, kind):
        self.file.write(f"{event_id}\t{kind}\n")
        self.file.flush()
        self.known.add(event_id)


def tell(line):
    print(line, flush=True)


async def work(event):
    """Here goes what your service does with an event."""
    await asyncio.sleep(WORK)
    if "fail" in event:
        raise RuntimeError(event["fail"])


def parse(data):
    """The event, or None where no retry can mend it."""
    try:
        event = json.loads(data)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


async def handle(msg, ledger):
    # What makes an event the same one: a replay has an id of its own and names the first.
    event_id = msg.headers.get("jethook-replay-of") or msg.headers["Nats-Msg-Id"]
    if event_id in ledger.known:
        tell(f"again {event_id}")
        return await msg.ack()
    tell(f"working {event_id}")
    event = parse(msg.data)
    if event is None:
        tell(f"poison {event_id}: not a JSON object")
        return await msg.term()
    try:
        await work(event)
    except Exception as error:
        tell(f"retry {event_id}: {error}")
        return await msg.nak(delay=RETRY_DELAY)
    ledger.enter(event_id, msg.headers.get("ce-type", ""))
    tell(f"done {event_id}")
    await msg.ack()


async def messages(js, stream, config):
    """The messages of a durable pull consumer, for ever."""
    await js.add_consumer(stream, config)
    consumer = await js.pull_subscribe_bind(durable=config.durable_name, stream=stream)
    while True:
        try:
            batch = await consumer.fetch(AHEAD, timeout=30)
        except TimeoutError:
            continue
        for msg in batch:
            yield msg


async def events(js, ledger):
    config = ConsumerConfig(
        durable_name=DURABLE,
        filter_subject=SUBJECT,
        ack_policy=AckPolicy.EXPLICIT,
        # One that is killed never says no, so its event comes again after the same time.
        ack_wait=RETRY_DELAY,
        max_deliver=DELIVERIES_MAX,
    )
    async for msg in messages(js, STREAM, config):
        await handle(msg, ledger)


async def dead_letters(js):
    """Tells what this consumer gave up, so that somebody looks at it: the server names the events in advisories."""
    kinds = ("MAX_DELIVERIES", "MSG_TERMINATED")
    config = ConsumerConfig(
        durable_name=f"{DURABLE}-dead",
        filter_subjects=[f"$JS.EVENT.ADVISORY.CONSUMER.{kind}.{STREAM}.{DURABLE}" for kind in kinds],
        ack_policy=AckPolicy.EXPLICIT,
    )
    try:
        await js.stream_info("DEAD_LETTERS")
    except NotFoundError as error:
        raise SystemExit("there is no stream DEAD_LETTERS: `jethook dlq setup` makes it") from error
    async for msg in messages(js, "DEAD_LETTERS", config):
        advisory = json.loads(msg.data)
        try:
            event = await js.get_msg(STREAM, advisory["stream_seq"])
            event_id = event.headers["Nats-Msg-Id"]
        except NotFoundError:
            event_id = f"#{advisory['stream_seq']}, no longer in the stream"
        tell(f"dead {event_id}: {advisory['deliveries']} deliveries")
        await msg.ack()


async def main():
    nc = await nats.connect(URL, max_reconnect_attempts=-1)
    js = nc.jetstream()
    await asyncio.gather(events(js, Ledger(LEDGER)), dead_letters(js))


if __name__ == "__main__":
    asyncio.run(main())
