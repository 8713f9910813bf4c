//! Millions of altered deliveries: none that differs in what is signed is taken, and nothing panics.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use fastrand::Rng;
use http::{HeaderName, HeaderValue, Method};
use jethook::scheme::{Rejection, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::entry::{Entry, deliveries};
use crate::oracle::{self, Judged};
use crate::scale;
use crate::vector::Request;

/// One mutant of so many is also verified by the oracle.
const SAMPLE: u64 = 16;
/// Numbers at the edges of what times are read as.
const EDGES: [&str; 14] = [
    "0",
    "-1",
    "1",
    "00",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "99999999999999999999",
    "1e9",
    "+1",
    "253402300799",
    "253402300800",
    "",
    " ",
];

/// What became of the mutants.
#[derive(Debug, Default)]
struct Count {
    refused: u64,
    /// Accepted, and nothing that is signed differs.
    same: u64,
    /// Accepted, and the oracle can't tell.
    unknown: BTreeMap<String, u64>,
    /// Verified a second time.
    sampled: u64,
    /// Altered and signed anew by the test: accepted.
    signed: u64,
    faults: Vec<String>,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.refused += other.refused;
        self.same += other.same;
        self.sampled += other.sampled;
        self.signed += other.signed;
        self.faults.extend(other.faults);
        for (what, count) in other.unknown {
            *self.unknown.entry(what).or_default() += count;
        }
    }
}

#[test]
fn no_mutant_of_a_genuine_delivery_is_taken() {
    let (entries, total, seed) = (deliveries(), scale::mutants(), scale::seed());
    for entry in &entries {
        let verdict = entry.verify(&entry.request, entry.vector.now());
        assert!(matches!(verdict, Ok(Verdict::Event(_))), "{}: {verdict:?}", entry.vector.file);
        let judged = oracle::judge(entry, &entry.request, &entry.request, entry.vector.now());
        assert_eq!(judged, Judged::Same, "{}", entry.vector.file);
        assert_ne!(oracle::is_right(entry, &entry.request), Some(false), "{}", entry.vector.file);
    }
    let read = entries.iter().filter(|entry| oracle::is_right(entry, &entry.request).is_some()).count();
    assert!(read * 2 > entries.len(), "the oracle reads {read} of {}", entries.len());
    let (next, all) = (AtomicU64::new(0), Mutex::new(Count::default()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                let mut count = Count::default();
                loop {
                    let from = next.fetch_add(512, Ordering::Relaxed);
                    if from >= total || count.faults.len() > 20 {
                        break;
                    }
                    (from..total.min(from + 512)).for_each(|number| try_one(&entries, seed, number, &mut count));
                }
                all.lock().unwrap().add(count);
            });
        }
    });
    let all = all.into_inner().unwrap();
    let unknown: u64 = all.unknown.values().sum();
    let line = format!(
        "mutants: {total} of {} deliveries (seed {seed}): {} refused, {} accepted with nothing signed altered, {unknown} beyond the \
         oracle, {} signed anew accepted, {} verified twice, {} taken that must not be\n",
        entries.len(),
        all.refused,
        all.same,
        all.signed,
        all.sampled,
        all.faults.len()
    );
    // Straight to the terminal: what tests print is kept back where they pass.
    let _ = std::io::stderr().write_all(line.as_bytes());
    assert!(all.faults.is_empty(), "{}", all.faults.join("\n"));
    assert!(all.refused > total / 2 && all.signed > total / 200 && all.sampled > total / 100, "{line}");
    assert!(unknown < total / 50, "the oracle knows too little: {:?}", all.unknown);
}

fn is_body_of_another(entries: &[Entry], entry: &Entry, mutant: &Request) -> bool {
    let mut others = entries.iter().filter(|other| other.vector.provider == entry.vector.provider);
    others.any(|other| other.request.body == mutant.body)
}

