//! Names that libaudit knows: system calls and record types.
#![allow(unsafe_code)]

use super::auparse_sys as sys;
use std::ffi::{CStr, CString};

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
