//! Regular expressions of Go. Both Go and auship follow RE2, but not in all details. A pattern is only taken over if it
//! means the same.

use crate::config::Pattern;

/// The pattern in auship's form. The error says why there is none.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = pattern.chars().peekable();
    // Whether the pattern is inside of brackets, and whether the next character is the first one there.
    let mut class: Option<bool> = None;
    while let Some(c) = rest.next() {
        let first_in_class = class == Some(true);
        if class.is_some() {
            class = Some(false);
        }
        match c {
            '\\' => match rest.next() {
                Some('Q' | 'C') => return Err("has \\Q or \\C, which auship doesn't know".into()),
                // Go takes these for the characters themselves.
                Some(c @ ('<' | '>')) => result.push(c),
                // Go would take this for a word boundary and a brace.
                Some(c @ ('b' | 'B')) if rest.peek() == Some(&'{') => {
                    result.extend(['\\', c, '\\', rest.next().unwrap_or('{')])
                }
                Some(c) => result.extend(['\\', c]),
                None => return Err("ends in a backslash".into()),
            },
            '[' if class.is_none() => {
                result.push('[');
                if rest.peek() == Some(&'^') {
                    result.extend(rest.next());
                }
                class = Some(true);
            }
            // A name as in [:alpha:] is the same in both. Otherwise Go takes the bracket for itself.
            '[' if rest.peek() == Some(&':') => {
                result.push('[');
                for c in rest.by_ref() {
                    result.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' => result.push_str("\\["),
            ']' if first_in_class => result.push_str("\\]"),
            ']' if class.is_some() => {
                class = None;
                result.push(']');
            }
            // auship would take two of them for an operation on sets.
            '&' | '~' if class.is_some() => result.extend(['\\', c]),
            '-' if class.is_some() && rest.peek() == Some(&'-') => {
                return Err("has -- in brackets; write \\- instead".into());
            }
            '{' if class.is_none() && !begins_count(rest.clone()) => result.push_str("\\{"),
            _ => result.push(c),
        }
    }
    Pattern::new(&result).map_err(|why| format!("isn't a pattern that auship can use: {why}"))?;
    Ok(result)
}

/// True if a count follows a brace, as in `{2}`, `{2,}` or `{2,3}`. Otherwise Go takes the brace for itself.
fn begins_count(rest: std::iter::Peekable<std::str::Chars>) -> bool {
    let inside: String = rest.take_while(|c| *c != '}').collect();
    let (from, to) = inside.split_once(',').unwrap_or((&inside, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    !from.is_empty() && is_number(from) && is_number(to)
}

/// True if a pattern may depend on what is before or after a record: on its beginning, its end, or on words there.
pub(super) fn looks_around(pattern: &str) -> bool {
    let mut escaped = false;
    let mut in_class = false;
    for (at, c) in pattern.char_indices() {
        match c {
            _ if escaped => {
                escaped = false;
                if matches!(c, 'b' | 'B' | 'A' | 'z') {
                    return true;
                }
            }
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '^' if !in_class || !pattern[..at].ends_with('[') => return true,
            '$' if !in_class => return true,
            _ => (),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_keep_their_meaning() {
        for (old, new) in [
            ("saddr=(10..|0A..)", Ok("saddr=(10..|0A..)")),
            ("\"uid_map\":{\"0\":\"root\"}", Ok("\"uid_map\":\\{\"0\":\"root\"}")),
            ("a{2,3}b{,5}", Ok("a{2,3}b\\{,5}")),
            ("[[a]b]", Ok("[\\[a]b]")),
            ("[^]x&&y[:alpha:]]", Ok("[^\\]x\\&\\&y[:alpha:]]")),
            ("\\<a\\>", Ok("<a>")),
            ("\\Qa\\E", Err("\\Q")),
            ("(", Err("unclosed")),
            ("\\p{Greek}", Err("isn't a pattern")),
            ("(?i)ABC\\.d", Ok("(?i)ABC\\.d")),
        ] {
            match (translate(old), new) {
                (Ok(is), Ok(new)) => assert_eq!(is, new, "{old}"),
                (Err(is), Err(part)) => assert!(is.contains(part), "{old}: {is}"),
                (is, _) => unreachable!("{old}: {is:?}"),
            }
        }
    }

    #[test]
    fn patterns_that_look_around_are_found() {
        for (pattern, is) in [
            ("^a", true),
            ("a$", true),
            ("\\bx", true),
            ("[^a]", false),
            ("\\^\\$", false),
            ("[a^$]", true),
            ("name=.*x", false),
            ("\\z", true),
        ] {
            assert_eq!(looks_around(pattern), is, "{pattern}");
        }
    }
}
