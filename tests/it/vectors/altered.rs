//! What is derived from a genuine request by altering it.
