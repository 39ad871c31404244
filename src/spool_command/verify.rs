//! `auship spool verify`.

use super::{Error, counted};
use crate::queue::inspect::{Inspection, Seen, shown};
use std::io::Write;

/// Checks every file with documents, and the progress. Writes a line for each fault, and a total. True if there is no
/// damage.
pub(super) fn verify(mut spool: Inspection, out: &mut impl Write) -> Result<bool, Error> {
    let (mut files, mut documents, mut faults) = (0, 0, 0);
    for fault in spool.faults() {
        writeln!(out, "{fault}")?;
        faults += 1;
    }
    for file in spool.files.clone().iter().filter(|file| file.what.has_documents() && file.is_regular) {
        let mut seen = match spool.documents(file) {
            Ok(Some(seen)) => seen,
            // Delivered meanwhile.
            Ok(None) => continue,
            Err(e) => {
                writeln!(out, "{e}")?;
                faults += 1;
                continue;
            }
        };
        files += 1;
        loop {
            match seen.next_seen() {
                Ok(None) => break,
                Ok(Some(Seen::Document(_))) => documents += 1,
                Ok(Some(Seen::Fault(fault))) => {
                    writeln!(out, "{fault}")?;
                    faults += u64::from(fault.is_damage());
                }
                Err(e) => {
                    writeln!(out, "{}: can't be read: {e}", shown(&file.name))?;
                    faults += 1;
                    break;
                }
            }
        }
    }
    let found = if faults == 0 { "no damage".into() } else { counted(faults, "fault") };
    writeln!(out, "{}, {} sound, {found}", counted(files, "file"), counted(documents, "document"))?;
    out.flush()?;
    Ok(faults == 0)
}
