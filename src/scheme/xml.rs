//! Values of an XML body, read without a document type and without entities of its own.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::matched::Match;

/// The deepest nesting of elements.
const DEPTH_MAX: usize = 64;
/// The most attributes of one element.
const ATTRIBUTES_MAX: usize = 256;
/// The most values that one scan collects.
const MATCHES_MAX: usize = 1 << 16;

/// The text is not XML that is read here: malformed, with a document type, too deep, or not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not well-formed XML without a document type")]
pub(crate) struct NotXml;

/// A path from the root element down, by local names: `/Envelope/Body/Id`, or `/Envelope/@version` for an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct XmlPath {
    elements: Vec<String>,
    attribute: Option<String>,
}

impl XmlPath {
    /// Parses `text`.
    ///
    /// # Errors
    /// What is wrong with it, in words for its author.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("a path in XML begins with `/` and the root element, `{text}` does not"));
        };
        let mut elements: Vec<String> = rest.split('/').map(str::to_owned).collect();
        let attribute =
            elements.pop_if(|last| last.starts_with('@')).map(|last| last.trim_start_matches('@').to_owned());
        if elements.is_empty() {
            return Err(format!("the path `{text}` in XML names no element"));
        }
        if elements.len() > DEPTH_MAX {
            return Err(format!("a path in XML names at most {DEPTH_MAX} elements"));
        }
        for name in elements.iter().chain(&attribute) {
            if name.is_empty() || name.contains([':', '@', '*', '!']) || name.contains(char::is_whitespace) {
                return Err(format!(
                    "`{name}` in the path `{text}` is no local name (no prefix, no `*`; an attribute is the last)"
                ));
            }
        }
        Ok(Self { elements, attribute })
    }
}

/// Reads `text` once; gives for each path the values at it, in their order. An element gives its text without the white space
/// around it, or [`Match::Composite`] where it has children.
///
/// # Errors
/// When any part of `text` is not what [`NotXml`] asks for, looked at or not.
pub(crate) fn scan(text: &[u8], paths: &[XmlPath]) -> Result<Vec<Vec<Match<'static>>>, NotXml> {
    let text = std::str::from_utf8(text).map_err(|_| NotXml)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.chars().all(is_xml_char) {
        return Err(NotXml);
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut scan = Scan {
        paths: paths.iter().map(|path| Progress { path, depth: 0, open: None, matches: Vec::new() }).collect(),
        depth: 0,
        has_root: false,
        room: MATCHES_MAX,
    };
    let mut is_first = true;
    loop {
        match reader.read_event().map_err(|_| NotXml)? {
            Event::Start(start) => scan.start(&start)?,
            Event::Empty(start) => {
                scan.start(&start)?;
                scan.end()?;
            }
            Event::End(_) => scan.end()?,
            Event::Text(text) => scan.text(&text.xml10_content())?,
            Event::CData(text) if scan.depth > 0 => scan.text(&text.xml10_content())?,
            Event::GeneralRef(reference) if scan.depth > 0 => {
                scan.text(resolve(&reference)?.encode_utf8(&mut [0; 4]))?;
            }
            Event::Decl(declaration) if is_first => check_declaration(&declaration)?,
            Event::Comment(_) => {}
            Event::PI(instruction) if !instruction.target().eq_ignore_ascii_case("xml") => {}
            Event::Eof if scan.depth == 0 && scan.has_root => break,
            Event::CData(_) | Event::GeneralRef(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Eof => {
                return Err(NotXml);
            }
        }
        is_first = false;
    }
    Ok(scan.paths.into_iter().map(|progress| progress.matches).collect())
}

struct Scan<'p> {
    paths: Vec<Progress<'p>>,
    depth: usize,
    has_root: bool,
    room: usize,
}

/// How far one path is matched.
struct Progress<'p> {
    path: &'p XmlPath,
    /// How many of the path's elements are open now.
    depth: usize,
    /// The text of the element at the path's end while it is open and has no child.
    open: Option<String>,
    matches: Vec<Match<'static>>,
}

