//! The last check of the streams, kept beside the spool: a replica that starts in an outage serves by it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::stream::{Connection, StreamFacts, StreamState, View};

const NAME: &str = "streams.json";
/// Between one write and the next.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// What was known of NATS when it was last there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastCheck {
    /// `max_payload` in bytes.
    pub max_payload: Option<u64>,
    /// Servers of the cluster.
    pub servers: usize,
    /// The streams that were there.
    pub streams: BTreeMap<String, StreamFacts>,
}

impl LastCheck {
    /// What was kept in a directory; `None` where nothing was, or where it can't be read.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "the last check of the streams can't be read");
                return None;
            }
        };
        match serde_json::from_slice(&text) {
            Ok(check) => Some(check),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "the last check of the streams is damaged; NATS is waited for");
                None
            }
        }
    }

    /// A view says more than what is kept; counts, which always change, are not part of it.
    fn of(view: &View) -> Self {
        let found = |(name, state): (&String, &StreamState)| match state {
            StreamState::Found(facts) => Some((name.clone(), StreamFacts { bytes: 0, messages: 0, ..facts.clone() })),
            StreamState::Missing | StreamState::Unreadable(_) => None,
        };
        let streams = view.streams.iter().filter_map(found).collect();
        Self { max_payload: view.max_payload, servers: view.servers, streams }
    }
}

/// Keeps what is known of NATS in a directory whenever that changes, for as long as anybody tells.
pub async fn keep_last_check(folder: PathBuf, mut view: watch::Receiver<Arc<View>>) {
    let mut kept = LastCheck::default();
    loop {
        let now = {
            let view = view.borrow_and_update();
            (view.connection == Connection::Up).then(|| LastCheck::of(&view))
        };
        if let Some(check) = now.filter(|check| !check.streams.is_empty() && *check != kept) {
            let (place, now) = (folder.clone(), check.clone());
            match spawn_blocking(move || write(&place, &now)).await.unwrap_or_else(|error| Err(error.into())) {
                Ok(()) => kept = check,
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "the check of the streams can't be kept");
                }
            }
            sleep(WRITE_EVERY).await;
        }
        if view.changed().await.is_err() {
            return;
        }
    }
}

/// Whole or not at all.
fn write(folder: &Path, check: &LastCheck) -> io::Result<()> {
    let (path, draft) = (folder.join(NAME), folder.join(format!("{NAME}.new")));
    let mut file = File::create(&draft)?;
    file.write_all(&serde_json::to_vec(check)?)?;
    file.sync_all()?;
    fs::rename(&draft, &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_and_what_is_damaged_is_none() {
        let folder = std::env::temp_dir().join(format!("jethook-recall-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        assert_eq!(LastCheck::read(&folder), None);
        let check = LastCheck { max_payload: Some(1 << 20), servers: 3, streams: BTreeMap::new() };
        write(&folder, &check).unwrap();
        assert_eq!(LastCheck::read(&folder), Some(check));
        fs::write(folder.join(NAME), "{\"max_payload\":").unwrap();
        assert_eq!(LastCheck::read(&folder), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
