//! `auship spool cat`.

use super::Error;
use crate::queue::inspect::{Documents, Frame, Inspection, Seen, Turn, shown};
use std::io::{self, Write};

/// Writes the documents, in the order in which they are delivered. True if nothing was damaged.
pub(super) fn cat(
    mut spool: Inspection,
    all: bool,
    out: &mut impl Write,
    mut complain: impl FnMut(&str),
) -> Result<bool, Error> {
    let mut good = true;
    for fault in spool.faults() {
        complain(&fault.to_string());
        good = false;
    }
    for file in spool.files.clone().iter().filter(|file| file.what.has_documents() && file.is_regular) {
        let mut documents = match spool.documents(file) {
            Ok(Some(documents)) => documents,
            // Delivered meanwhile.
            Ok(None) => continue,
            Err(e) => {
                complain(&e.to_string());
                good = false;
                continue;
            }
        };
        loop {
            match documents.next_seen() {
                Ok(None) => break,
                Ok(Some(Seen::Document(document))) => {
                    let wanted = document.turn == Turn::Pending || (all && document.turn == Turn::Delivered);
                    if wanted && let Err(e) = write_line(&mut documents, &document.frame, out)? {
                        complain(&format!("{}: offset {}: can't be read: {e}", shown(&file.name), document.frame.at));
                        good = false;
                    }
                }
                Ok(Some(Seen::Fault(fault))) => {
                    good &= !fault.is_damage();
                    complain(&fault.to_string());
                }
                Err(e) => {
                    complain(&format!("{}: can't be read: {e}", shown(&file.name)));
                    good = false;
                    break;
                }
            }
        }
    }
    out.flush()?;
    Ok(good)
}

/// Writes a document as one line. The outer error is that of writing, the inner one that of reading.
fn write_line(documents: &mut Documents, frame: &Frame, out: &mut impl Write) -> io::Result<io::Result<()>> {
    let mut written = Ok(());
    let read = documents.body(frame, |piece| {
        written = write_text(piece, out);
        written.as_ref().map(|_| ()).map_err(|e| e.kind().into())
    });
    written?;
    out.write_all(b"\n")?;
    Ok(read)
}

/// Writes a piece of a document. JSON has control characters between its values at most, where a space means the same.
/// So a document is one line, and can't command a terminal.
fn write_text(piece: &[u8], out: &mut impl Write) -> io::Result<()> {
    if piece.iter().all(|b| *b >= b' ') {
        return out.write_all(piece);
    }
    let plain: Vec<u8> = piece.iter().map(|b| if *b < b' ' { b' ' } else { *b }).collect();
    out.write_all(&plain)
}
