//! `jethook dlq`: the events that consumers gave up, and a second chance for them.
//!
//! JetStream has no dead-letter queue: a message that a consumer gave up stays in its stream, and the server publishes an
//! advisory that names it. A stream that keeps these advisories is the queue; `setup` makes it.

use std::process::ExitCode;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{HeaderName, HeaderValue};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{self, DiscardPolicy, RawMessageErrorKind, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use comfy_table::Table;
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::tail::Event;
use super::{Failure, Output, block_on, print};
use crate::config::{self, NatsConfig};
use crate::store;

/// Published when a message was delivered as often as its consumer allows; behind it come the stream and the consumer.
const MAX_DELIVERIES: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES";
/// Published when a consumer ended the deliveries of a message by itself.
const TERMINATED: &str = "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED";
/// More dead letters than this push the oldest out.
const KEPT_MAX: i64 = 100_000;
/// Advisories read at a time.
const BATCH: usize = 500;
/// The consumer that reads the advisories is deleted when it was idle this long.
const READER_IDLE: Duration = Duration::from_secs(30);
/// The `Nats-Msg-Id` of the event that a message repeats: what consumers deduplicate by.
const REPLAY_OF: &str = "jethook-replay-of";
/// The consumer that a message is repeated for.
const REPLAY_FOR: &str = "jethook-replay-for";

/// Arguments of `jethook dlq`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// Make the stream that keeps the advisories; only what is given up from then on is a dead letter
    Setup(Setup),
    /// List the dead letters, the newest last
    List(List),
    /// Show a dead letter with its event
    Show(Show),
    /// Store the events of dead letters again, on their subjects, and take them off the list
    Replay(Replay),
}

/// Where the dead letters are.
#[derive(clap::Args, Debug)]
struct Queue {
    /// The stream that keeps the advisories
    #[arg(long, env = "JETHOOK_DLQ_STREAM", default_value = "DEAD_LETTERS")]
    dlq_stream: String,
    #[command(flatten)]
    nats: NatsConfig,
}

/// Which dead letters.
#[derive(clap::Args, Debug)]
struct Filter {
    /// Only of this stream's events; absent: of all streams
    #[arg(long)]
    stream: Option<String>,
    /// Only what this consumer gave up
    #[arg(long)]
    consumer: Option<String>,
}

#[derive(clap::Args, Debug)]
struct Setup {
    /// Copies of the stream, in a cluster of NATS servers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: u8,
    /// How long a dead letter is kept; its event is kept as long as its own stream says
    #[arg(long, default_value = "336h", value_parser = config::duration)]
    max_age: Duration,
    #[command(flatten)]
    queue: Queue,
}

#[derive(clap::Args, Debug)]
struct List {
    #[command(flatten)]
    filter: Filter,
    /// At most this many, the newest
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    queue: Queue,
}

#[derive(clap::Args, Debug)]
struct Show {
    /// The dead letter: an id of the list
    id: u64,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    queue: Queue,
}

#[derive(clap::Args, Debug)]
struct Replay {
    /// The dead letters: ids of the list
    #[arg(required_unless_present = "all")]
    ids: Vec<u64>,
    /// All of the list, or all that --stream and --consumer name
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// Leave them on the list
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    queue: Queue,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        Verb::Setup(args) => block_on(setup(args)),
        Verb::List(args) => block_on(list(args)),
        Verb::Show(args) => block_on(show(args)),
        Verb::Replay(args) => block_on(replay(args)),
    }
}

