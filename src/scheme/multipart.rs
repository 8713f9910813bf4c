//! Bodies of the form `multipart/form-data` (RFC 7578): their plain fields; files are left alone.

/// The most parts that are read: more make the body no form.
const PARTS_MAX: usize = 256;
const BOUNDARY_BYTES_MAX: usize = 70;

/// The plain fields of a body, in their order, or `None` where it is no such form.
pub(super) fn fields<'a>(content_type: &[u8], body: &'a [u8]) -> Option<Vec<(String, &'a str)>> {
    let boundary = boundary(std::str::from_utf8(content_type).ok()?)?;
    let delimiter = format!("--{boundary}");
    // What stands before the first delimiter is a preamble that nobody writes.
    let mut rest = body.strip_prefix(delimiter.as_bytes())?;
    let between = format!("\r\n{delimiter}");
    let mut fields = Vec::new();
    for _ in 0..=PARTS_MAX {
        if rest.starts_with(b"--") {
            return Some(fields);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let end = find(rest, between.as_bytes())?;
        let (part, behind) = rest.split_at_checked(end)?;
        fields.extend(field(part)?);
        rest = behind.get(between.len()..)?;
    }
    None
}

fn boundary(content_type: &str) -> Option<&str> {
    let mut parameters = content_type.split(';').map(str::trim);
    let essence = parameters.next()?;
    let is_form = essence.eq_ignore_ascii_case("multipart/form-data");
    let boundary = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    let is_good = !boundary.is_empty() && boundary.len() <= BOUNDARY_BYTES_MAX && boundary.is_ascii();
    (is_form && is_good).then_some(boundary)
}

/// Name and value of a part; an empty list for a file.
fn field(part: &[u8]) -> Option<Vec<(String, &str)>> {
    let end = find(part, b"\r\n\r\n")?;
    let (head, value) = (part.get(..end)?, part.get(end + 4..)?);
    let head = std::str::from_utf8(head).ok()?;
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let quoted = |name: &str| {
        let at = disposition.find(&format!("; {name}=\""))?;
        disposition.get(at..)?.split('"').nth(1).map(str::to_owned)
    };
    if disposition.contains("filename") {
        return Some(Vec::new());
    }
    Some(vec![(quoted("name")?, std::str::from_utf8(value).ok()?)])
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &[u8] = b"multipart/form-data; charset=utf-8; boundary=\"x-y\"";
    const BODY: &str = "--x-y\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"a\":1}\r\n--x-y\r\n\
                        content-disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nfile\r\n\
                        --x-y\r\nContent-Disposition: form-data; name=\"json\"\r\nContent-Type: text/plain\r\n\r\nline\r\n--x\r\n\
                        --x-y--\r\n";

    #[test]
    fn plain_fields_are_read_and_files_are_not() {
        let fields = fields(TYPE, BODY.as_bytes()).unwrap();
        let expected = [("json".to_owned(), "{\"a\":1}"), ("json".to_owned(), "line\r\n--x")];
        assert_eq!(fields, expected);
    }

    #[test]
    fn what_is_no_such_form_is_none() {
        for content_type in
            ["multipart/form-data", "multipart/mixed; boundary=x-y", "multipart/form-data; boundary=z", ""]
        {
            assert_eq!(fields(content_type.as_bytes(), BODY.as_bytes()), None, "{content_type}");
        }
        let cut = BODY.trim_end_matches("--x-y--\r\n");
        let many = format!(
            "--x-y{}--",
            "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x-y".repeat(PARTS_MAX + 1)
        );
        for body in [cut, "", "--x-y", "--x-y\r\nname=a\r\n--x-y--", "a=1", &many, &format!("x{BODY}")] {
            assert_eq!(fields(TYPE, body.as_bytes()), None, "{body}");
        }
        assert_eq!(fields(TYPE, b"--x-y--").unwrap(), []);
    }
}
