//! The spans of a delivery, by OpenTelemetry's conventions for HTTP servers and for messaging. They say what the log says;
//! nothing that a sender chose is in them.

use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;
use jiff::Timestamp;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use tokio::time::Instant;

use super::handle::Done;
use crate::event::{self, Event};
use crate::outcome::{Outcome, Refusal};
use crate::route::Route;
use crate::trace::{self, Span, Traces};

/// The span of a request, and that of what is being done about it.
#[derive(Debug)]
pub(super) struct Spans {
    request: Span,
    step: Option<Span>,
}

impl Spans {
    /// Begins below the sender's span, where it tells one. `scheme` is http or https.
    pub(super) fn begin(traces: &Traces, route: &Route, parts: &Parts, scheme: &'static str, began: Instant) -> Self {
        let parent = match event::traceparent(&parts.headers) {
            Some(parent) => trace::remote(parent, event::tracestate(&parts.headers).as_deref()),
            None => Context::new(),
        };
        let now = SystemTime::from(Timestamp::now());
        let builder = SpanBuilder::from_name("delivery")
            .with_kind(SpanKind::Server)
            .with_start_time(now.checked_sub(began.elapsed()).unwrap_or(now));
        let mut request = traces.span(builder, &parent);
        if request.is_recording() {
            describe(&mut request, route, parts, scheme);
        }
        Self { request, step: None }
    }

    /// The body is there and is being verified.
    pub(super) fn verify(&mut self, traces: &Traces) {
        self.next(traces, || SpanBuilder::from_name("verify").with_kind(SpanKind::Internal));
    }

    /// The event is being published, and carries the span under which that happens.
    pub(super) fn publish(&mut self, traces: &Traces, event: &mut Event) {
        self.next(traces, || {
            let stream = event.stream().unwrap_or_default().to_owned();
            let bytes = i64::try_from(event.payload.len()).unwrap_or(i64::MAX);
            SpanBuilder::from_name(format!("publish {stream}")).with_kind(SpanKind::Producer).with_attributes([
                KeyValue::new("messaging.system", "nats"),
                KeyValue::new("messaging.operation.name", "publish"),
                KeyValue::new("messaging.operation.type", "send"),
                KeyValue::new("messaging.destination.name", stream),
                KeyValue::new("messaging.message.body.size", bytes),
            ])
        });
        let span = self.step.as_ref().unwrap_or(&self.request);
        let (traceparent, tracestate) = trace::handed_on(span.span_context());
        event.carry(&traceparent, &tracestate);
    }

    /// The request ended so.
    pub(super) fn end(mut self, result: &Result<Done, Refusal>, outcome: Outcome, body_bytes: usize) {
        if !self.request.is_recording() {
            return;
        }
        let status = match result {
            Ok(done) => done.status(),
            Err(refusal) => refusal.status(),
        };
        self.request.set_attributes([
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
            KeyValue::new("http.request.body.size", i64::try_from(body_bytes).unwrap_or(i64::MAX)),
            KeyValue::new("jethook.outcome", outcome.label()),
        ]);
        if let Err(refusal) = result {
            let reason = refusal.reason();
            if let Some(step) = &mut self.step {
                step.set_status(Status::error(reason.clone()));
            }
            // What the sender did wrong is no fault of the server's.
            if status.is_server_error() {
                self.request.set_attribute(KeyValue::new("error.type", outcome.label()));
                self.request.set_status(Status::error(reason.clone()));
            }
            self.request.set_attribute(KeyValue::new("jethook.reason", reason));
        }
        self.step = None;
        self.request.end();
    }

    /// Ends the step and begins the next one, where the delivery is sampled.
    fn next(&mut self, traces: &Traces, builder: impl FnOnce() -> SpanBuilder) {
        self.step = None;
        if self.request.is_recording() {
            let parent = Context::new().with_remote_span_context(self.request.span_context().clone());
            self.step = Some(traces.span(builder(), &parent));
        }
    }
}

fn describe(span: &mut Span, route: &Route, parts: &Parts, scheme: &'static str) {
    // A method that the route does not take may be any text.
    let method = route.methods.iter().find(|method| **method == parts.method);
    let (named, method) = method.map_or(("HTTP", "_OTHER"), |method| (method.as_str(), method.as_str()));
    span.update_name(format!("{named} {}", route.path));
    // The path as the route has it: without the token that may follow it.
    span.set_attributes([
        KeyValue::new("http.request.method", method.to_owned()),
        KeyValue::new("http.route", route.path.clone()),
        KeyValue::new("url.path", route.path.clone()),
        KeyValue::new("url.scheme", scheme),
        KeyValue::new("jethook.endpoint.namespace", Arc::clone(&route.endpoint.namespace)),
        KeyValue::new("jethook.endpoint.name", Arc::clone(&route.endpoint.name)),
        KeyValue::new("jethook.provider", Arc::clone(&route.provider)),
    ]);
}
