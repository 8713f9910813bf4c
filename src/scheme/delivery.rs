//! The request as a scheme sees it.

use http::{HeaderMap, Method};

/// One HTTP request from a provider, borrowed. Nothing in it was decoded or normalised.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The request method.
    pub method: &'a Method,
    /// The raw path as received, percent-encoding untouched, without the query.
    pub path: &'a str,
    /// The raw query behind the `?`, if there was one.
    pub query: Option<&'a str>,
    /// The path's last segment where the route owns it as its token.
    pub path_token: Option<&'a str>,
    /// All request headers.
    pub headers: &'a HeaderMap,
    /// The raw body, byte for byte.
    pub body: &'a [u8],
}