/// Panics where one mutant shows a fault.
pub fn check_one(entries: &[Entry], seed: u64, number: u64) {
    let mut count = Count::default();
    try_one(entries, seed, number, &mut count);
    assert!(count.faults.is_empty(), "{}", count.faults.join("\n"));
}

/// Makes mutant `number`, has it verified, and judges that.
fn try_one(entries: &[Entry], seed: u64, number: u64, count: &mut Count) {
    let mut random = Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let entry = &entries[usize::try_from(number).unwrap() % entries.len()];
    let mut mutant = entry.request.clone();
    let mut now = entry.vector.now();
    let mut what = String::new();
    for _ in 0..=random.u8(..4) / 3 {
        what.push_str(mutate(entries, entry, &mut mutant, &mut now, &mut random));
        what.push(' ');
    }
    let is_signed_anew = random.u8(..16) == 0 && sign_anew(entry, &mut mutant);
    let fault = |text: &str| format!("{} (mutant {number}, seed {seed}, {what}): {text}", entry.vector.file);
    let verify = || entry.verify(&mutant, now);
    let Ok(verdict) = catch_unwind(AssertUnwindSafe(verify)) else {
        count.faults.push(fault("it panicked"));
        return;
    };
    let sampled = (is_signed_anew || number.is_multiple_of(SAMPLE)).then(|| oracle::is_right(entry, &mutant)).flatten();
    count.sampled += u64::from(sampled.is_some());
    match (&verdict, sampled) {
        (Ok(_), Some(false)) => count.faults.push(fault("accepted without a right MAC")),
        (Err(Rejection::NoKeyMatched), Some(true)) if is_plain(entry) => {
            count.faults.push(fault("refused with a right MAC"))
        }
        _ => {}
    }
    match verdict {
        Err(_) => count.refused += 1,
        Ok(_) if is_signed_anew => count.signed += 1,
        Ok(_) => match oracle::judge(entry, &entry.request, &mutant, now) {
            Judged::Same => count.same += 1,
            Judged::Unknown(what) => {
                *count.unknown.entry(format!("{}: {what}", entry.vector.provider)).or_default() += 1
            }
            // Items bring their signatures along: another genuine body is as good under any header.
            Judged::Differs(what) if what.starts_with("item:") && is_body_of_another(entries, entry, &mutant) => {
                count.same += 1
            }
            // It may have become another genuine delivery.
            Judged::Differs(what) => match as_another(entries, entry, &mutant, now) {
                Judged::Same => count.same += 1,
                Judged::Unknown(what) => {
                    *count.unknown.entry(format!("{}: {what}", entry.vector.provider)).or_default() += 1;
                }
                Judged::Differs(_) => count.faults.push(fault(&format!("{what} differs, accepted"))),
            },
        },
    }
}

/// Judges a mutant against the other genuine deliveries that the same keys verify.
fn as_another(entries: &[Entry], entry: &Entry, mutant: &Request, now: Timestamp) -> Judged {
    let secrets =
        |entry: &Entry| entry.vector.secrets.iter().map(|given| given.parts().1.to_owned()).collect::<Vec<_>>();
    let own = secrets(entry);
    let is_right = oracle::is_right(entry, mutant) == Some(true);
    let mut best = Judged::Differs(String::new());
    for other in entries {
        let shares_key = secrets(other).iter().any(|secret| own.contains(secret));
        let is_public = own.is_empty() && secrets(other).is_empty();
        if !(shares_key || is_right || is_public && other.vector.provider == entry.vector.provider) {
            continue;
        }
        let of_provider = (other.vector.provider == entry.vector.provider).then_some(entry);
        for of in [Some(other), of_provider].into_iter().flatten() {
            match (oracle::judge(of, &other.request, mutant, now), &best) {
                (Judged::Same, _) => return Judged::Same,
                (unknown @ Judged::Unknown(_), Judged::Differs(_)) => best = unknown,
                _ => {}
            }
        }
    }
    best
}

