#![doc = include_str!("README.md")]

// Bottom first: a module imports only from those above it (`tests/it/tidy.rs`).
pub mod cause;

mod tls;

pub mod secret;

pub mod health;

pub mod scheme;

pub mod catalogue;

pub mod api;

pub mod config;

pub mod telemetry;

pub mod trace;

pub mod outcome;

pub mod metrics;

pub mod stream;

pub mod replicas;

pub mod event;

pub mod fetch;

pub mod route;

pub mod store;

pub mod receiver;

pub mod controller;

pub mod admin;

pub mod cli;
