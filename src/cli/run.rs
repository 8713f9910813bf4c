//! `jethook run`: wires everything. The only place that knows all parts.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Failure, install_crypto};
use crate::admin::{self, Admin};
use crate::config::RunConfig;
use crate::controller;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::receiver::Receiver;
use crate::route::{Routes, Settings};
use crate::{store, telemetry};
