//! What tests share.

pub mod apiserver;
pub mod eventually;
pub mod http;
pub mod operator;
pub mod proxy;
pub mod receiver;
