//! Traces: which deliveries are traced, the context that goes in and out, and the way to a collector by OTLP.

mod export;

use std::fmt;
use std::time::Duration;

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanBuilder, SpanContext, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

pub use opentelemetry_sdk::trace::Span;

use crate::config::{self, TraceConfig};

/// How long what is left may take to be sent when the process ends.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// Where spans begin, and go when they have ended: to a queue of bounded length, which a thread of its own empties. Never
/// waits; what finds no room is dropped.
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl fmt::Debug for Traces {
    /// What is below holds the headers for the collector, and with them its credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

impl Traces {
    /// Starts the way to the collector, where one is configured. `instance` tells this replica from the others; `runtime`
    /// is what posts.
    ///
    /// # Errors
    /// What is wrong with the configuration, naming the flag or the variable.
    pub fn start(config: &TraceConfig, instance: String, runtime: Handle) -> Result<Option<Self>, String> {
        let Some(url) = config.url()? else { return Ok(None) };
        let exporter = export::Exporter::new(&url, config.otlp_ca_file.as_deref(), runtime)?;
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler(config))
            .with_resource(resource(instance))
            .with_span_processor(BatchSpanProcessor::builder(exporter).build())
            .build();
        let tracer = provider.tracer("jethook");
        Ok(Some(Self { provider, tracer }))
    }

    /// Begins a span below another, or one of its own where `parent` holds none.
    #[must_use]
    pub fn span(&self, builder: SpanBuilder, parent: &Context) -> Span {
        self.tracer.build_with_context(builder, parent)
    }

    /// Sends what is left, within a time that is bounded.
    pub async fn end(&self) {
        let provider = self.provider.clone();
        // It waits for the thread that posts.
        let flushing = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_MAX));
        if !matches!(flushing.await, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be sent to the collector in time");
        }
    }
}

fn sampler(config: &TraceConfig) -> Sampler {
    use config::Sampler as Named;
    let by_parent = |root: Sampler| Sampler::ParentBased(Box::new(root));
    let by_ratio = Sampler::TraceIdRatioBased(config.traces_sampler_arg);
    match config.traces_sampler {
        Named::AlwaysOn => Sampler::AlwaysOn,
        Named::AlwaysOff => Sampler::AlwaysOff,
        Named::Traceidratio => by_ratio,
        Named::ParentbasedAlwaysOn => by_parent(Sampler::AlwaysOn),
        Named::ParentbasedAlwaysOff => by_parent(Sampler::AlwaysOff),
        Named::ParentbasedTraceidratio => by_parent(by_ratio),
    }
}

/// What all spans say of this process; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` come first.
fn resource(instance: String) -> Resource {
    let given = Resource::builder().build();
    let is_given = |key: &'static str| {
        let value = given.get(&Key::from_static_str(key));
        value.is_some_and(|value| !value.as_str().starts_with("unknown_service"))
    };
    let own = [
        ("service.name", Value::from("jethook")),
        ("service.version", Value::from(env!("CARGO_PKG_VERSION"))),
        ("service.instance.id", Value::from(instance)),
    ];
    let missing = own.into_iter().filter(|(key, _)| !is_given(key)).map(|(key, value)| KeyValue::new(key, value));
    Resource::builder().with_attributes(missing).build()
}

/// The context of a sender, from a valid `traceparent` and the `tracestate` beside it; one that does not parse is left out.
#[must_use]
pub fn remote(traceparent: &str, tracestate: Option<&str>) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Sender { traceparent, tracestate })
}

/// The `traceparent` and the `tracestate` that hand a span on; no state is an empty one.
#[must_use]
pub fn handed_on(span: &SpanContext) -> (String, String) {
    let mut carrier = Carrier::default();
    TraceContextPropagator::new().inject_context(&Context::new().with_remote_span_context(span.clone()), &mut carrier);
    (carrier.traceparent, carrier.tracestate)
}

struct Sender<'a> {
    traceparent: &'a str,
    tracestate: Option<&'a str>,
}

impl Extractor for Sender<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.traceparent),
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

#[derive(Default)]
struct Carrier {
    traceparent: String,
    tracestate: String,
}

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        match key {
            "traceparent" => self.traceparent = value,
            "tracestate" => self.tracestate = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_is_handed_on_as_it_came() {
        let of = |parent: &str, state: Option<&str>| handed_on(remote(parent, state).span().span_context());
        let text = |parent: &str, state: &str| (parent.to_owned(), state.to_owned());
        assert_eq!(of(PARENT, None), text(PARENT, ""));
        assert_eq!(of(PARENT, Some("a=1, b=2")), text(PARENT, "a=1,b=2"));
        assert_eq!(of(PARENT, Some("no state")), text(PARENT, ""));
        let unsampled = PARENT.replace("-01", "-00");
        assert_eq!(of(&unsampled, None), text(&unsampled, ""));
    }

    #[test]
    fn a_process_says_who_it_is() {
        let resource = resource("jethook-0".to_owned());
        let get = |key: &'static str| resource.get(&Key::from_static_str(key)).map(|value| value.to_string());
        assert_eq!(get("service.name").as_deref(), Some("jethook"));
        assert_eq!(get("service.instance.id").as_deref(), Some("jethook-0"));
        assert_eq!(get("service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
    }
}
