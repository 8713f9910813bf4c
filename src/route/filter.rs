//! Which event types are stored.

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// Which event types are stored: all where no name is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    names: Vec<Name>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Exact(String),
    Prefix(String),
}

impl Filter {
    /// Parses names, each with an optional trailing `*`.
    ///
    /// # Errors
    /// The position of each name at fault, and what is wrong with it.
    pub fn parse(names: &[String]) -> Result<Self, Vec<(usize, &'static str)>> {
        let mut faults = Vec::new();
        let mut parsed = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let (text, is_prefix) = name.strip_suffix('*').map_or((name.as_str(), false), |text| (text, true));
            if name.is_empty() {
                faults.push((index, "is empty"));
            } else if text.contains('*') {
                faults.push((index, "may hold a * only at its end"));
            } else if name.len() > NAME_BYTES_MAX {
                faults.push((index, "is longer than 256 bytes"));
            }
            parsed.push(if is_prefix { Name::Prefix(text.to_owned()) } else { Name::Exact(text.to_owned()) });
        }
        if faults.is_empty() { Ok(Self { names: parsed }) } else { Err(faults) }
    }

    /// Whether an event of this type is stored. A delivery without a type has no name to match: only `*` stores it.
    #[must_use]
    pub fn accepts(&self, event: Option<&str>) -> bool {
        let event = event.unwrap_or_default();
        self.names.is_empty()
            || self.names.iter().any(|name| match name {
                Name::Exact(text) => text == event,
                Name::Prefix(text) => event.starts_with(text.as_str()),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(names: &[&str]) -> Result<Filter, Vec<(usize, &'static str)>> {
        Filter::parse(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_match_whole_and_a_star_matches_any_rest() {
        let some = filter(&["push", "pull_request.*"]).unwrap();
        for (event, expected) in [
            (Some("push"), true),
            (Some("pull_request.opened"), true),
            (Some("pull_request."), true),
            (Some("pull_request"), false),
            (Some("pushed"), false),
            (Some("Push"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(some.accepts(event), expected, "{event:?}");
        }
    }

    #[test]
    fn no_names_and_a_lone_star_take_everything() {
        for all in [filter(&[]).unwrap(), filter(&["*"]).unwrap()] {
            assert!(all.accepts(Some("push")));
            assert!(all.accepts(None));
        }
    }

    #[test]
    fn faults_tell_which_name() {
        let faults = filter(&["ok", "", "a*b", "**", "c*"]).unwrap_err();
        assert_eq!(faults.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
