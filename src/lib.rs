#![doc = include_str!("README.md")]

pub mod secret;

pub mod config;
pub mod telemetry;

pub mod health;

pub mod scheme;

pub mod catalogue;

#[allow(unreachable_pub, reason = "the KubeSchema derive repeats each struct inside a private function")]
pub mod api;

pub mod outcome;

pub mod metrics;

pub mod route;

pub mod event;

pub mod store;

pub mod receiver;

pub mod controller;

pub mod admin;

pub mod cli;
