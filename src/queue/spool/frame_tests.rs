//! Tests of frames: what is read back, and what damage costs.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

impl ReadAt for Vec<u8> {
    fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let from = usize::try_from(at).unwrap().min(self.len());
        let n = buffer.len().min(self.len() - from);
        buffer[..n].copy_from_slice(&self[from..from + n]);
        Ok(n)
    }
}

fn walk(file: &Vec<u8>) -> Vec<Next> {
    let mut walk = Walk::default();
    let mut found = Vec::new();
    loop {
        match walk.next(file, file.len() as u64).unwrap() {
            Next::End => return found,
            next => found.push(next),
        }
    }
}

/// A file in memory that counts the bytes that are read from it.
struct Counted(Vec<u8>, std::cell::Cell<usize>);

impl ReadAt for Counted {
    fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let n = self.0.fill(buffer, at)?;
        self.1.set(self.1.get() + n);
        Ok(n)
    }
}

fn document(body: &[u8]) -> Document {
    let time = Timestamp { seconds: -7, nanos: 5 };
    let id = (!body.is_empty()).then(|| [body[0]; 16]);
    Document { body: body.to_vec(), time, id, receipt: None }
}

fn three() -> Vec<u8> {
    let mut file = Vec::new();
    for (number, body) in [(7, &b"one"[..]), (8, b""), (9, &[b'x'; 300_000])] {
        assert!(write(&mut file, number, &document(body)));
    }
    file
}

/// As version 1 wrote it.
fn write_legacy(out: &mut Vec<u8>, number: u64, body: &[u8]) {
    let start = out.len();
    out.extend_from_slice(b"\xffau\x01");
    out.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    let checksum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(body);
}

#[test]
fn what_is_written_is_read() {
    let found = walk(&three());
    let expected = [(7, &b"one"[..]), (8, b""), (9, &[b'x'; 300_000])];
    assert_eq!(found, expected.map(|(number, body)| Next::Document(number, document(body))));
}

#[test]
fn both_versions_are_read_from_one_file() {
    let body = br#"{"timestamp":"1970-01-01T00:00:01.002+00:00"}"#;
    let mut file = Vec::new();
    write_legacy(&mut file, 1, body);
    write(&mut file, 2, &document(b"two"));
    write_legacy(&mut file, 3, body);
    let old = |number| {
        let time = Timestamp { seconds: 1, nanos: 2_000_000 };
        Next::Document(number, Document { body: body.to_vec(), time, ..Document::default() })
    };
    assert_eq!(walk(&file), [old(1), Next::Document(2, document(b"two")), old(3)]);
    // A damaged head is passed over from one version to the other.
    file[9] ^= 1;
    let first = (legacy::HEAD + body.len()) as u64;
    assert_eq!(walk(&file), [Next::Damaged(0, first), Next::Document(2, document(b"two")), old(3)]);
    write_legacy(&mut file, 4, b"");
    file[first as usize + 9] ^= 1;
    assert_eq!(walk(&file).len(), 3, "the last is shorter than a head of version 2");
}

#[test]
fn every_changed_byte_costs_one_document_alone() {
    let whole = three();
    for at in (0..200).chain([whole.len() / 2, whole.len() - 1]) {
        let mut file = whole.clone();
        file[at] ^= 0x10;
        let found = walk(&file);
        let documents: Vec<&Next> = found.iter().filter(|n| matches!(n, Next::Document(..))).collect();
        assert_eq!(documents.len(), 2, "at {at}: {:?}", found.len());
        assert!(walk(&whole).iter().filter(|n| documents.contains(n)).count() == 2);
        assert_eq!(found.len(), 3, "one damaged piece");
    }
}