impl Scan<'_> {
    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), NotXml> {
        if self.depth == DEPTH_MAX || (self.depth == 0 && self.has_root) {
            return Err(NotXml);
        }
        self.has_root = true;
        let attributes = read_attributes(start)?;
        let name = start.local_name();
        for progress in &mut self.paths {
            progress.open = None;
            let is_next = progress.path.elements.get(self.depth).is_some_and(|element| element == name.as_ref());
            if progress.depth != self.depth || !is_next {
                continue;
            }
            progress.depth += 1;
            if progress.depth < progress.path.elements.len() {
                continue;
            }
            match &progress.path.attribute {
                None => progress.open = Some(String::new()),
                Some(wanted) => {
                    for (_, value) in attributes.iter().filter(|(name, _)| name == wanted) {
                        self.room = self.room.checked_sub(1).ok_or(NotXml)?;
                        progress.matches.push(Match::Scalar(value.clone().into()));
                    }
                }
            }
        }
        self.depth += 1;
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), NotXml> {
        if self.depth == 0 {
            return if text.chars().all(is_white_space) { Ok(()) } else { Err(NotXml) };
        }
        for progress in &mut self.paths {
            if let Some(open) = &mut progress.open {
                open.push_str(text);
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), NotXml> {
        for progress in &mut self.paths {
            if progress.depth != self.depth {
                continue;
            }
            progress.depth -= 1;
            if self.depth == progress.path.elements.len() && progress.path.attribute.is_none() {
                self.room = self.room.checked_sub(1).ok_or(NotXml)?;
                progress.matches.push(match progress.open.take() {
                    Some(text) => Match::Scalar(text.trim_matches(is_white_space).to_owned().into()),
                    None => Match::Composite,
                });
            }
        }
        self.depth = self.depth.checked_sub(1).ok_or(NotXml)?;
        Ok(())
    }
}

/// The attributes by local name, namespace declarations left out.
fn read_attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>, NotXml> {
    let mut attributes = Vec::new();
    for (count, attribute) in start.attributes().enumerate() {
        let attribute = attribute.map_err(|_| NotXml)?;
        // The reader compares each attribute with all before it.
        if count == ATTRIBUTES_MAX {
            return Err(NotXml);
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| NotXml)?;
        if attribute.value.contains('<') || !value.chars().all(is_xml_char) {
            return Err(NotXml);
        }
        if attribute.key.as_namespace_binding().is_none() {
            attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
        }
    }
    Ok(attributes)
}

/// The character that a reference in text stands for: one of the five predefined or a number.
fn resolve(reference: &BytesRef<'_>) -> Result<char, NotXml> {
    let char = match reference.resolve_char_ref().map_err(|_| NotXml)? {
        Some(char) => Some(char),
        None => resolve_xml_entity(reference).and_then(|text| text.chars().next()),
    };
    char.filter(|char| is_xml_char(*char)).ok_or(NotXml)
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), NotXml> {
    if declaration.version().map_err(|_| NotXml)? != "1.0" {
        return Err(NotXml);
    }
    match declaration.encoding().transpose().map_err(|_| NotXml)? {
        Some(encoding) if !["utf-8", "us-ascii"].iter().any(|known| encoding.eq_ignore_ascii_case(known)) => {
            Err(NotXml)
        }
        Some(_) | None => Ok(()),
    }
}

/// XML 1.0, production 2.
fn is_xml_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// XML 1.0, production 3.
fn is_white_space(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, path: &str) -> Result<Vec<String>, NotXml> {
        let found = scan(text.as_bytes(), &[XmlPath::parse(path).unwrap()])?;
        Ok(found[0].iter().map(|value| value.scalar().unwrap_or("(composite)").to_owned()).collect())
    }

    #[test]
    fn values_are_found_by_local_names() {
        let soap = r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="x">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound" id="n">
   <OrganizationId>  00D0  </OrganizationId>
   <Notification><Id>04l1</Id><sObject xsi:type="sf:Account" xmlns:sf="y"><sf:Id>001</sf:Id></sObject></Notification>
   <Notification><Id>04l2</Id><sObject xsi:type='sf:Lead'/></Notification>
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>
"#;
        let base = "/Envelope/Body/notifications";
        for (path, expected) in [
            ("/OrganizationId", &["00D0"][..]),
            ("/Notification/Id", &["04l1", "04l2"]),
            ("/Notification/sObject/@type", &["sf:Account", "sf:Lead"]),
            ("/Notification/sObject", &["(composite)", ""]),
            ("/Notification", &["(composite)", "(composite)"]),
            ("/@id", &["n"]),
            ("/@xmlns", &[]),
            ("/Notification/sObject/@sf", &[]),
            ("/Nothing", &[]),
            ("/OrganizationId/Id", &[]),
        ] {
            assert_eq!(values(soap, &format!("{base}{path}")).unwrap(), expected, "{path}");
        }
        assert_eq!(values(soap, "/Body/notifications/OrganizationId").unwrap(), [""; 0]);
    }

    #[test]
    fn text_is_exact_save_for_white_space_around_it() {
        for (text, expected) in [
            ("<a>a &amp;&lt;&gt;&quot;&apos; &#65;&#x42; b</a>", "a &<>\"' AB b"),
            ("<a> <![CDATA[<b>&amp;]]> c</a>", "<b>&amp; c"),
            ("<a>one<!-- two -->three<?pi four?></a>", "onethree"),
            ("\u{feff}<a>\r\n x\r\ny </a>\n<!-- end -->\n", "x\ny"),
            ("<a/>", ""),
            ("<a>é</a>", "é"),
        ] {
            assert_eq!(values(text, "/a").unwrap(), [expected], "{text}");
        }
        assert_eq!(values("<a b='&lt;x &#38; y\n'/>", "/a/@b").unwrap(), ["<x & y "]);
        assert_eq!(values("<a p:b='1' b='2'/>", "/a/@b").unwrap(), ["1", "2"]);
    }

    #[test]
    fn what_is_not_plain_xml_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(DEPTH_MAX + 1), "</a>".repeat(DEPTH_MAX + 1));
        let crowded =
            format!("<a {}/>", (0..=ATTRIBUTES_MAX).map(|i| format!("b{i}=''")).collect::<Vec<_>>().join(" "));
        for text in [
            "",
            "  ",
            "a",
            "<a>",
            "<a></b>",
            "<a></a></a>",
            "<a/><a/>",
            "<a/>b",
            "b<a/>",
            "<a/>&amp;",
            "<a/><![CDATA[x]]>",
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
            "<a>&x;</a>",
            "<a>&nbsp;</a>",
            "<a>&amp</a>",
            "<a>&</a>",
            "<a>&#0;</a>",
            "<a>&#1;</a>",
            "<a>&#xD800;</a>",
            "<a>&#xFFFF;</a>",
            "<a>\u{1}</a>",
            "<a b='&x;'/>",
            "<a b='&#1;'/>",
            "<a b='<'/>",
            "<a b='1' b='2'/>",
            "<a b=1/>",
            "<a b/>",
            "<a><!-- a -- b --></a>",
            " <?xml version='1.0'?><a/>",
            "<a><?xml version='1.0'?></a>",
            "<?xml version='1.1'?><a/>",
            "<?xml version='1.0' encoding='UTF-16'?><a/>",
            &deep,
            &crowded,
        ] {
            assert_eq!(values(text, "/a"), Err(NotXml), "{text}");
        }
        assert_eq!(scan(b"<a>\xff</a>", &[]), Err(NotXml));
        assert!(values(&format!("{}{}", "<a>".repeat(DEPTH_MAX), "</a>".repeat(DEPTH_MAX)), "/a").is_ok());
        assert!(values("<?xml version='1.0' encoding='utf-8' standalone='yes'?><a/>", "/a").is_ok());
    }

    #[test]
    fn no_edit_of_one_byte_finds_a_value_that_is_not_there() {
        let text = b"<?xml version='1.0'?><a b='1'><c>x&amp;y<![CDATA[z]]></c><!-- d --><c/></a>";
        let paths = [XmlPath::parse("/a/c").unwrap(), XmlPath::parse("/a/@b").unwrap()];
        for at in 0..text.len() {
            for byte in 0..=255 {
                let mut edited = text.to_vec();
                edited[at] = byte;
                if let Ok(found) = scan(&edited, &paths) {
                    assert!(found[0].len() <= 2 && found[1].len() <= 1, "{}", String::from_utf8_lossy(&edited));
                }
            }
        }
    }

    #[test]
    fn more_values_than_the_bound_are_refused() {
        let many = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
        assert_eq!(values(&many(MATCHES_MAX), "/a/b").unwrap().len(), MATCHES_MAX);
        assert_eq!(values(&many(MATCHES_MAX + 1), "/a/b"), Err(NotXml));
    }

    #[test]
    fn a_path_names_elements_and_last_an_attribute() {
        for path in ["", "a", "/", "/@a", "/a//b", "/a/@b/c", "/a:b", "/a/*", "/a/", "/a/@", "/a b", "/a/!json"] {
            assert!(XmlPath::parse(path).is_err(), "{path}");
        }
    }
}
