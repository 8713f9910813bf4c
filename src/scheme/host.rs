//! URLs from which keys may come, and the hosts that pin them.

use super::pattern::Pattern;

/// A host's name in which a label may be `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostPattern(Vec<Option<String>>);

impl HostPattern {
    /// Parses a pattern: at least two labels that are written out end it, so that nobody else can own a matching name.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let labels: Vec<Option<String>> =
            text.split('.').map(|label| (label != "*").then(|| label.to_ascii_lowercase())).collect();
        let is_good = labels.iter().flatten().all(|label| is_label(label));
        if !is_good || labels.len() < 2 || labels.iter().rev().take(2).any(Option::is_none) {
            return Err(format!(
                "`{text}` is no host pattern such as sns.*.amazonaws.com: its last two labels are written out"
            ));
        }
        Ok(Self(labels))
    }

    fn matches(&self, host: &str) -> bool {
        let mut labels = host.split('.');
        self.0.iter().all(|wanted| match (wanted, labels.next()) {
            (Some(wanted), Some(label)) => wanted.eq_ignore_ascii_case(label),
            (None, Some(label)) => is_label(label),
            (_, None) => false,
        }) && labels.next().is_none()
    }
}

fn is_label(label: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = label.as_bytes();
    bytes.len() <= 63
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// The host of an https URL without user, fragment or anything that readers of URLs understand differently.
pub(super) fn https_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}#".contains(&byte));
    let authority = rest.split(['/', '?']).next()?;
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    let is_name = host.split('.').all(is_label) && host.len() <= 253;
    (is_plain && is_port && is_name).then_some(host)
}

/// Whether a URL that a request gave is one of the pinned: such a host, the usual port, a path of the pattern, no query.
pub(super) fn is_pinned(url: &str, hosts: &[HostPattern], path: Option<&Pattern>) -> bool {
    let Some(host) = https_host(url) else { return false };
    let Some(rest) = url.get("https://".len() + host.len()..) else { return false };
    let is_path = rest.starts_with('/') && !rest.contains("/.") && !rest.contains('%');
    let has_form = match path {
        Some(path) => path.matches(rest.as_bytes()),
        // Visits are made with a query, which is the secret in them.
        None => is_path,
    };
    has_form && is_path && matches_any(hosts, host)
}

/// Whether a host is of one of these patterns.
pub(super) fn matches_any(hosts: &[HostPattern], host: &str) -> bool {
    hosts.iter().any(|pattern| pattern.matches(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names_only() {
        let pattern = HostPattern::parse("sns.*.amazonaws.com").unwrap();
        for host in ["sns.us-east-1.amazonaws.com", "SNS.eu-west-1.AmazonAWS.com"] {
            assert!(pattern.matches(host), "{host}");
        }
        for host in [
            "sns.amazonaws.com",
            "sns.a.b.amazonaws.com",
            "sns..amazonaws.com",
            "sns.us-east-1.amazonaws.com.evil.example",
            "evil.us-east-1.amazonaws.com",
            "sns.us-east-1.amazonaws.comx",
            "sns.-.amazonaws.com",
            "xsns.us-east-1.amazonaws.com",
        ] {
            assert!(!pattern.matches(host), "{host}");
        }
        for text in ["*", "*.com", "a.*", "*.*", "", "a..b", "a.b.*.com", "-a.example.com", "a/b.example.com"] {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_of_a_request_is_pinned_in_all_its_parts() {
        let hosts = [HostPattern::parse("sns.*.amazonaws.com").unwrap()];
        let path = Pattern::parse("/SimpleNotificationService-[0-9a-f]{8,64}\\.pem").unwrap();
        let base = "https://sns.us-east-1.amazonaws.com";
        assert!(is_pinned(&format!("{base}/SimpleNotificationService-0123456789abcdef.pem"), &hosts, Some(&path)));
        for url in [
            "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
            "https://sns.us-east-1.amazonaws.com:444/SimpleNotificationService-0123456789abcdef.pem",
            "https://x@sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
            "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem",
            "https://evil.example/SimpleNotificationService-0123456789abcdef.pem",
            "https://evil.example/#sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
            "https://sns.us-east-1.amazonaws.com/bucket/SimpleNotificationService-0123456789abcdef.pem",
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?a",
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem#a",
            "https://sns.us-east-1.amazonaws.com\\@evil.example/SimpleNotificationService-0123456789abcdef.pem",
            "https://sns.us-east-1.amazonaws.com\n/SimpleNotificationService-0123456789abcdef.pem",
            "https://sns.us-east-1.amazonaws.com",
            "https:///SimpleNotificationService-0123456789abcdef.pem",
            "",
        ] {
            assert!(!is_pinned(url, &hosts, Some(&path)), "{url}");
        }
        assert!(is_pinned(&format!("{base}/?Action=ConfirmSubscription&Token=a"), &hosts, None));
        for rest in ["/../x", "/%2e%2e/x", ":8080/", ""] {
            assert!(!is_pinned(&format!("{base}{rest}"), &hosts, None), "{rest}");
        }
    }
}
