//! HTTP in: accept, verify, store, answer.
