//! The document's id. The same event always gets the same id, whether it is sent live or converted from a log. So a
//! document that is sent twice is stored once.

use crate::{
    event::{EventId, LinuxEvent},
    host::Host,
};
use openssl::sha::Sha256;

/// The first half of a SHA-256. Documents have it in hex.
pub(super) type Id = [u8; 16];

/// The text that identifies this machine: its machine-id and its name. The name is needed because cloned machines can
/// share a machine-id; without it, their events could get the same id.
pub(super) fn machine(host: &Host) -> Vec<u8> {
    [host.machine_id.as_bytes(), b" ", host.kernel_name.as_bytes()].concat()
}

/// The id of an event. It depends on the node (or machine), the time, the serial, the type of the first record, and the
/// part of the event.
pub(super) fn of_event(event: &LinuxEvent, machine: &[u8]) -> Id {
    let kind = event.records().first().map_or(&b""[..], |record| event.bytes(record.name));
    let node = event.node().filter(|node| !node.is_empty()).unwrap_or(machine);
    hashed(&[node, kind, &event.part.to_be_bytes()], event.id)
}

/// The id of a gap in a node's serials.
pub(super) fn of_gap(node: &[u8], from: u64, to: u64, event_id: EventId) -> Id {
    hashed(&[node, b"audit_gap", &from.to_be_bytes(), &to.to_be_bytes()], event_id)
}

/// The id of a heartbeat of a machine. Its time and number are in the event's id.
pub(super) fn of_heartbeat(machine: &[u8], event_id: EventId) -> Id {
    hashed(&[machine, b"heartbeat"], event_id)
}

fn hashed(parts: &[&[u8]], event_id: EventId) -> Id {
    let mut hash = Sha256::new();
    for part in parts {
        // The lengths are hashed too, so that two different lists of parts never give the same bytes.
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(&event_id.seconds.to_be_bytes());
    hash.update(&event_id.millis.to_be_bytes());
    hash.update(&event_id.serial.to_be_bytes());
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash.finish();
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_differs_makes_another_id() {
        let event_id = EventId { seconds: 1, millis: 2, serial: 3 };
        let event = |node: &[u8], kind: &[u8], part, event_id| {
            let mut event = LinuxEvent::default();
            event.begin(event_id);
            if !node.is_empty() {
                let node = event.keep(node);
                event.set_node(node);
            }
            let name = event.keep(kind);
            event.push_record(crate::event::Record { name, ..Default::default() });
            event.part = part;
            of_event(&event, b"machine")
        };
        let id = event(b"", b"SYSCALL", 0, event_id);
        assert_eq!(id, event(b"machine", b"SYSCALL", 0, event_id));
        let others = [
            event(b"other", b"SYSCALL", 0, event_id),
            event(b"", b"USER_CMD", 0, event_id),
            event(b"", b"SYSCALL", 1, event_id),
            event(b"", b"SYSCALL", 0, EventId { seconds: 2, ..event_id }),
            event(b"", b"SYSCALL", 0, EventId { millis: 3, ..event_id }),
            event(b"", b"SYSCALL", 0, EventId { serial: 4, ..event_id }),
            of_gap(b"machine", 1, 2, event_id),
            of_heartbeat(b"machine", event_id),
        ];
        for (n, other) in others.iter().enumerate() {
            assert_ne!(*other, id);
            assert!(!others[..n].contains(other));
        }
    }

    #[test]
    fn cloned_machines_differ_in_their_names() {
        let host = |name: &str| Host {
            name: "web".into(),
            kernel_name: name.into(),
            machine_id: "0f7b0000000000000000000000000000".into(),
        };
        assert_ne!(machine(&host("web1")), machine(&host("web2")));
        assert_eq!(machine(&host("web1")), machine(&host("web1")));
    }
}
