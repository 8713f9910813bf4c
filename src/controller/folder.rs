//! A directory of manifests: what its files hold now, each file's last good state where it does not parse.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use super::core::{ClusterProvider, SecretRef};
use crate::api::manifest::{self, Manifest};
use crate::api::{FieldError, Kind, WebhookEndpointSpec, endpoint, provider, validate};
use crate::route::EndpointRef;
use crate::secret::{Secret, keys_of};

/// A file changed less than this ago may still be being written.
const SETTLE: Duration = Duration::from_millis(100);
/// A file read sooner than this after its change is read again: a second change may have left no other trace.
const RECENT: Duration = Duration::from_secs(2);
/// The largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// The namespace of an object that names none.
const NAMESPACE_DEFAULT: &str = "default";

/// An object of a file.
#[derive(Clone, Debug)]
pub(super) enum Object {
    /// An endpoint, or what is wrong with it.
    Endpoint(EndpointRef, Result<Arc<WebhookEndpointSpec>, String>),
    /// A provider, or what is wrong with it.
    Provider(Arc<str>, ClusterProvider),
    /// A Secret.
    Secret(SecretRef, BTreeMap<String, Secret>),
}

/// The directory.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    files: BTreeMap<String, File>,
    has_begun: bool,
    /// Why the directory itself can't be read, as told.
    fault: Option<String>,
}

#[derive(Debug, Default)]
struct File {
    stamp: Option<Stamp>,
    digest: Option<[u8; 32]>,
    read_at: Timestamp,
    is_missing: bool,
    objects: Vec<Object>,
    fault: Option<String>,
}

/// What tells a changed file without reading it; symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Timestamp,
    size: u64,
    inode: u64,
    device: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_default();
        Self { modified, size: metadata.len(), inode: metadata.ino(), device: metadata.dev() }
    }

    fn is_younger_than(&self, age: Duration, now: Timestamp) -> bool {
        // A time in the future is a clock that differs: it says nothing.
        self.modified <= now && now.duration_since(self.modified).unsigned_abs() < age
    }
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, files: BTreeMap::new(), has_begun: false, fault: None }
    }

    /// The objects of all files, in the order of their names.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&str, &Object)> {
        self.files.iter().flat_map(|(name, file)| file.objects.iter().map(move |object| (name.as_str(), object)))
    }

    /// Whether the directory could be read when it was last looked at.
    pub(super) fn is_readable(&self) -> bool {
        self.fault.is_none()
    }

    /// Looks for changes; true when there may be some. What can't be read is what it was, and is told once.
    pub(super) fn scan(&mut self, now: Timestamp) -> bool {
        let found = match list(&self.path) {
            Ok(found) => found,
            Err(error) => {
                let fault = error.to_string();
                if self.fault.as_ref() != Some(&fault) {
                    tracing::warn!(directory = %self.path.display(), %error, "manifests can't be read; the last state stays");
                    self.fault = Some(fault);
                }
                return false;
            }
        };
        if self.fault.take().is_some() {
            tracing::info!(directory = %self.path.display(), "manifests can be read again");
        }
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let mut is_changed = is_first;
        self.files.retain(|name, file| {
            // Gone twice: editors take a file away for a moment when they save it.
            let is_gone = !found.contains_key(name) && std::mem::replace(&mut file.is_missing, true);
            is_changed |= is_gone;
            !is_gone
        });
        for (name, stamp) in found {
            let file = self.files.entry(name.clone()).or_default();
            file.is_missing = false;
            is_changed |= file.refresh(&self.path.join(&name), &name, stamp, now, is_first);
        }
        is_changed
    }
}

/// The manifests of a directory; hidden files are none.
fn list(folder: &Path) -> io::Result<BTreeMap<String, Stamp>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_manifest = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        if !is_manifest || name.starts_with('.') {
            continue;
        }
        // A link that leads nowhere counts as a file that is not there.
        if let Ok(metadata) = fs::metadata(entry.path())
            && metadata.is_file()
        {
            found.insert(name, Stamp::of(&metadata));
        }
    }
    Ok(found)
}