#[test]
fn a_file_cut_anywhere_keeps_what_is_whole() {
    let whole = three();
    let ends = [HEAD + 3, 2 * HEAD + 3];
    for len in (0..200).chain([whole.len() - 1]) {
        let found = walk(&whole[..len].to_vec());
        let documents = found.iter().filter(|n| matches!(n, Next::Document(..))).count();
        assert_eq!(documents, ends.iter().filter(|end| **end <= len).count(), "{len}");
        let tail = len > 0 && !ends.contains(&len);
        assert_eq!(found.len(), documents + usize::from(tail), "{len}");
    }
}

#[test]
fn why_a_piece_is_damaged_is_known() {
    let whole = three();
    let damage = |at: usize, len: usize| {
        let mut file = whole[..len].to_vec();
        if let Some(byte) = file.get_mut(at) {
            *byte ^= 1;
        }
        let (mut walk, mut found) = (Walk::default(), Vec::new());
        loop {
            match walk.next_frame(&file, len as u64).unwrap() {
                NextFrame::Damaged(at, bytes, damage) => found.push((at, bytes, damage)),
                NextFrame::Sound(_) => (),
                NextFrame::End => return found,
            }
        }
    };
    let frame = (HEAD + 3) as u64;
    assert_eq!(damage(usize::MAX, whole.len()), []);
    assert_eq!(damage(9, whole.len()), [(0, frame, Damage::Head)]);
    assert_eq!(damage(HEAD, whole.len()), [(0, frame, Damage::Document { number: 7 })]);
    let start = frame + HEAD as u64;
    let cut = Damage::Cut { number: 9, len: 300_000 };
    assert_eq!(damage(usize::MAX, 1000), [(start, 1000 - start, cut)]);
    assert_eq!(damage(usize::MAX, start as usize + 10), [(start, 10, Damage::Head)]);
}

#[test]
fn hostile_bytes_cost_neither_memory_nor_time() {
    // The head claims 4 GiB, and the file is as long as that.
    struct Zeros(Vec<u8>);
    impl ReadAt for Zeros {
        fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
            buffer.fill(0);
            self.0.fill(buffer, at)?;
            Ok(buffer.len())
        }
    }
    let mut head = Vec::new();
    write(&mut head, 1, &document(b"x"));
    head.truncate(HEAD);
    head[4..8].copy_from_slice(&(256_u32 << 20).to_le_bytes());
    let sum = crc32fast::hash(&head[..HEAD - 4]);
    head[HEAD - 4..].copy_from_slice(&sum.to_le_bytes());
    let mut walk = Walk::default();
    let end = u64::from(u32::MAX);
    let found = walk.next_frame(&Zeros(head), end).unwrap();
    assert_eq!(found, NextFrame::Damaged(0, HEAD as u64 + (256 << 20), Damage::Document { number: 1 }));
    assert!(walk.window.capacity() <= 2 * WINDOW);
    // Nothing but marks.
    let marks = Counted(b"\xffau\x02".repeat(1 << 18), std::cell::Cell::new(0));
    let end = marks.0.len() as u64;
    assert_eq!(Walk::default().next_frame(&marks, end).unwrap(), NextFrame::Damaged(0, end, Damage::Head));
    assert!(marks.1.get() < 2 * marks.0.len(), "{} bytes were read", marks.1.get());
}

#[test]
fn a_document_comes_in_pieces() {
    let file = three();
    let mut walk = Walk { at: 2 * HEAD as u64 + 3, ..Walk::default() };
    let NextFrame::Sound(frame) = walk.next_frame(&file, file.len() as u64).unwrap() else { panic!("damaged") };
    assert_eq!(walk.beginning(&file, &frame, 10).unwrap(), b"xxxxxxxxxx");
    let mut body = Vec::new();
    walk.pieces(&file, &frame, |piece| {
        assert!(piece.len() <= WINDOW);
        body.extend_from_slice(piece);
        Ok(())
    })
    .unwrap();
    assert_eq!(body, [b'x'; 300_000]);
    assert_eq!(walk.next_frame(&file, file.len() as u64).unwrap(), NextFrame::End);
}
