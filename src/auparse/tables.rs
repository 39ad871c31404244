//! Names that libaudit knows: system calls, machines and record types.
#![allow(unsafe_code)]

use super::{auparse_sys as sys, reading::number};
use std::ffi::{CStr, CString, c_char};

/// All machine numbers of libaudit are below this (`machine_t` in `<libaudit.h>`: eleven in version 3.0, and a few more
/// since). An unused number has no system calls.
const MACHINES: i32 = 64;

/// True when some machine has a system call of that name, in upper or lower case. The calls that libaudit knows depend
/// on its build options.
pub fn is_call(name: &str) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    (0..MACHINES).any(|machine| {
        // SAFETY: `name` is a C string that outlives the call, which looks it up in constant tables and keeps nothing.
        unsafe { sys::audit_name_to_syscall(name.as_ptr(), machine) >= 0 }
    })
}

/// The number of a record type, given as a name, as `UNKNOWN[1420]`, or as a number.
pub fn record_type(name: &str) -> Option<i32> {
    let name = CString::new(name).ok()?;
    // SAFETY: as above.
    let number = unsafe { sys::audit_name_to_msg_type(name.as_ptr()) };
    (number > 0).then_some(number)
}

/// The machine that `arch` of a record names, if libaudit has its system calls.
pub(super) fn machine(arch: &[u8]) -> Option<i32> {
    let elf = u32::try_from(number(arch, 16)?).ok()?;
    // SAFETY: the function only compares the number with those of a constant table.
    let machine = unsafe { sys::audit_elf_to_machine(elf) };
    (machine >= 0).then_some(machine)
}

/// True for machines whose numbers of errors and signals aren't those of libauparse: SPARC, MIPS, PA-RISC, SPARC V9 and
/// Alpha (`<linux/elf-em.h>`).
pub(super) fn has_own_numbers(arch: &[u8]) -> bool {
    number(arch, 16).is_some_and(|elf| matches!(elf & 0xffff, 2 | 8 | 15 | 43 | 0x9026))
}

/// The name of a machine: `x86_64`.
pub(super) fn machine_name(machine: i32) -> Option<&'static [u8]> {
    // SAFETY: the function looks the number up in a constant table.
    let name = unsafe { sys::audit_machine_to_name(machine) };
    // SAFETY: it is null or an entry of that table.
    unsafe { table_entry(name) }
}

/// The name of a machine's system call.
pub(super) fn call_name(call: &[u8], machine: i32) -> Option<&'static [u8]> {
    let call = i32::try_from(number(call, 10)?).ok()?;
    // SAFETY: the function looks the numbers up in constant tables.
    let name = unsafe { sys::audit_syscall_to_name(call, machine) };
    // SAFETY: it is null or an entry of such a table.
    unsafe { table_entry(name) }
}

/// Borrows an entry of libaudit's tables.
///
/// # Safety
/// `entry` is null or points to a NUL-terminated string that lives as long as the program.
unsafe fn table_entry(entry: *const c_char) -> Option<&'static [u8]> {
    if entry.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { CStr::from_ptr(entry) }.to_bytes())
}

/// The name of a record type.
pub(super) fn record_type_name(number: i32) -> Option<&'static CStr> {
    // SAFETY: the call looks the number up in a constant table.
    let name = unsafe { sys::audit_msg_type_to_name(number) };
    if name.is_null() {
        return None;
    }
    // SAFETY: it is a C string of that table.
    Some(unsafe { CStr::from_ptr(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_call_of_its_machine_only() {
        let name = |arch: &[u8], call: &[u8]| call_name(call, machine(arch)?);
        assert_eq!(name(b"c000003e", b"59"), Some(&b"execve"[..]));
        assert_eq!(name(b"40000003", b"11"), Some(&b"execve"[..]));
        assert_eq!(machine(b"c000003e").and_then(machine_name), Some(&b"x86_64"[..]));
        for arch in [&b"c0000102"[..], b"8", b"x86_64", b"", b"c000003eX", b"1c000003e"] {
            assert_eq!(machine(arch), None, "{:?}", str::from_utf8(arch));
        }
        for call in [&b"-1"[..], b"99999", b"read", b"", b"4294967296", b"1073741883"] {
            assert_eq!(name(b"c000003e", call), None, "{:?}", str::from_utf8(call));
        }
    }

    #[test]
    fn libaudit_knows_names() {
        for name in ["execve", "openat", "socketcall", "connect"] {
            assert!(is_call(name), "{name}");
        }
        for name in ["", "59", "execvee", "exec\0ve", "unknown"] {
            assert!(!is_call(name), "{name}");
        }
        assert_eq!(record_type("PATH"), Some(1302));
        assert_eq!(record_type("1302"), Some(1302));
        assert_eq!(record_type("UNKNOWN[1420]"), Some(1420));
        for name in ["", "PAHT", "0", "-1", "PATH\0", "path "] {
            assert_eq!(record_type(name), None, "{name}");
        }
    }
}