impl File {
    fn refresh(&mut self, path: &Path, name: &str, stamp: Stamp, now: Timestamp, is_first: bool) -> bool {
        let was_recent = stamp.modified.saturating_add(RECENT).is_ok_and(|end| end > self.read_at);
        let is_settled = is_first || !stamp.is_younger_than(SETTLE, now);
        if !is_settled || (self.stamp == Some(stamp) && !was_recent) {
            return false;
        }
        let text = match read(path, stamp) {
            Ok(text) => text,
            Err(error) => {
                self.tell(name, None, &error.to_string());
                return false;
            }
        };
        (self.stamp, self.read_at) = (Some(stamp), now);
        let digest = digest(&text);
        if self.digest.replace(digest) == Some(digest) {
            return false;
        }
        match manifest::read(&text) {
            Ok(manifests) => {
                self.fault = None;
                self.objects = objects(name, &manifests, &self.objects);
                true
            }
            Err(error) => {
                self.tell(name, error.place.map(|place| place.line), &error.message);
                false
            }
        }
    }

    fn tell(&mut self, name: &str, line: Option<u64>, error: &str) {
        let fault = format!("{}{error}", line.map(|line| format!("line {line}: ")).unwrap_or_default());
        if self.fault.as_ref() != Some(&fault) {
            tracing::warn!(file = name, line, error, "a file of manifests can't be read; its last good state stays");
            self.fault = Some(fault);
        }
    }
}

fn read(path: &Path, stamp: Stamp) -> io::Result<Zeroizing<String>> {
    if stamp.size > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path).map(Zeroizing::new)
}

fn digest(text: &str) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).into()
}

/// The endpoints, providers and Secrets of a file. A Secret that is wrong stays what it was.
fn objects(file: &str, manifests: &[Manifest], before: &[Object]) -> Vec<Object> {
    let mut objects = Vec::new();
    for manifest in manifests {
        let value = manifest.value();
        let faults = validate(&value);
        let kind = Kind::of(&value);
        let Some((namespace, name)) = identity(&value) else {
            tell(file, manifest, &faults, "an object without a usable name is left out");
            continue;
        };
        match kind {
            Kind::WebhookEndpoint => {
                tell(file, manifest, &faults, "an endpoint is not valid; its route is closed");
                let spec = endpoint(&value).map(|endpoint| Arc::new(endpoint.spec));
                let spec = spec.map_err(|faults| sentence(&faults));
                objects.push(Object::Endpoint(EndpointRef { namespace, name }, spec));
            }
            Kind::ClusterWebhookProvider => {
                tell(file, manifest, &faults, "a provider is not valid; the routes that use it are closed");
                let spec = provider(&value).map(|provider| Arc::new(provider.spec));
                objects.push(Object::Provider(name, spec.map_err(|faults| sentence(&faults))));
            }
            Kind::Secret if faults.is_empty() => {
                objects.push(Object::Secret(SecretRef { namespace, name }, keys_of(&value)));
            }
            Kind::Secret => {
                tell(file, manifest, &faults, "a Secret is not valid; its last good state stays");
                let secret = SecretRef { namespace, name };
                let known = before.iter().find(|object| matches!(object, Object::Secret(known, _) if *known == secret));
                objects.extend(known.cloned());
            }
            Kind::Other => {
                let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
                tell(file, manifest, &faults, "an object is not valid");
                tracing::info!(
                    file,
                    line = manifest.place().line,
                    kind,
                    "an object is none of jethook's kinds and is left out"
                );
            }
        }
    }
    objects
}

fn tell(file: &str, manifest: &Manifest, faults: &[FieldError], what: &'static str) {
    for fault in faults {
        let line = manifest.locate(&fault.field).line;
        tracing::warn!(file, line, field = fault.field, error = fault.message, "{what}");
    }
}

fn sentence(faults: &[FieldError]) -> String {
    let each = faults.iter().map(
        |FieldError { field, message }| {
            if field.is_empty() { message.clone() } else { format!("{field}: {message}") }
        },
    );
    each.collect::<Vec<_>>().join("; ")
}