/// Whether the MAC alone decides: no token beside it.
fn is_plain(entry: &Entry) -> bool {
    ["hash", "publicKey", "token", "jwt", "httpSignature"].iter().all(|name| entry.family(name).is_none())
        && (entry.family("hmac").is_none() || entry.family("standardWebhooks").is_none())
}

/// Puts the right MAC of the altered request in the place of the genuine one.
fn sign_anew(entry: &Entry, mutant: &mut Request) -> bool {
    let (Some(old), Some(new)) = (oracle::macs(entry, &entry.request), oracle::macs(entry, mutant)) else {
        return false;
    };
    let mut is_done = false;
    for value in mutant.headers.values_mut() {
        let Ok(text) = value.to_str() else { continue };
        let Some(at) = old.iter().position(|mac| text.contains(mac)) else { continue };
        let Ok(signed) = HeaderValue::from_str(&text.replace(&old[at], &new[at])) else { continue };
        *value = signed;
        is_done = true;
    }
    is_done && oracle::is_right(entry, mutant) == Some(true)
}

/// Alters a request in one way and says which.
fn mutate(
    entries: &[Entry],
    entry: &Entry,
    mutant: &mut Request,
    now: &mut Timestamp,
    random: &mut Rng,
) -> &'static str {
    match random.u8(..14) {
        0..=4 => mutate_body(&mut mutant.body, random),
        5..=9 => mutate_header(entry, mutant, random),
        10 => mutate_target(mutant, random),
        11 => {
            let seconds = random.i64(-4_000..4_000) * [1, 1, 60, 86_400][random.usize(..4)];
            *now = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(*now);
            "now"
        }
        12 => {
            mutant.method =
                [Method::GET, Method::PUT, Method::HEAD, Method::DELETE, Method::OPTIONS][random.usize(..5)].clone();
            "method"
        }
        _ => {
            // A part of another genuine delivery, of the same provider where there is one.
            let same: Vec<_> = entries.iter().filter(|other| other.vector.provider == entry.vector.provider).collect();
            let other =
                if random.bool() { same[random.usize(..same.len())] } else { &entries[random.usize(..entries.len())] };
            // A body that holds its own signature is as genuine wherever it comes.
            if random.bool() && !other.proofs().is_empty() {
                mutant.body.clone_from(&other.request.body);
                return "body of another";
            }
            for name in other.proofs() {
                mutant.headers.insert(name.clone(), other.request.headers[&name].clone());
            }
            "signature of another"
        }
    }
}

fn mutate_body(body: &mut Vec<u8>, random: &mut Rng) -> &'static str {
    let at = random.usize(..=body.len());
    let until = (at + random.usize(1..40)).min(body.len());
    match random.u8(..10) {
        0 if at < body.len() => body[at] ^= 1 << random.u8(..8),
        1 if at < body.len() => body[at] = random.u8(..),
        2 => body.insert(at, random.u8(..)),
        3 => drop(body.drain(at..until)),
        4 => body.truncate(at),
        5 => {
            let tails: [&[u8]; 8] = [b"\n", b" ", b"\0", b"\r\n", b"&a=b", b"{}", b",", b"}"];
            body.extend_from_slice(tails[random.usize(..8)]);
        }
        6 => {
            let heads: [&[u8]; 5] = [b"\xef\xbb\xbf", b" ", b"\n", b"a=b&", b"["];
            body.splice(..0, heads[random.usize(..5)].iter().copied());
        }
        7 => {
            let part = body[at..until].to_vec();
            let to = random.usize(..=body.len());
            body.splice(to..to, part);
        }
        8 => {
            if let Ok(value) = serde_json::from_slice::<Value>(body) {
                *body = if random.bool() {
                    value.to_string().into_bytes()
                } else {
                    serde_json::to_vec_pretty(&value).unwrap()
                };
            }
        }
        _ => {
            // A member that is already there comes first, so that readers who take the first differ from those who take the last.
            if let (Ok(Value::Object(object)), Some(b'{')) = (serde_json::from_slice(body), body.first())
                && let Some((name, _)) = object.iter().nth(random.usize(..object.len().max(1)))
            {
                body.splice(1..1, format!("{}:\"x\",", Value::from(name.as_str())).into_bytes());
            }
        }
    }
    "body"
}

