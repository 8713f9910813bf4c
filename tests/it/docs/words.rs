//! A command line as a shell reads it, as far as the book goes.

/// The words of a command up to a pipe, a redirection, a comment or the next command.
pub fn split(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in command.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '|' | '>' | ';' | '&') => break,
            (None, '#') if word.is_none() => break,
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[test]
fn words_are_those_of_a_shell() {
    assert_eq!(split("a 'b c' \"d|e\" --f=g  # h"), ["a", "b c", "d|e", "--f=g"]);
    assert_eq!(split("a b | c"), ["a", "b"]);
    assert_eq!(split("a >b"), ["a"]);
}
