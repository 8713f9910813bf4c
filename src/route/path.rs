//! The raw path of a route.

/// The longest path, in bytes.
const PATH_BYTES_MAX: usize = 512;

/// What else a path may hold beside letters and digits: the rest of RFC 3986's `pchar`, save percent-encoding, in which one
/// path would have many spellings.
const ALSO: &[u8] = b"-._~!$&'()*+,;=:@";

/// Checks that a path can be a route's: absolute, without empty, `.` or `..` segments, plain `pchar` characters only.
///
/// # Errors
/// What is wrong, lower case, to be put behind the field's name.
pub fn check_path(path: &str) -> Result<(), String> {
    let Some(segments) = path.strip_prefix('/') else {
        return Err("must begin with /".to_owned());
    };
    if path.len() > PATH_BYTES_MAX {
        return Err(format!("is longer than {PATH_BYTES_MAX} bytes"));
    }
    for segment in segments.split('/') {
        match segment {
            "" => return Err("has an empty segment: no / at its end, no two / in a row".to_owned()),
            "." | ".." => return Err("must not hold a segment . or ..".to_owned()),
            _ => {}
        }
        if let Some(odd) = segment.chars().find(|c| !c.is_ascii_alphanumeric() && !is_also(*c)) {
            return Err(format!(
                "holds {odd:?}; letters, digits and - . _ ~ ! $ & ' ( ) * + , ; = : @ are allowed, nothing percent-encoded, no query"
            ));
        }
    }
    Ok(())
}

fn is_also(c: char) -> bool {
    u8::try_from(c).is_ok_and(|byte| ALSO.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_taken() {
        for path in ["/a", "/shop/github", "/a/b.c/~d/e_f-g", "/a:b@c/(d)!$&'*+,;=", "/...", "/a/.well-known"] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        assert_eq!(check_path(&format!("/{}", "a".repeat(511))), Ok(()));
    }

    #[test]
    fn paths_with_two_readings_are_refused() {
        for (path, reason) in [
            ("", "begin with /"),
            ("a/b", "begin with /"),
            ("/", "empty segment"),
            ("/a/", "empty segment"),
            ("//a", "empty segment"),
            ("/a//b", "empty segment"),
            ("/.", "segment . or"),
            ("/a/../b", "segment . or"),
            ("/a/./b", "segment . or"),
            ("/a?b", "'?'"),
            ("/a#b", "'#'"),
            ("/a%2fb", "'%'"),
            ("/a b", "' '"),
            ("/a\\b", "'\\\\'"),
            ("/é", "'é'"),
            ("/a\0", "'\\0'"),
            ("/{namespace}", "'{'"),
        ] {
            let error = check_path(path).unwrap_err();
            assert!(error.contains(reason), "{path}: {error}");
        }
        assert!(check_path(&format!("/{}", "a".repeat(512))).is_err());
    }
}
