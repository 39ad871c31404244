//! Reads the text that auditd appends to enriched records, without libauparse.

use crate::event::{Field, FieldRef, record_type, unquoted};
use memchr::{memchr, memchr_iter, memrchr};

/// The most bytes that are read. auditd appends less; anything beyond was not written by auditd.
const MAX_APPENDED: usize = 4096;

/// The names that auditd appended for fields of one name: `UID="root"` for `uid`, `SADDR={ … }` for `saddr`. They stand
/// in the order of the fields.
struct AppendedNames<'a> {
    rest: &'a [u8],
    name: &'a [u8],
}

impl<'a> AppendedNames<'a> {
    fn new(enriched: &'a [u8], name: &'a [u8]) -> Self {
        Self { rest: &enriched[..enriched.len().min(MAX_APPENDED)], name }
    }
}

impl<'a> Iterator for AppendedNames<'a> {
    type Item = &'a [u8];

    /// The next one, with its quotes.
    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let equals = memchr(b'=', self.rest)?;
            let mut found = &self.rest[..equals];
            while let [b' ', rest @ ..] = found {
                found = rest;
            }
            let value = &self.rest[equals + 1..];
            let end = match value {
                [b'"', quoted @ ..] => {
                    // A quote that no space follows is part of the name.
                    let mut quotes = memchr_iter(b'"', quoted).map(|n| n + 2);
                    quotes.find(|end| value.get(*end) == Some(&b' ')).unwrap_or(value.len())
                }
                // The last brace ends the value: a path in it may have braces, and nothing follows a socket address.
                [b'{', ..] => memrchr(b'}', value).map_or(value.len(), |n| n + 1),
                _ => memchr(b' ', value).unwrap_or(value.len()),
            };
            self.rest = &value[end..];
            if found.len() == self.name.len() && found.eq_ignore_ascii_case(self.name) {
                return Some(&value[..end]);
            }
        }
        None
    }
}

/// The first name that auditd appended for fields of that name.
pub(super) fn appended<'a>(enriched: &'a [u8], name: &'a [u8]) -> Option<&'a [u8]> {
    AppendedNames::new(enriched, name).next().map(unquoted)
}

/// The name that auditd appended for this field, with its quotes. A record may have several fields of one name: the
/// second one has the second name.
///
/// auditd sees fields inside of quoted values too, so it may have appended more names than the record has fields. Then
/// only the first one is sure to belong to its field, because quoted text comes later. A LOGIN record of an old kernel
/// may begin with the id before the login, under the same name.
pub(super) fn appended_for<'a>(place: &FieldRef<'a>) -> Option<&'a [u8]> {
    let name = place.event.bytes(place.field.name);
    let fields = place.event.fields(place.record);
    let is_same = |field: &&Field| field.name.len() == name.len() && place.event.bytes(field.name) == name;
    let before = fields.iter().take_while(|field| field.name != place.field.name);
    let names = || AppendedNames::new(place.event.bytes(place.record.enriched), name);
    match before.filter(is_same).count() {
        0 if place.record.record_type != record_type::LOGIN => names().next(),
        nth if names().count() <= fields.iter().filter(is_same).count() => names().nth(nth),
        _ => None,
    }
}

/// True when libauparse may take its answer for fields of that name from the text that auditd appended. It splits that
/// text at every space and reads only the first name for all of them.
pub(super) fn is_overridden(enriched: &[u8], name: &[u8]) -> bool {
    memchr_iter(b'=', enriched).any(|at| {
        let word = memrchr(b' ', &enriched[..at]).map_or(&enriched[..at], |space| &enriched[space + 1..at]);
        word.eq_ignore_ascii_case(name)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::event::{EventId, LinuxEvent, Record};

    #[test]
    fn appended_names_are_found() {
        let raw = br#"ARCH=x86_64 SYSCALL=openat AUID="unset" UID="DOMAIN\joe user" GID="root""#;
        assert_eq!(appended(raw, b"syscall"), Some(&b"openat"[..]));
        assert_eq!(appended(raw, b"uid"), Some(&br"DOMAIN\joe user"[..]));
        assert_eq!(appended(raw, b"gid"), Some(&b"root"[..]));
        assert_eq!(appended(raw, b"euid"), None);
        let saddr = b"SADDR={ saddr_fam=inet laddr=192.0.2.1 lport=443 }";
        assert_eq!(appended(saddr, b"saddr"), Some(&b"{ saddr_fam=inet laddr=192.0.2.1 lport=443 }"[..]));
        for broken in [&b"="[..], b"UID", b"UID=\"", b" =x y", b"\"=\" = "] {
            assert_eq!(appended(broken, b"gid"), None);
        }
    }

    /// The names of each `uid` in a record with these fields.
    fn names_of_uids(fields: &[&str], enriched: &str) -> Vec<Option<String>> {
        names_of_uids_in(1005, fields, enriched)
    }

    /// The same in a record of this type.
    fn names_of_uids_in(record_type: i32, fields: &[&str], enriched: &str) -> Vec<Option<String>> {
        let mut event = LinuxEvent::default();
        event.begin(EventId::default());
        for name in fields {
            let field = Field { name: event.keep(name.as_bytes()), value: event.keep(b"1"), ..Field::default() };
            event.push_field(field);
        }
        let enriched = event.keep(enriched.as_bytes());
        event.push_record(Record { record_type, enriched, fields: 0..fields.len(), ..Record::default() });
        event.end();
        let record = &event.records()[0];
        let uids = event.fields(record).iter().filter(|f| event.bytes(f.name) == b"uid");
        uids.map(|field| appended_for(&FieldRef { event: &event, number: 0, record, field: *field }))
            .map(|name| name.map(|name| String::from_utf8_lossy(name).into_owned()))
            .collect()
    }

    #[test]
    fn the_second_field_has_the_second_name() {
        let some = |names: &[&str]| names.iter().map(|name| Some((*name).to_string())).collect::<Vec<_>>();
        let two = ["pid", "uid", "auid", "uid"];
        assert_eq!(names_of_uids(&two, r#"UID="root" AUID="adm7" UID="dora""#), some(&["\"root\"", "\"dora\""]));
        assert_eq!(names_of_uids(&["uid", "uid", "uid"], "UID=a UID=b UID=c"), some(&["a", "b", "c"]));
        // auditd had no room for the last one.
        assert_eq!(names_of_uids(&two, "UID=a AUID=b"), [Some("a".into()), None]);
        // auditd saw a field in a quoted text.
        assert_eq!(names_of_uids(&two, "UID=a AUID=b UID=forged UID=c"), [Some("a".into()), None]);
        assert_eq!(names_of_uids(&["uid"], "UID=a UID=forged"), some(&["a"]));
        assert_eq!(names_of_uids(&two, ""), [None, None]);
        // `old uid=… new uid=…`, of which one has another name here
        assert_eq!(names_of_uids_in(record_type::LOGIN, &["uid"], "UID=unset UID=erin"), [None]);
        assert_eq!(names_of_uids_in(record_type::LOGIN, &["uid"], "UID=erin"), some(&["erin"]));
    }

    #[test]
    fn libauparse_takes_answers_from_what_is_appended() {
        assert!(is_overridden(b"UID=\"root\"", b"uid") && is_overridden(b"x RES=\"a SIG=b\"", b"sig"));
        assert!(!is_overridden(b"AUID=\"root\"", b"uid") && !is_overridden(b"", b"uid"));
    }
}
