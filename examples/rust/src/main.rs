//! Reads events that jethook stored and enters each in a ledger once, however often it is killed. See ../README.md.

use std::collections::HashSet;
use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, AckKind, Message};
use futures_util::StreamExt as _;
use serde_json::Value;

/// After this many deliveries an event is a dead letter.
const DELIVERIES_MAX: i64 = 5;
/// Events fetched ahead. Few: the time to acknowledge runs from the fetch.
const AHEAD: usize = 16;

struct Settings {
    url: String,
    stream: String,
    subject: String,
    durable: String,
    retry_delay: Duration,
    work: Duration,
    ledger: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let set = settings()?;
    let js = jetstream::new(async_nats::connect(&set.url).await?);
    let stream = js.get_stream(&set.stream).await.with_context(|| format!("stream {}", set.stream))?;
    let config = pull::Config {
        durable_name: Some(set.durable.clone()),
        filter_subject: set.subject.clone(),
        // One that is killed never says no, so its event comes again after the same time.
        ack_wait: set.retry_delay,
        max_deliver: DELIVERIES_MAX,
        ..Default::default()
    };
    let consumer = stream.create_consumer(config).await?;
    let letters = js.get_stream("DEAD_LETTERS").await.context("stream DEAD_LETTERS: `jethook dlq setup` makes it")?;
    let mut ledger = Ledger::open(&set.ledger)?;
    let mut messages = consumer.stream().max_messages_per_batch(AHEAD).messages().await?;
    let events = async {
        while let Some(message) = messages.next().await {
            handle(&message?, &mut ledger, &set).await?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(events, dead_letters(&letters, &stream, &set))?;
    Ok(())
}

async fn handle(message: &Message, ledger: &mut Ledger, set: &Settings) -> Result<()> {
    let id = id_of(message)?;
    if ledger.known.contains(&id) {
        println!("again {id}");
        return acknowledge(message, AckKind::Ack).await;
    }
    println!("working {id}");
    let event: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
    if !event.is_object() {
        // No retry can mend it.
        println!("poison {id}: not a JSON object");
        return acknowledge(message, AckKind::Term).await;
    }
    match work(&event, set).await {
        Ok(()) => {
            ledger.enter(&id, header(message, "ce-type").unwrap_or_default())?;
            println!("done {id}");
            acknowledge(message, AckKind::Ack).await
        }
        Err(error) => {
            println!("retry {id}: {error}");
            acknowledge(message, AckKind::Nak(Some(set.retry_delay))).await
        }
    }
}

/// Here goes what your service does with an event.
async fn work(event: &Value, set: &Settings) -> Result<()> {
    tokio::time::sleep(set.work).await;
    if let Some(why) = event["fail"].as_str() {
        bail!("{why}");
    }
    Ok(())
}

async fn acknowledge(message: &Message, kind: AckKind) -> Result<()> {
    message.ack_with(kind).await.map_err(|error| anyhow!(error))
}

/// What makes an event the same one: a replay has an id of its own and names the first.
fn id_of(message: &Message) -> Result<String> {
    let id = header(message, "jethook-replay-of").or_else(|| header(message, "Nats-Msg-Id"));
    Ok(id.context("a message without Nats-Msg-Id")?.to_owned())
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str)
}

/// Tells what this consumer gave up, so that somebody looks at it: the server names the events in advisories.
async fn dead_letters(letters: &Stream, events: &Stream, set: &Settings) -> Result<()> {
    let of = |kind: &str| format!("$JS.EVENT.ADVISORY.CONSUMER.{kind}.{}.{}", set.stream, set.durable);
    let config = pull::Config {
        durable_name: Some(format!("{}-dead", set.durable)),
        filter_subjects: vec![of("MAX_DELIVERIES"), of("MSG_TERMINATED")],
        ..Default::default()
    };
    let mut messages = letters.create_consumer(config).await?.messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        let advisory: Value = serde_json::from_slice(&message.payload)?;
        let sequence = advisory["stream_seq"].as_u64().context("an advisory without stream_seq")?;
        let id = match events.get_raw_message(sequence).await {
            Ok(event) => event.headers.get("Nats-Msg-Id").map(ToString::to_string).unwrap_or_default(),
            Err(_) => format!("#{sequence}, no longer in the stream"),
        };
        println!("dead {id}: {} deliveries", advisory["deliveries"]);
        acknowledge(&message, AckKind::Ack).await?;
    }
    Ok(())
}

/// A file that stands for your database. What matters: the effect and the id are written in one transaction.
struct Ledger {
    file: File,
    known: HashSet<String>,
}

impl Ledger {
    fn open(path: &str) -> Result<Self> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let known = text.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect();
        Ok(Self { file: File::options().create(true).append(true).open(path)?, known })
    }

    fn enter(&mut self, id: &str, kind: &str) -> Result<()> {
        self.file.write_all(format!("{id}\t{kind}\n").as_bytes())?;
        self.known.insert(id.to_owned());
        Ok(())
    }
}

fn settings() -> Result<Settings> {
    let text = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let seconds = |name: &str, default: &str| {
        let value = text(name, default).parse::<f64>().with_context(|| format!("{name}: a number of seconds"))?;
        Duration::try_from_secs_f64(value).with_context(|| name.to_owned())
    };
    Ok(Settings {
        url: text("NATS_URL", "nats://127.0.0.1:4222"),
        stream: text("STREAM", "WEBHOOKS"),
        subject: text("SUBJECT", "webhooks.>"),
        durable: text("DURABLE", "ledger"),
        retry_delay: seconds("RETRY_DELAY", "60")?,
        work: seconds("WORK", "0")?,
        ledger: text("LEDGER", "ledger.tsv"),
    })
}
