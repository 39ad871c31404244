//! Lines that libauparse can't get as they are. They are brought into auditd's own form.
//!
//! | what the log has | what libauparse gets |
//! |---|---|
//! | text of syslog, the journal or `dmesg` before the record | the record alone |
//! | `type=1400 audit(…): …`, as the kernel prints it | `type=AVC msg=audit(…): …` |
//! | an enriched record without the separator | the record with it |
//! | a head that libauparse treats wrongly | the head that `disguise.rs` makes |
//!
//! Nearly all lines of nearly all logs don't come here.

use super::{
    header::{self, SEPARATOR},
    prefix::record_start,
    separator, tables,
};
use crate::event::LineFault;
use memchr::{memchr, memchr_iter};

/// True for a line (without its newline) that has a record, false for one that has nothing at all.
///
/// # Errors
/// When it can't be read.
pub fn has_record(line: &[u8]) -> Result<bool, LineFault> {
    let line = without_returns(line);
    if is_decoration(line) {
        return Ok(false);
    }
    let mut rewritten = Vec::new();
    rewrite(line, &mut rewritten)?;
    header::header(&rewritten).map(|_| true)
}

/// True for lines that separate events in the output of `ausearch`, and for empty lines.
pub(super) fn is_decoration(line: &[u8]) -> bool {
    matches!(line, b"" | b"----") || line.starts_with(b"time->")
}

/// Writes a line (without its newline) in auditd's form.
///
/// # Errors
/// When it has no record.
pub(super) fn rewrite(line: &[u8], to: &mut Vec<u8>) -> Result<(), LineFault> {
    to.clear();
    let mut rest = &line[record_start(line)?..];
    if rest.starts_with(b"node=") {
        let end = memchr(b' ', rest).ok_or(LineFault::NoRecord)?;
        to.extend_from_slice(&rest[..=end]);
        rest = rest[end..].trim_ascii_start();
    }
    let kind = rest.strip_prefix(b"type=").ok_or(LineFault::NoRecord)?;
    let end = memchr(b' ', kind).ok_or(LineFault::NoTime)?;
    to.extend_from_slice(b"type=");
    push_type(&kind[..end], to);
    to.push(b' ');
    let record_type = &rest[..b"type=".len() + end];
    rest = kind[end..].trim_ascii_start();
    if rest.starts_with(b"audit(") {
        to.extend_from_slice(b"msg=");
    }
    if memchr(SEPARATOR, rest).is_some() {
        let record = [&to[..], rest].concat();
        to.clear();
        separator::copy(&record, to);
        return Ok(());
    }
    match separator::lost(record_type, rest) {
        Some(lost) => {
            to.extend_from_slice(&rest[..lost.start]);
            to.push(SEPARATOR);
            to.extend_from_slice(&rest[lost.end..]);
        }
        None => to.extend_from_slice(rest),
    }
    Ok(())
}

/// Writes the name of a record type. The kernel prints the number.
fn push_type(kind: &[u8], to: &mut Vec<u8>) {
    let number = std::str::from_utf8(kind).ok().filter(|kind| kind.bytes().all(|b| b.is_ascii_digit()));
    match number.and_then(|number| number.parse::<i32>().ok()) {
        None => to.extend_from_slice(kind),
        Some(number) => match tables::record_type_name(number) {
            Some(name) => to.extend_from_slice(name.to_bytes()),
            None => to.extend_from_slice(format!("UNKNOWN[{number}]").as_bytes()),
        },
    }
}

/// True for lines whose first ends with a carriage return. Then the others mostly do too.
pub(super) fn has_carriage_returns(lines: &[u8]) -> bool {
    memchr(b'\n', lines).is_some_and(|end| lines[..end].ends_with(b"\r"))
}

/// The line without carriage returns at its end.
pub(super) fn without_returns(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r'] = line {
        line = rest;
    }
    line
}

/// Copies lines without carriage returns at their ends. A NUL becomes `\x00`, as documents show bytes that aren't text:
/// the kernel never writes one, and it would end the line for libauparse.
pub(super) fn clean(lines: &[u8], to: &mut Vec<u8>) {
    let mut start = 0;
    for end in memchr_iter(b'\n', lines) {
        let line = without_returns(&lines[start..end]);
        let mut from = 0;
        for nul in memchr_iter(0, line) {
            to.extend_from_slice(&line[from..nul]);
            to.extend_from_slice(b"\\x00");
            from = nul + 1;
        }
        to.extend_from_slice(&line[from..]);
        to.push(b'\n');
        start = end + 1;
    }
}
