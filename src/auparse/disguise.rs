//! Changes heads that libauparse treats wrongly before it gets them, and changes them back when it hands out the event.
//!
//! - libauparse 3 takes a LOGIN record, and records of the network's labels (`MAC_…`), for whole events. But the kernel
//!   writes a SYSCALL record with the same serial after them. Under the number of an unused type such a record is kept
//!   until its event ends.
//! - libauparse uses second 0 for "no event". A record of the first second of 1970 gets second 1 instead.
//! - An EOE record of this parser's own ends an event that no other record ends.
//!
//! A changed head has the byte [`MARK`], which no readable head has, and is as long as before, because offsets in the
//! record depend on it.

use super::tables;
use crate::event::{EventId, record_type};
use memchr::{memchr, memmem};

/// Marks a changed head.
const MARK: u8 = 1;

/// The record types that libauparse 3 takes for whole events (`au_check_events` in `auparse.c`).
const HELD: [&str; 11] = [
    "LOGIN",
    "MAC_UNLBL_ALLOW",
    "MAC_CIPSOV4_ADD",
    "MAC_CIPSOV4_DEL",
    "MAC_MAP_ADD",
    "MAC_MAP_DEL",
    "MAC_IPSEC_EVENT",
    "MAC_UNLBL_STCADD",
    "MAC_UNLBL_STCDEL",
    "MAC_CALIPSO_ADD",
    "MAC_CALIPSO_DEL",
];
/// The number that libauparse gets for the first of them. The numbers from here on, up to 1399, are unused.
const FIRST_HELD: i32 = 1380;

/// True for a record type that is given another number.
pub(super) fn is_held(kind: &[u8]) -> bool {
    held(kind).is_some()
}

fn held(kind: &[u8]) -> Option<i32> {
    let name = kind.strip_prefix(b"type=")?;
    (FIRST_HELD..).zip(HELD).find(|(_, held)| held.as_bytes() == name).map(|(number, _)| number)
}

/// Changes the head of a record, if it needs that.
pub(super) fn disguise(line: &mut [u8], is_second_0: bool) {
    let Some(time) = memmem::find(line, b" msg=audit(") else { return };
    let kind = line[..time].iter().rposition(|b| *b == b' ').map_or(0, |at| at + 1);
    if let Some(number) = held(&line[kind..time]) {
        let name = &mut line[kind + 5..time];
        name.fill(MARK);
        name[..4].copy_from_slice(number.to_string().as_bytes());
    }
    if is_second_0 {
        let digits = line[time + 11..].iter().take_while(|b| **b == b'0').count();
        line[time + 6] = MARK;
        line[time + 10 + digits] = b'1';
    }
}

/// The EOE record that ends an event. `head` is the head of one of its records, up to the time.
pub(super) fn end_of_event(line: &[u8]) -> Option<Vec<u8>> {
    let time = memmem::find(line, b" msg=audit(")?;
    let end = memchr(b')', &line[time..])? + time;
    let kind = line[..time].iter().rposition(|b| *b == b' ').map_or(0, |at| at + 1);
    let kind_of_end = [b"type=1320".as_slice(), &[MARK]].concat();
    Some([&line[..kind], &kind_of_end, &line[time..=end], b": \n"].concat())
}

/// True for a record whose head may be changed. Few others are among them.
#[inline]
pub(super) fn may_be_changed(kind: i32, id: EventId, text: &[u8]) -> bool {
    (FIRST_HELD..FIRST_HELD + 20).contains(&kind)
        || kind == record_type::EOE && !text.starts_with(b"type=EOE")
        || id.seconds == 0
}

/// True for an EOE record of this parser's own.
#[cold]
pub(super) fn is_own_end(text: &[u8]) -> bool {
    memmem::find(text, b"type=1320\x01 msg=a").is_some()
}

/// True for a record of the first second of 1970 that was changed.
pub(super) fn is_second_0(text: &[u8]) -> bool {
    memmem::find(text, b" msg=a\x01dit(").is_some()
}

/// Changes the head of a record back, if it was changed. Returns the number of its type.
#[cold]
pub(super) fn undo(text: &mut [u8], kind: i32) -> i32 {
    if let Some(time) = memmem::find(text, b" msg=a\x01dit(") {
        text[time + 6] = b'u';
        let zeros = text[time + 11..].iter().take_while(|b| **b == b'0').count();
        text[time + 11 + zeros] = b'0';
    }
    let name = stand_in(kind);
    let head = name.map(|_| [b"type=".as_slice(), kind.to_string().as_bytes(), &[MARK]].concat());
    match (name, head.and_then(|head| memmem::find(text, &head))) {
        (Some(name), Some(at)) => {
            text[at + 5..at + 5 + name.len()].copy_from_slice(name.as_bytes());
            tables::record_type(name).unwrap_or(kind)
        }
        _ => kind,
    }
}

/// The type that has this number for libauparse.
fn stand_in(kind: i32) -> Option<&'static str> {
    usize::try_from(kind.checked_sub(FIRST_HELD)?).ok().and_then(|at| HELD.get(at)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_is_changed_back() {
        for (line, second_0) in [
            ("type=LOGIN msg=audit(1795320000.001:5): pid=1", false),
            ("node=a type=LOGIN msg=audit(1795320000.001:5): pid=1 x=type=1380\x01", false),
            ("type=MAC_UNLBL_ALLOW msg=audit(1795320000.001:5): a=b", false),
            ("type=LOGIN msg=audit(0.001:5): pid=1", true),
            ("type=KERNEL msg=audit(0000000000.001:5): x msg=audit(0.1:1)", true),
            ("type=X msg=audit(1795320000.001:5): a=b", false),
            ("type=UNKNOWN[1380] msg=audit(1795320000.001:5): a=b", false),
        ] {
            let mut text = line.as_bytes().to_vec();
            disguise(&mut text, second_0);
            assert_eq!(text.len(), line.len());
            assert_eq!(is_second_0(&text), second_0);
            let name = line.split("type=").nth(1).unwrap_or_default().split(' ').next().unwrap_or_default();
            let number = held(format!("type={name}").as_bytes());
            let kind = number.unwrap_or(9);
            assert_eq!(stand_in(kind).is_some(), number.is_some());
            assert_eq!(undo(&mut text, kind), number.map_or(9, |_| tables::record_type(name).unwrap_or(0)), "{line}");
            assert_eq!(String::from_utf8_lossy(&text), line);
        }
    }

    #[test]
    fn an_event_is_ended_by_its_own_time() {
        let end = end_of_event(b"node=a type=LOGIN msg=audit(1795320000.001:5): pid=1").unwrap_or_default();
        assert_eq!(end, b"node=a type=1320\x01 msg=audit(1795320000.001:5): \n");
        assert!(is_own_end(&end) && !is_own_end(b"type=EOE msg=audit(1795320000.001:5): "));
    }

    #[test]
    fn every_number_has_four_digits_and_its_own_name() {
        for name in HELD {
            assert!(name.len() > 4 && tables::record_type(name).is_some(), "{name}");
        }
    }
}
