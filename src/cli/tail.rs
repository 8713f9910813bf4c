//! `jethook tail`: events as they arrive in the stream.

use std::collections::BTreeMap;
use std::process::ExitCode;

use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use data_encoding::BASE64;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::{Failure, Output, block_on, print};
use crate::config::NatsConfig;
use crate::store;

/// Longer payloads are cut on a terminal; `-o json` has them whole.
const PAYLOAD_SHOWN_MAX: usize = 2000;

/// Arguments of `jethook tail`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Which events: a subject, wildcards allowed
    #[arg(default_value = ">")]
    subject: String,
    /// The stream
    #[arg(long, env = "JETHOOK_STREAM", default_value = "WEBHOOKS")]
    stream: String,
    /// Begin with the oldest event that the stream holds; absent: only new ones
    #[arg(long)]
    all: bool,
    /// End after this many events
    #[arg(long)]
    count: Option<u64>,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    nats: NatsConfig,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    block_on(follow(args))?;
    Ok(ExitCode::SUCCESS)
}

async fn follow(args: Args) -> Result<(), Failure> {
    let Args { subject, stream, all, count, output, nats } = args;
    let client = store::open_once(&nats).await.map_err(Failure::Failed)?;
    let context = store::jetstream(client, &nats);
    let handle =
        context.get_stream(&stream).await.map_err(|error| Failure::Failed(format!("stream {stream}: {error}")))?;
    let deliver_policy = if all { DeliverPolicy::All } else { DeliverPolicy::New };
    let config = OrderedConfig { filter_subject: subject, deliver_policy, ..Default::default() };
    let consumer =
        handle.create_consumer(config).await.map_err(|error| Failure::Failed(format!("stream {stream}: {error}")))?;
    let mut messages =
        consumer.messages().await.map_err(|error| Failure::Failed(format!("stream {stream}: {error}")))?;
    let mut seen = 0;
    while count.is_none_or(|count| seen < count) {
        tokio::select! {
            message = messages.next() => match message {
                Some(Ok(message)) => print(&render(&message, output)?)?,
                // An ordered consumer makes itself anew after an error.
                Some(Err(error)) => super::say(&format!("jethook: {error}")),
                None => break,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
        seen += 1;
    }
    Ok(())
}

fn render(message: &Message, output: Output) -> Result<String, Failure> {
    let sequence = message.info().ok().map(|info| info.stream_sequence);
    let event = Event {
        subject: message.subject.as_str(),
        sequence,
        headers: message.headers.as_ref(),
        payload: &message.payload,
    };
    match output {
        Output::Table => Ok(event.for_people()),
        Output::Json => Ok(format!("{}\n", event.for_programs())),
        Output::Yaml => serde_saphyr::to_string(&event.for_programs())
            .map(|text| format!("---\n{text}"))
            .map_err(|error| Failure::Failed(error.to_string())),
    }
}

/// A message of a stream, to be shown.
pub(super) struct Event<'a> {
    pub(super) subject: &'a str,
    pub(super) sequence: Option<u64>,
    pub(super) headers: Option<&'a HeaderMap>,
    pub(super) payload: &'a [u8],
}

impl Event<'_> {
    /// All of it.
    pub(super) fn for_programs(&self) -> Value {
        let mut event = json!({"subject": self.subject, "sequence": self.sequence, "headers": self.headers()});
        let (field, payload) = match std::str::from_utf8(self.payload) {
            Ok(text) => ("payload", text.to_owned()),
            Err(_) => ("payloadBase64", BASE64.encode(self.payload)),
        };
        if let Some(event) = event.as_object_mut() {
            event.insert(field.to_owned(), Value::from(payload));
        }
        event
    }

    /// The headers, and as much of the payload as a terminal takes.
    pub(super) fn for_people(&self) -> String {
        let mut text = format!("#{} {}\n", self.sequence.unwrap_or_default(), self.subject);
        for (name, value) in self.headers() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!("  {name}: {value}\n"));
        }
        let payload = String::from_utf8_lossy(self.payload);
        let shown: String = payload.chars().take(PAYLOAD_SHOWN_MAX).collect();
        text.push_str(&format!("\n  {}\n\n", shown.replace('\n', "\n  ")));
        if shown.len() < payload.len() {
            text.push_str(&format!("  … {} bytes in all; -o json shows them\n\n", self.payload.len()));
        }
        text
    }

    /// A header that occurs once is a string, a repeated one a list.
    fn headers(&self) -> BTreeMap<String, Value> {
        let Some(headers) = self.headers else { return BTreeMap::new() };
        let value = |values: &Vec<async_nats::HeaderValue>| match values.as_slice() {
            [one] => Value::from(one.as_str()),
            several => several.iter().map(async_nats::HeaderValue::as_str).collect(),
        };
        headers.iter().map(|(name, values)| (name.to_string(), value(values))).collect()
    }
}