async fn setup(Setup { replicas, max_age, queue }: Setup) -> Result<ExitCode, Failure> {
    let context = store::jetstream(store::open_once(&queue.nats).await.map_err(Failure::Failed)?, &queue.nats);
    let subjects = vec![format!("{MAX_DELIVERIES}.>"), format!("{TERMINATED}.>")];
    let name = &queue.dlq_stream;
    let config = stream::Config {
        name: name.clone(),
        subjects: subjects.clone(),
        description: Some("advisories that name the messages which consumers gave up".to_owned()),
        max_age,
        max_messages: KEPT_MAX,
        discard: DiscardPolicy::Old,
        num_replicas: usize::from(replicas),
        ..Default::default()
    };
    match context.get_stream(name).await {
        Ok(stream) if subjects.iter().all(|subject| stream.cached_info().config.subjects.contains(subject)) => {
            print(&format!("stream {name} is there already; it was not changed\n"))?;
        }
        Ok(_) => {
            return Err(Failure::Failed(format!(
                "stream {name} is there and does not capture {}: add them to it, or give another --dlq-stream",
                subjects.join(" and ")
            )));
        }
        Err(error) if is_absent(&error.kind()) => {
            context.create_stream(config).await.map_err(|error| failed(name, &error))?;
            print(&format!("stream {name} made\n"))?;
        }
        Err(error) => return Err(failed(name, &error)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(List { filter, limit, output, queue }: List) -> Result<ExitCode, Failure> {
    let desk = Desk::open(&queue).await?;
    let letters = desk.letters(&filter).await?;
    let older = letters.len().saturating_sub(limit);
    let newest = letters.get(older..).unwrap_or_default();
    if older > 0 {
        super::say(&format!("jethook: {older} older ones are left out; --limit shows more"));
    }
    let mut rows = Vec::new();
    for letter in newest {
        rows.push((letter, desk.event(letter).await?));
    }
    match output {
        Output::Table => {
            let mut table = Table::new();
            table.set_header(["ID", "TIME", "STREAM", "CONSUMER", "WHY", "DELIVERIES", "SEQUENCE", "SUBJECT"]);
            for (letter, event) in rows {
                let advisory = &letter.advisory;
                table.add_row([
                    letter.id.to_string(),
                    advisory.timestamp.clone(),
                    advisory.stream.clone(),
                    advisory.consumer.clone(),
                    letter.why(),
                    advisory.deliveries.to_string(),
                    advisory.stream_seq.to_string(),
                    event.map_or_else(|| "(no longer in the stream)".to_owned(), |event| event.subject.to_string()),
                ]);
            }
            print(&format!("{table}\n"))?;
        }
        Output::Json | Output::Yaml => {
            let all = rows.into_iter().map(|(letter, event)| letter.data(event.as_ref())).collect();
            print(&data(&all, output)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(Show { id, output, queue }: Show) -> Result<ExitCode, Failure> {
    let desk = Desk::open(&queue).await?;
    let letter = desk.letter(id).await?;
    let event = desk.event(&letter).await?;
    match output {
        Output::Table => {
            let Letter { advisory, .. } = &letter;
            let mut text = format!(
                "{id}: consumer {} of stream {} gave it up at {} after {} deliveries ({})\n\n",
                advisory.consumer,
                advisory.stream,
                advisory.timestamp,
                advisory.deliveries,
                letter.why()
            );
            match &event {
                Some(event) => text.push_str(&shown(event).for_people()),
                None => text.push_str(&format!("#{} is no longer in the stream\n", advisory.stream_seq)),
            }
            print(&text)?;
        }
        Output::Json | Output::Yaml => {
            let mut value = letter.data(event.as_ref());
            if let (Some(fields), Some(event)) = (value.as_object_mut(), &event) {
                fields.insert("event".to_owned(), shown(event).for_programs());
            }
            print(&data(&value, output)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn replay(Replay { ids, all, filter, keep, queue }: Replay) -> Result<ExitCode, Failure> {
    let desk = Desk::open(&queue).await?;
    let mut letters = Vec::new();
    if all {
        letters = desk.letters(&filter).await?;
    } else {
        for id in ids {
            letters.push(desk.letter(id).await?);
        }
        if let Some(other) = letters.iter().find(|letter| !filter.takes(&letter.advisory)) {
            return Err(Failure::Usage(format!("{} is not of what --stream and --consumer name", other.id)));
        }
    }
    let mut failures = 0;
    for letter in &letters {
        // One that can't be repeated does not keep the others.
        match desk.replay(letter, keep).await {
            Ok(line) => print(&format!("{}: {line}\n", letter.id))?,
            Err(failure) => {
                failures += 1;
                super::say(&format!("jethook: {}: {failure}", letter.id));
            }
        }
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the server says of a message that was given up.
#[derive(Clone, Debug, Deserialize)]
struct Advisory {
    id: String,
    timestamp: String,
    stream: String,
    consumer: String,
    stream_seq: u64,
    #[serde(default)]
    deliveries: u64,
    reason: Option<String>,
    r#type: String,
}

/// An advisory and its number in the stream that keeps it.
#[derive(Clone, Debug)]
struct Letter {
    id: u64,
    advisory: Advisory,
}

impl Letter {
    fn parse(id: u64, payload: &[u8]) -> Result<Self, Failure> {
        let advisory = serde_json::from_slice(payload)
            .map_err(|error| Failure::Failed(format!("dead letter {id} is no advisory of a consumer: {error}")))?;
        Ok(Self { id, advisory })
    }

    fn is_terminated(&self) -> bool {
        self.advisory.r#type.ends_with(".terminated")
    }

    fn why(&self) -> String {
        match (&self.advisory.reason, self.is_terminated()) {
            (Some(reason), true) => format!("terminated: {reason}"),
            (None, true) => "terminated".to_owned(),
            (_, false) => "max deliveries".to_owned(),
        }
    }

    fn data(&self, event: Option<&StreamMessage>) -> Value {
        let Advisory { id: _, timestamp, stream, consumer, stream_seq, deliveries, reason, r#type: _ } = &self.advisory;
        json!({
            "id": self.id,
            "time": timestamp,
            "stream": stream,
            "consumer": consumer,
            "why": if self.is_terminated() { "terminated" } else { "maxDeliveries" },
            "reason": reason,
            "deliveries": deliveries,
            "sequence": stream_seq,
            "subject": event.map(|event| event.subject.as_str()),
            "held": event.is_some(),
        })
    }
}

impl Filter {
    fn takes(&self, advisory: &Advisory) -> bool {
        self.stream.as_ref().is_none_or(|stream| *stream == advisory.stream)
            && self.consumer.as_ref().is_none_or(|consumer| *consumer == advisory.consumer)
    }
}

/// The queue, opened.
struct Desk {
    context: Context,
    stream: Stream,
    name: String,
}

impl Desk {
    async fn open(queue: &Queue) -> Result<Self, Failure> {
        let Queue { dlq_stream: name, nats } = queue;
        let context = store::jetstream(store::open_once(nats).await.map_err(Failure::Failed)?, nats);
        match context.get_stream(name).await {
            Ok(stream) => Ok(Self { context, stream, name: name.clone() }),
            Err(error) if is_absent(&error.kind()) => {
                Err(Failure::Failed(format!("there is no stream {name}: `jethook dlq setup` makes it")))
            }
            Err(error) => Err(failed(name, &error)),
        }
    }

    /// The dead letters, the oldest first.
    async fn letters(&self, filter: &Filter) -> Result<Vec<Letter>, Failure> {
        let of = |head: &str| {
            let token = |name: &Option<String>| name.clone().unwrap_or_else(|| "*".to_owned());
            format!("{head}.{}.{}", token(&filter.stream), token(&filter.consumer))
        };
        let config = pull::Config {
            filter_subjects: vec![of(MAX_DELIVERIES), of(TERMINATED)],
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::None,
            inactive_threshold: READER_IDLE,
            memory_storage: true,
            ..Default::default()
        };
        let consumer = self.stream.create_consumer(config).await.map_err(|error| failed(&self.name, &error))?;
        let mut letters = Vec::new();
        loop {
            let before = letters.len();
            let mut batch =
                consumer.fetch().max_messages(BATCH).messages().await.map_err(|error| failed(&self.name, &error))?;
            while let Some(message) = batch.next().await {
                let message = message.map_err(|error| failed(&self.name, &*error))?;
                let number = message.info().map_err(|error| failed(&self.name, &*error))?.stream_sequence;
                letters.push(Letter::parse(number, &message.payload)?);
            }
            if letters.len() == before {
                return Ok(letters);
            }
        }
    }

    async fn letter(&self, id: u64) -> Result<Letter, Failure> {
        match raw(&self.stream, &self.name, id).await? {
            Some(message) => Letter::parse(id, &message.payload),
            None => Err(Failure::Failed(format!("there is no dead letter {id}: `jethook dlq list` shows them"))),
        }
    }

    /// The event itself; `None` when its stream has let it go.
    async fn event(&self, Letter { advisory, .. }: &Letter) -> Result<Option<StreamMessage>, Failure> {
        let stream = match self.context.get_stream_no_info(&advisory.stream).await {
            Ok(stream) => stream,
            Err(error) => return Err(failed(&advisory.stream, &error)),
        };
        raw(&stream, &advisory.stream, advisory.stream_seq).await
    }

    /// Stores the event again and says what became of it.
    async fn replay(&self, letter: &Letter, keep: bool) -> Result<String, Failure> {
        let Letter { id, advisory } = letter;
        let Some(event) = self.event(letter).await? else {
            return Err(Failure::Failed(format!(
                "#{} is no longer in stream {}: let the provider send it again",
                advisory.stream_seq, advisory.stream
            )));
        };
        let headers = again(&event, advisory)?;
        let subject = event.subject.clone();
        let publishing = self.context.publish_with_headers(subject, headers, event.payload);
        let ack = match publishing.await {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        };
        let ack = ack.map_err(|error| failed(&advisory.stream, &error))?;
        if !keep {
            self.stream.delete_message(*id).await.map_err(|error| {
                Failure::Failed(format!(
                    "stored again as #{}, but stays on the list: stream {}: {error}",
                    ack.sequence, self.name
                ))
            })?;
        }
        Ok(if ack.duplicate {
            format!("was stored again before, as #{}", ack.sequence)
        } else {
            format!("stored again as #{} on {}", ack.sequence, event.subject)
        })
    }
}

/// The headers of an event that is stored again. Its own `Nats-Msg-Id` would make it a duplicate, and nothing would be stored.
fn again(event: &StreamMessage, advisory: &Advisory) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, values) in event.headers.iter() {
        let text = name.to_string().to_ascii_lowercase();
        // `Nats-…` are commands to the server.
        if text.starts_with("nats-") || text == REPLAY_OF || text == REPLAY_FOR {
            continue;
        }
        for value in values {
            headers.append(name.clone(), value.clone());
        }
    }
    let first = event.headers.get(REPLAY_OF).or_else(|| event.headers.get(async_nats::header::NATS_MESSAGE_ID));
    let origin = first.map_or_else(|| format!("{}.{}", advisory.stream, advisory.stream_seq), ToString::to_string);
    // The same dead letter replayed twice is stored once.
    let own = format!("{origin}.replay.{}", advisory.id);
    for (name, text) in [
        (HeaderName::from_static(REPLAY_OF), origin.as_str()),
        (HeaderName::from_static(REPLAY_FOR), &advisory.consumer),
        (async_nats::header::NATS_MESSAGE_ID, &own),
        (async_nats::header::NATS_EXPECTED_STREAM, &advisory.stream),
    ] {
        let value: HeaderValue = text.parse().map_err(|_| Failure::Failed(format!("{name} holds a line break")))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// A message of a stream; `None` where it is gone, or the stream itself.
async fn raw(stream: &Stream<impl Sync>, name: &str, sequence: u64) -> Result<Option<StreamMessage>, Failure> {
    match stream.get_raw_message(sequence).await {
        Ok(message) => Ok(Some(message)),
        Err(error) => match error.kind() {
            RawMessageErrorKind::NoMessageFound => Ok(None),
            RawMessageErrorKind::JetStream(error) if is_gone(error.error_code()) => Ok(None),
            _ => Err(failed(name, &error)),
        },
    }
}

fn is_gone(code: ErrorCode) -> bool {
    code == ErrorCode::NO_MESSAGE_FOUND || code == ErrorCode::STREAM_NOT_FOUND
}

fn is_absent(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn shown(event: &StreamMessage) -> Event<'_> {
    let StreamMessage { subject, sequence, headers, payload, time: _ } = event;
    Event { subject: subject.as_str(), sequence: Some(*sequence), headers: Some(headers), payload }
}

fn data(value: &Value, output: Output) -> Result<String, Failure> {
    match output {
        Output::Yaml => serde_saphyr::to_string(value).map_err(|error| Failure::Failed(error.to_string())),
        Output::Json | Output::Table => Ok(format!("{value}\n")),
    }
}

fn failed(stream: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(format!("stream {stream}: {error}"))
}