fn mutate_header(entry: &Entry, mutant: &mut Request, random: &mut Rng) -> &'static str {
    let proofs = entry.proofs();
    let names: Vec<HeaderName> = mutant.headers.keys().cloned().collect();
    let name = match proofs.is_empty() || random.u8(..5) == 0 {
        true if names.is_empty() => return "nothing",
        true => names[random.usize(..names.len())].clone(),
        false => proofs[random.usize(..proofs.len())].clone(),
    };
    let Some(value) = mutant.headers.get(&name) else { return "nothing" };
    let mut bytes = value.as_bytes().to_vec();
    let at = random.usize(..=bytes.len());
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match random.u8(..14) {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..7),
        2 if at < bytes.len() => bytes[at] = random.u8(0x20..0x7f),
        3 => bytes.insert(at, random.u8(0x20..0x7f)),
        4 if at < bytes.len() => drop(bytes.remove(at)),
        5 => bytes.truncate(at),
        6 => bytes.clear(),
        7 => {
            mutant.headers.remove(&name);
            return "header removed";
        }
        8 => {
            let second = if random.bool() { value.clone() } else { HeaderValue::from_static("x") };
            mutant.headers.append(name, second);
            return "header twice";
        }
        9 => {
            bytes = match random.u8(..6) {
                0 => text.to_uppercase(),
                1 => text.to_lowercase(),
                2 => text.replace('+', "-").replace('/', "_"),
                3 => text.trim_end_matches('=').to_owned(),
                4 => format!("{text}="),
                _ => format!("\"{text}\""),
            }
            .into_bytes();
        }
        10 => {
            // A run of digits becomes another number.
            let digits = |c: char| c.is_ascii_digit();
            if let Some(start) = text.find(digits) {
                let length = text[start..].find(|c| !digits(c)).unwrap_or(text.len() - start);
                bytes = format!("{}{}{}", &text[..start], EDGES[random.usize(..EDGES.len())], &text[start + length..])
                    .into_bytes();
            }
        }
        11 => {
            let mut parts: Vec<&str> = text.split(',').collect();
            random.shuffle(&mut parts);
            if random.bool() {
                parts.pop();
            }
            bytes = parts.join([",", " ", ";", ", "][random.usize(..4)]).into_bytes();
        }
        12 => {
            let fill = ["v1=00,", "v1,AA== ", "sha256=", "t=1,", ","][random.usize(..5)];
            bytes = format!("{}{text}", fill.repeat(random.usize(1..30))).into_bytes();
        }
        _ => bytes.extend_from_slice(&bytes.clone()),
    }
    // Blanks at the edges are gone once a parser of HTTP has read a header.
    if let Ok(value) = HeaderValue::from_bytes(bytes.trim_ascii()) {
        mutant.headers.insert(name, value);
    }
    "header"
}

fn mutate_target(mutant: &mut Request, random: &mut Rng) -> &'static str {
    let mut edit = |text: &str| {
        let mut text = text.to_owned();
        let at = random.usize(..=text.len());
        match random.u8(..4) {
            _ if !text.is_char_boundary(at) => text.push('x'),
            0 => text.truncate(at),
            1 => text.insert(at, char::from(random.u8(b'a'..=b'z'))),
            2 => text.push_str("&a=b"),
            _ => text = text.to_uppercase(),
        }
        text
    };
    match (&mutant.path_token, &mutant.query) {
        (Some(token), _) => mutant.path_token = Some(edit(token)),
        (None, Some(query)) => mutant.query = Some(edit(query)),
        (None, None) => mutant.query = Some(edit("token=x")),
    }
    "target"
}
