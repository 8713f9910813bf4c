//! Whether the public URL leads to the receiver.

use serde_json::Value;

use super::report::Section;
use super::text;
use crate::cli::page;
use crate::outcome::Refusal;

/// A path that no endpoint has by default: `.well-known` is no name of a namespace.
const PROBE: &str = "/.well-known/jethook-doctor";

/// Gets a path that no endpoint has: only the receiver refuses it in its own words.
pub(super) async fn check(flag: Option<&str>, endpoints: &[Value], section: &mut Section<'_>) {
    let Some(url) = flag.map(str::to_owned).or_else(|| endpoints.iter().find_map(told)) else {
        let remedy =
            "give the operator --public-url, such as https://hooks.example.com; status.url then tells what to paste";
        section.warn("public-url", "there is no public URL to check", remedy);
        return;
    };
    if url.starts_with("http://") {
        let remedy = "serve it by https: tokens that senders show can be read on the way";
        section.warn("public-url", format!("the public URL {url} has no TLS"), remedy);
    }
    let remedy = format!(
        "let {url} lead to the receiver's Service (Ingress, HTTPRoute or load balancer, paths unchanged); where it can be \
         reached from outside alone, run this there"
    );
    let own = serde_json::json!({"error": Refusal::UnknownPath.message()});
    match page::get(&format!("{url}{PROBE}")).await {
        Err(error) => section.fail("public-url", format!("the public URL can't be reached: {error}"), remedy),
        Ok(page) if page.status == 404 && serde_json::from_str(&page.body).ok() == Some(own) => {
            section.pass("public-url", format!("the public URL {url} leads to the receiver"));
        }
        Ok(page) if page.status == 503 => {
            let message = format!("the public URL {url} answers 503: no replica behind it is ready");
            section.fail("public-url", message, "see the replicas above, and the Service's endpoints");
        }
        Ok(page) => {
            let message = format!("something else than the receiver answers the public URL {url} ({})", page.status);
            section.fail("public-url", message, remedy);
        }
    }
}

/// What an endpoint's status tells of it.
fn told(endpoint: &Value) -> Option<String> {
    let (url, path) = (text(endpoint, "/status/url"), text(endpoint, "/status/path"));
    url.strip_suffix(path).filter(|url| !url.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_endpoints_url_tells_the_public_one() {
        let endpoint = |url: &str| json!({"status": {"url": url, "path": "/shop/hook"}});
        assert_eq!(
            told(&endpoint("https://hooks.example.com/shop/hook")).as_deref(),
            Some("https://hooks.example.com")
        );
        assert_eq!(told(&endpoint("")), None);
        assert_eq!(told(&json!({})), None);
    }
}
