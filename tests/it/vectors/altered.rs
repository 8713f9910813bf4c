//! What is derived from a genuine request by altering it: each refusal follows from the entry's description.

mod back;
mod bound;
mod content;
mod downgrade;
mod evidence;
mod handshake;
mod key;
mod time;
