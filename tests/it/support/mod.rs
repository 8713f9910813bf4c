//! What tests share.

pub mod apiserver;
pub mod balancer;
pub mod collector;
pub mod eventually;
pub mod http;
pub mod keys;
pub mod kubectl;
pub mod load;
pub mod nats;
pub mod nkey;
pub mod operator;
pub mod proxy;
pub mod reaper;
pub mod receiver;
pub mod runtime;
pub mod sign;
pub mod stage;
pub mod store;
pub mod tls;
pub mod wire;