/// Namespace and name, where both can be an object's.
fn identity(value: &Value) -> Option<(Arc<str>, Arc<str>)> {
    let text = |pointer| value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let is_plain = |text: &&str| {
        text.len() <= 253
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
    };
    let namespace = Some(text("/metadata/namespace").unwrap_or(NAMESPACE_DEFAULT)).filter(is_plain)?;
    Some((namespace.into(), text("/metadata/name").filter(is_plain)?.into()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const ENDPOINT: &str = "
apiVersion: jethook.dev/v1alpha1
kind: WebhookEndpoint
metadata: {name: NAME}
spec: {provider: github, secretRefs: [{name: hook}]}
";

    /// A directory of its own, gone at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("jethook-folder-{}", uuid::Uuid::new_v4()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.join(name), text).unwrap();
        }

        fn endpoint(&self, file: &str, name: &str) {
            self.write(file, &ENDPOINT.replace("NAME", name));
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// The folder some seconds later, so that every file has settled.
    fn later(folder: &mut Folder, seconds: u64) -> bool {
        folder.scan(Timestamp::now() + Duration::from_secs(seconds))
    }

    fn names(folder: &Folder) -> Vec<String> {
        let each = folder.objects().map(|(_, object)| match object {
            Object::Endpoint(endpoint, Ok(_)) => endpoint.name.to_string(),
            Object::Endpoint(endpoint, Err(_)) => format!("bad {}", endpoint.name),
            Object::Provider(name, _) => format!("provider {name}"),
            Object::Secret(secret, _) => format!("secret {}", secret.name),
        });
        each.collect()
    }

    #[test]
    fn files_are_read_at_once_at_the_start_and_then_only_when_they_change() {
        let scratch = Scratch::new();
        scratch.endpoint("a.yaml", "a");
        scratch.endpoint("b.yml", "b");
        scratch.endpoint("c.txt", "c");
        scratch.endpoint(".d.yaml", "d");
        let mut folder = Folder::new(scratch.0.clone());
        assert!(folder.scan(Timestamp::now()));
        assert_eq!(names(&folder), ["a", "b"]);
        assert!(!later(&mut folder, 1));
        scratch.endpoint("a.yaml", "z");
        assert!(later(&mut folder, 2));
        assert_eq!(names(&folder), ["z", "b"]);
    }

    #[test]
    fn a_file_that_is_being_written_waits() {
        let scratch = Scratch::new();
        let mut folder = Folder::new(scratch.0.clone());
        folder.scan(Timestamp::now());
        scratch.endpoint("a.yaml", "a");
        let modified =
            Timestamp::try_from(fs::metadata(scratch.0.join("a.yaml")).unwrap().modified().unwrap()).unwrap();
        assert!(!folder.scan(modified + Duration::from_millis(99)));
        assert!(folder.scan(modified + Duration::from_millis(100)));
    }

    #[test]
    fn a_second_change_of_the_same_size_and_time_is_seen() {
        let scratch = Scratch::new();
        scratch.endpoint("a.yaml", "a");
        let path = scratch.0.join("a.yaml");
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let mut folder = Folder::new(scratch.0.clone());
        folder.scan(Timestamp::now());
        scratch.endpoint("a.yaml", "b");
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert!(later(&mut folder, 1));
        assert_eq!(names(&folder), ["b"]);
    }

    #[test]
    fn a_file_that_does_not_parse_keeps_its_last_good_state() {
        let scratch = Scratch::new();
        scratch.endpoint("a.yaml", "a");
        scratch.endpoint("b.yaml", "b");
        let mut folder = Folder::new(scratch.0.clone());
        folder.scan(Timestamp::now());
        scratch.write("a.yaml", "kind: [");
        later(&mut folder, 1);
        assert_eq!(names(&folder), ["a", "b"]);
        assert!(folder.files["a.yaml"].fault.as_ref().unwrap().contains("line 1"));
        scratch.endpoint("a.yaml", "c");
        later(&mut folder, 2);
        assert_eq!(names(&folder), ["c", "b"]);
    }

    #[test]
    fn a_file_is_gone_when_it_is_missing_twice() {
        let scratch = Scratch::new();
        scratch.endpoint("a.yaml", "a");
        let mut folder = Folder::new(scratch.0.clone());
        folder.scan(Timestamp::now());
        fs::remove_file(scratch.0.join("a.yaml")).unwrap();
        assert!(!later(&mut folder, 1));
        assert_eq!(names(&folder), ["a"]);
        scratch.endpoint("a.yaml", "a");
        later(&mut folder, 2);
        fs::remove_file(scratch.0.join("a.yaml")).unwrap();
        assert!(!later(&mut folder, 3), "it came back in between");
        assert!(later(&mut folder, 4));
        assert!(names(&folder).is_empty());
    }

    #[test]
    fn renames_and_swapped_links_are_seen() {
        let scratch = Scratch::new();
        // As the kubelet mounts a ConfigMap.
        for (version, name) in [("..1", "a"), ("..2", "b")] {
            fs::create_dir(scratch.0.join(version)).unwrap();
            scratch.endpoint(&format!("{version}/hooks.yaml"), name);
        }
        symlink("..1", scratch.0.join("..data")).unwrap();
        symlink("..data/hooks.yaml", scratch.0.join("hooks.yaml")).unwrap();
        let mut folder = Folder::new(scratch.0.clone());
        folder.scan(Timestamp::now());
        assert_eq!(names(&folder), ["a"]);
        symlink("..2", scratch.0.join("..data_tmp")).unwrap();
        fs::rename(scratch.0.join("..data_tmp"), scratch.0.join("..data")).unwrap();
        assert!(later(&mut folder, 5));
        assert_eq!(names(&folder), ["b"]);
        fs::rename(scratch.0.join("hooks.yaml"), scratch.0.join("other.yaml")).unwrap();
        later(&mut folder, 6);
        later(&mut folder, 7);
        assert_eq!(folder.objects().map(|(file, _)| file).collect::<Vec<_>>(), ["other.yaml"]);
    }

    #[test]
    fn a_directory_that_is_away_changes_nothing() {
        let scratch = Scratch::new();
        scratch.endpoint("a.yaml", "a");
        let mut folder = Folder::new(scratch.0.clone());
        folder.scan(Timestamp::now());
        let aside = scratch.0.with_extension("aside");
        fs::rename(&scratch.0, &aside).unwrap();
        assert!(!later(&mut folder, 1));
        assert!(!later(&mut folder, 2));
        fs::rename(&aside, &scratch.0).unwrap();
        assert_eq!(names(&folder), ["a"]);
    }

    #[test]
    fn an_endpoint_that_validate_refuses_is_there_with_its_faults() {
        let scratch = Scratch::new();
        let text = ENDPOINT.replace("NAME", "a").replace("provider: github", "provider: github, sourceRanges: [x]");
        scratch.write("a.yaml", &text);
        let mut folder = Folder::new(scratch.0.clone());
        folder.scan(Timestamp::now());
        let object = folder.objects().next().unwrap().1;
        let Object::Endpoint(_, Err(error)) = object else { panic!("{object:?}") };
        assert!(error.contains("spec.sourceRanges[0]"), "{error}");
    }

    #[test]
    fn secrets_are_read_as_the_apiserver_reads_them() {
        let scratch = Scratch::new();
        let secret =
            |data: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: shop}}\n{data}");
        scratch.write("s.yaml", &secret("data: {a: aHVudGVyMg==, b: eA==}\nstringData: {b: over, c: \"line\\n\"}\n"));
        let mut folder = Folder::new(scratch.0.clone());
        folder.scan(Timestamp::now());
        let all = |folder: &Folder| match folder.objects().next().unwrap().1 {
            Object::Secret(secret, keys) => (secret.namespace.to_string(), keys.clone()),
            Object::Endpoint(..) | Object::Provider(..) => panic!("no Secret"),
        };
        let expected = [("a", "hunter2"), ("b", "over"), ("c", "line\n")];
        let expected: BTreeMap<_, _> = expected.map(|(k, v)| (k.to_owned(), Secret::from(v))).into();
        assert_eq!(all(&folder), ("shop".to_owned(), expected.clone()));
        scratch.write("s.yaml", &secret("data: {a: \"not base64!\"}\n"));
        later(&mut folder, 1);
        assert_eq!(all(&folder).1, expected, "a Secret that is wrong stays what it was");
        assert!(!format!("{folder:?}").contains("hunter2"));
    }
}
