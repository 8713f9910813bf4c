//! Who the client is: the peer, or the address that trusted proxies forward for.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use crate::config::ForwardedHeader;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whose word on the client's address is taken.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    proxies: Vec<IpNet>,
    header: ForwardedHeader,
}

impl Trust {
    pub(super) fn new(proxies: &[IpNet], header: ForwardedHeader) -> Self {
        Self { proxies: proxies.to_vec(), header }
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.contains(&address))
    }

    /// The client behind a request of `peer`: walks the forwarding header from the right for as long as the addresses are
    /// those of trusted proxies. An element that is no address ends the walk, since nobody trusted vouches for what is
    /// left of it.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        match self.header {
            ForwardedHeader::XForwardedFor => {
                let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
                self.walk(peer, lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).map(address))
            }
            ForwardedHeader::Forwarded => {
                let lines = headers.get_all(header::FORWARDED).iter().rev();
                let elements = lines.flat_map(|line| split(line.as_bytes(), b',').into_iter().rev());
                self.walk(peer, elements.map(forwarded_for))
            }
        }
    }

    fn walk(&self, peer: IpAddr, elements: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut client = peer;
        for element in elements {
            let Some(address) = element else { break };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

/// An address, with or without a port, IPv6 in brackets or bare.
fn address(element: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(element).ok()?.trim_matches([' ', '\t']);
    let address = text.parse().ok().or_else(|| {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map(|(host, port)| (host, port.strip_prefix(':')))?,
            None => text.split_once(':').map(|(host, port)| (host, Some(port)))?,
        };
        let is_port = |port: &str| port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit());
        let is_bracketed = text.starts_with('[');
        let address: IpAddr = host.parse().ok()?;
        let has_form = if is_bracketed { text.ends_with(']') || port.is_some() } else { address.is_ipv4() };
        (has_form && address.is_ipv6() == is_bracketed && port.is_none_or(is_port)).then_some(address)
    })?;
    Some(address.to_canonical())
}

/// The address in the one `for` of an element of `Forwarded` (RFC 7239).
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in split(element, b';') {
        let text = str::from_utf8(pair).ok()?;
        let (name, value) = text.split_once('=')?;
        if name.trim_matches([' ', '\t']).eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
    }
    let value = found?.trim_matches([' ', '\t']);
    let value = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    address(value.as_bytes())
}

/// Splits at a separator outside quoted strings. A quote that is never closed takes the rest of the line with it.
fn split(line: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    line.split(|byte| {
        let is_separator = *byte == separator && !is_quoted;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        is_separator
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: ForwardedHeader, peer: &str, lines: &[&str], expected: &str) {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let name = match header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, line.parse().unwrap());
        }
        let client = Trust::new(&proxies, header).client(peer.parse().unwrap(), &headers);
        assert_eq!(client, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
    }

    #[test]
    fn x_forwarded_for_is_walked_from_the_right_through_trusted_proxies() {
        let check = |peer, lines: &[&str], expected| check(ForwardedHeader::XForwardedFor, peer, lines, expected);
        // Nobody believes a peer that is no trusted proxy.
        check("192.0.2.1", &["203.0.113.9"], "192.0.2.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.9"], "203.0.113.9");
        // A listener on [::] sees IPv4 peers as mapped addresses.
        check("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["198.51.100.7, 203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["198.51.100.7, 203.0.113.9 ,10.1.2.3"], "203.0.113.9");
        // Repeated lines are one list, in order.
        check("10.0.0.1", &["198.51.100.7", "203.0.113.9", "10.1.2.3"], "203.0.113.9");
        // All trusted: the leftmost of them.
        check("10.0.0.1", &["10.3.3.3, 10.2.2.2"], "10.3.3.3");
        // What is no address ends the walk.
        check("10.0.0.1", &["203.0.113.9, unknown, 10.1.2.3"], "10.1.2.3");
        check("10.0.0.1", &["203.0.113.9, "], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.9, 10.1.2.3:x"], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.9, 1.2.3"], "10.0.0.1");
        // Ports and brackets.
        check("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9");
        check("10.0.0.1", &["203.0.113.9:+80"], "10.0.0.1");
        check("10.0.0.1", &["2001:db8::1"], "2001:db8::1");
        check("fd00::1", &["[2001:db8::1]:4711"], "2001:db8::1");
        check("fd00::1", &["[2001:db8::1]"], "2001:db8::1");
        check("fd00::1", &["[2001:db8::1]x"], "fd00::1");
        check("fd00::1", &["[203.0.113.9]"], "fd00::1");
    }

    #[test]
    fn forwarded_is_walked_alike() {
        let check = |peer, lines: &[&str], expected| check(ForwardedHeader::Forwarded, peer, lines, expected);
        check("192.0.2.1", &["for=203.0.113.9"], "192.0.2.1");
        check("10.0.0.1", &["for=203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["by=10.0.0.1;FOR=203.0.113.9;proto=https"], "203.0.113.9");
        check("10.0.0.1", &["for=198.51.100.7, for=203.0.113.9, for=10.1.2.3"], "203.0.113.9");
        check("10.0.0.1", &["for=198.51.100.7", "for=203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &[r#"for="[2001:db8::1]:4711""#], "2001:db8::1");
        check("10.0.0.1", &[r#"for=198.51.100.7, for=203.0.113.9;note="a, for=192.0.2.1; b""#], "203.0.113.9");
        // No address: hidden, unknown, none, two.
        check("10.0.0.1", &["for=203.0.113.9, for=_hidden"], "10.0.0.1");
        check("10.0.0.1", &["for=203.0.113.9, for=unknown, for=10.1.2.3"], "10.1.2.3");
        check("10.0.0.1", &["for=203.0.113.9, proto=https"], "10.0.0.1");
        check("10.0.0.1", &["for=203.0.113.9;for=198.51.100.7"], "10.0.0.1");
        // An open quote of the sender's does not reach into the proxy's own line.
        check("10.0.0.1", &[r#"for=""#, "for=203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &[r#"for=", for=203.0.113.9"#], "10.0.0.1");
        // The other header is not read.
        check("10.0.0.1", &[], "10.0.0.1");
    }

    #[test]
    fn only_the_configured_header_is_read() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, "203.0.113.9".parse().unwrap());
        headers.append(header::FORWARDED, "for=198.51.100.7".parse().unwrap());
        let peer = "10.0.0.1".parse().unwrap();
        let client = |kind| Trust::new(&proxies, kind).client(peer, &headers).to_string();
        assert_eq!(client(ForwardedHeader::XForwardedFor), "203.0.113.9");
        assert_eq!(client(ForwardedHeader::Forwarded), "198.51.100.7");
    }
}
