//! Hosts from which keys may be fetched although no entry of the catalogue names them.

use std::net::IpAddr;

use ipnet::IpNet;

/// The hosts that the operator allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyHosts(Vec<KeyHost>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyHost {
    name: String,
    /// Private addresses that it may have.
    range: Option<IpNet>,
}

impl KeyHosts {
    /// Reads `HOST` and `HOST=CIDR`.
    ///
    /// # Errors
    /// One line that names the flag, its value and what is wrong with it.
    pub fn parse(values: &[String]) -> Result<Self, String> {
        let read = |value: &String| {
            let wrong = |what: &str| format!("--allow-key-host {value}: {what}");
            let (name, range) =
                value.split_once('=').map_or((value.as_str(), None), |(name, range)| (name, Some(range)));
            let is_name = !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
                && !name.split('.').any(str::is_empty);
            if !is_name {
                return Err(wrong("expected a host such as login.example.com"));
            }
            let range =
                range.map(str::parse).transpose().map_err(|_| wrong("expected HOST=CIDR such as 10.0.0.0/8"))?;
            Ok(KeyHost { name: name.to_ascii_lowercase(), range })
        };
        values.iter().filter(|value| !value.is_empty()).map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether keys may come from this host.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        self.0.iter().any(|known| known.name.eq_ignore_ascii_case(host))
    }

    /// Whether this host may have this address, although it is a private one.
    #[must_use]
    pub fn allows_address(&self, host: &str, address: IpAddr) -> bool {
        let is_allowed = |known: &KeyHost| {
            known.name.eq_ignore_ascii_case(host) && known.range.is_some_and(|range| range.contains(&address))
        };
        self.0.iter().any(is_allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Result<KeyHosts, String> {
        KeyHosts::parse(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_host_is_allowed_by_its_whole_name() {
        let hosts = parse(&["login.example.com", "keys.internal=10.0.0.0/8", ""]).unwrap();
        assert!(hosts.allows("login.example.com") && hosts.allows("Keys.Internal"));
        for host in ["example.com", "x.login.example.com", "login.example.com.evil.example", ""] {
            assert!(!hosts.allows(host), "{host}");
        }
        let address = |text: &str| text.parse().unwrap();
        assert!(hosts.allows_address("keys.internal", address("10.1.2.3")));
        assert!(!hosts.allows_address("keys.internal", address("192.168.1.1")));
        assert!(!hosts.allows_address("login.example.com", address("10.1.2.3")));
    }

    #[test]
    fn a_wrong_value_names_the_flag() {
        for value in ["https://a.example", "a/b", "a..b", "=10.0.0.0/8", "a=b", "*.example.com", "a:443"] {
            let error = parse(&[value]).unwrap_err();
            assert!(error.starts_with(&format!("--allow-key-host {value}: expected")), "{error}");
        }
    }
}
