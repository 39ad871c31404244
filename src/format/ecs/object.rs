//! Writes nested objects. It puts commas where they are needed and leaves out empty objects.

use crate::format::json;

/// Writes the members of a document one after the other.
pub(super) struct Objects<'a> {
    pub(super) out: &'a mut Vec<u8>,
}

/// Where an object began.
#[must_use]
pub(super) struct Opened(usize);

impl Objects<'_> {
    /// Begins a member. Its name needs no escapes.
    pub(super) fn name(&mut self, name: &str) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// Writes a string. Returns false when it holds bytes that aren't UTF-8.
    pub(super) fn text(&mut self, name: &str, value: &[u8]) -> bool {
        self.name(name);
        json::string(self.out, value)
    }

    /// Writes a string, unless it is empty.
    pub(super) fn some(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            self.text(name, value);
        }
    }

    /// Writes a number.
    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        json::number(self.out, value);
    }

    /// Writes a list of strings.
    pub(super) fn list<'v>(&mut self, name: &str, values: impl Iterator<Item = &'v [u8]>) {
        self.name(name);
        json::list(self.out, values);
    }

    /// Begins an object.
    pub(super) fn open(&mut self, name: &str) -> Opened {
        let start = self.out.len();
        self.name(name);
        self.out.push(b'{');
        Opened(start)
    }

    /// Ends an object. Removes it if it has no members.
    pub(super) fn close(&mut self, opened: Opened) {
        if self.out.last() == Some(&b'{') {
            self.out.truncate(opened.0);
        } else {
            self.out.push(b'}');
        }
    }

    /// Writes an object whose members are given, each with a comma before it.
    pub(super) fn members(&mut self, name: &str, members: &[u8]) {
        if let Some(members) = members.strip_prefix(b",") {
            self.name(name);
            self.out.push(b'{');
            self.out.extend_from_slice(members);
            self.out.push(b'}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_members_and_empty_objects_are_not_written() {
        let mut out = vec![b'{'];
        let mut objects = Objects { out: &mut out };
        let first = objects.open("a");
        let inner = objects.open("b");
        objects.close(inner);
        objects.close(first);
        let second = objects.open("c");
        assert!(objects.text("d", b"x\""));
        objects.number("e", 7);
        objects.some("f", b"");
        objects.list("g", [&b"1"[..], b"2"].into_iter());
        objects.close(second);
        objects.members("h", b"");
        objects.members("i", br#","j":"k""#);
        out.push(b'}');
        let expected = br#"{"c":{"d":"x\"","e":7,"g":["1","2"]},"i":{"j":"k"}}"#;
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(expected));
    }
}
