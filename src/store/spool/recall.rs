//! The last check of the streams, kept beside the spool: a replica that starts in an outage serves by it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::fs;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
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
        let text = match std::fs::read(&path) {
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
            match write(&folder, &check).await {
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
async fn write(folder: &Path, check: &LastCheck) -> io::Result<()> {
    let (path, draft) = (folder.join(NAME), folder.join(format!("{NAME}.new")));
    let mut file = fs::File::create(&draft).await?;
    file.write_all(&serde_json::to_vec(check)?).await?;
    file.sync_all().await?;
    fs::rename(&draft, &path).await
}
