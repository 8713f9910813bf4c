// Reads events that jethook stored and enters each in a ledger once, however often it is killed. See ../README.md.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, nanos } from "@nats-io/transport-node";

// After this many deliveries an event is a dead letter.
const DELIVERIES_MAX = 5;
// Events fetched ahead. Few: the time to acknowledge runs from the fetch.
const AHEAD = 16;

const env = process.env;
const url = env.NATS_URL ?? "nats://127.0.0.1:4222";
const stream = env.STREAM ?? "WEBHOOKS";
const durable = env.DURABLE ?? "ledger";
const retryDelay = Number(env.RETRY_DELAY ?? "60") * 1000;
const pause = Number(env.WORK ?? "0") * 1000;

// A file that stands for your database. What matters: the effect and the id are written in one transaction.
class Ledger {
  constructor(path) {
    this.path = path;
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    this.known = new Set(text.split("\n").filter(Boolean).map((line) => line.split("\t")[0]));
  }

  enter(id, type) {
    appendFileSync(this.path, `${id}\t${type}\n`);
    this.known.add(id);
  }
}

// Here goes what your service does with an event.
async function work(event) {
  await sleep(pause);
  if (event.fail !== undefined) throw new Error(event.fail);
}

// The event, or null where no retry can mend it.
function parse(message) {
  try {
    const event = message.json();
    return typeof event === "object" && !Array.isArray(event) ? event : null;
  } catch {
    return null;
  }
}

async function handle(message, ledger) {
  // What makes an event the same one: a replay has an id of its own and names the first.
  const id = message.headers.get("jethook-replay-of") || message.headers.get("Nats-Msg-Id");
  if (ledger.known.has(id)) {
    console.log(`again ${id}`);
    return message.ack();
  }
  console.log(`working ${id}`);
  const event = parse(message);
  if (event === null) {
    console.log(`poison ${id}: not a JSON object`);
    return message.term("not a JSON object");
  }
  try {
    await work(event);
  } catch (error) {
    console.log(`retry ${id}: ${error.message}`);
    return message.nak(retryDelay);
  }
  ledger.enter(id, message.headers.get("ce-type"));
  console.log(`done ${id}`);
  message.ack();
}

async function events(js, manager, ledger) {
  await manager.consumers.add(stream, {
    durable_name: durable,
    filter_subject: env.SUBJECT ?? "webhooks.>",
    ack_policy: AckPolicy.Explicit,
    // One that is killed never says no, so its event comes again after the same time.
    ack_wait: nanos(retryDelay),
    max_deliver: DELIVERIES_MAX,
  });
  const consumer = await js.consumers.get(stream, durable);
  for await (const message of await consumer.consume({ max_messages: AHEAD })) {
    await handle(message, ledger);
  }
}

// Tells what this consumer gave up, so that somebody looks at it: the server names the events in advisories.
async function deadLetters(js, manager) {
  const of = (kind) => `$JS.EVENT.ADVISORY.CONSUMER.${kind}.${stream}.${durable}`;
  await manager.consumers
    .add("DEAD_LETTERS", {
      durable_name: `${durable}-dead`,
      filter_subjects: [of("MAX_DELIVERIES"), of("MSG_TERMINATED")],
      ack_policy: AckPolicy.Explicit,
    })
    .catch((cause) => {
      throw new Error("stream DEAD_LETTERS, which `jethook dlq setup` makes", { cause });
    });
  const consumer = await js.consumers.get("DEAD_LETTERS", `${durable}-dead`);
  for await (const message of await consumer.consume({ max_messages: AHEAD })) {
    const advisory = message.json();
    const event = await manager.streams.getMessage(stream, { seq: advisory.stream_seq }).catch(() => null);
    const id = event?.header.get("Nats-Msg-Id") ?? `#${advisory.stream_seq}, no longer in the stream`;
    console.log(`dead ${id}: ${advisory.deliveries} deliveries ${advisory.reason ?? ""}`);
    message.ack();
  }
}

const connection = await connect({ servers: url, maxReconnectAttempts: -1 });
const js = jetstream(connection);
const manager = await jetstreamManager(connection);
await Promise.all([events(js, manager, new Ledger(env.LEDGER ?? "ledger.tsv")), deadLetters(js, manager)]);
