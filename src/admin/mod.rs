//! The admin port: `/livez`, `/readyz`, `/metrics`; `/endpoints` in manifests mode.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use tokio::net::TcpListener;

use crate::health::Health;
use crate::metrics::Metrics;

/// Endpoints with their statuses, as JSON objects.
pub type Endpoints = Arc<ArcSwap<Vec<serde_json::Value>>>;

/// What the admin port shows.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Liveness and readiness.
    pub health: Health,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Endpoints with their statuses, in manifests mode only: in a cluster the resources themselves show them.
    pub endpoints: Option<Endpoints>,
}

/// Binds the admin port.
///
/// # Errors
/// A sentence that names the flag and the address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("--admin-listen {address}: {error}"))
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, admin: Admin) {
    let mut router =
        Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).route("/metrics", get(metrics));
    if admin.endpoints.is_some() {
        router = router.route("/endpoints", get(endpoints));
    }
    if let Err(error) = axum::serve(listener, router.with_state(admin)).await {
        tracing::error!(%error, "the admin port is closed");
    }
}

async fn livez(State(admin): State<Admin>) -> Response {
    let dead = admin.health.dead(Timestamp::now());
    if dead.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::INTERNAL_SERVER_ERROR, format!("no sign of life: {}\n", dead.join(", "))).into_response()
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let closed = admin.health.closed();
    if closed.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", closed.join(", "))).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPEN_METRICS)], admin.metrics.render(Timestamp::now())).into_response()
}

async fn endpoints(State(admin): State<Admin>) -> Response {
    match &admin.endpoints {
        Some(endpoints) => Json(&**endpoints.load()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
