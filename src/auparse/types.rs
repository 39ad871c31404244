//! The ways to read a field. libauparse knows a type for each name; here the types are grouped, and a type that a name
//! has in some record types only is limited to those.

use super::auparse_sys::auparse_type_t as t;
use crate::event::record_type;

/// The way to read a field. It groups libauparse's field types by what their meaning depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// The text is its own meaning.
    Text,
    /// Quoted, or hex-encoded by the kernel or user space: names, paths, arguments.
    Escaped,
    /// Hex-encoded like [`Type::Escaped`]. NULs separate the arguments and become spaces.
    Proctitle,
    /// An id, a machine or a socket address. auditd may have appended its name.
    Named(u8),
    /// The value of `exit`.
    Exit,
    /// The number of a system call. Its name depends on the machine.
    Syscall,
    /// `a0` to `a3` of a system call. Their meaning depends on the call.
    Argument(u8),
    /// Any other field whose meaning depends on its text alone.
    Other(u8),
    /// The meaning depends on other things too. It is never remembered.
    Varies,
}

impl Type {
    /// True when the meaning depends on the text alone, if auditd appended nothing to the record.
    pub fn is_by_text(self) -> bool {
        matches!(self, Self::Named(_) | Self::Exit | Self::Other(_))
    }
}

/// True when a field of libauparse's type means that in a record of this type. libauparse goes by the name alone:
/// `flags` would be those of mmap, and `action` that of netfilter, in every record.
fn has_type(code: u32, kind: i32) -> bool {
    match code {
        t::AUPARSE_TYPE_SYSCALL => matches!(kind, record_type::SYSCALL | record_type::SECCOMP),
        t::AUPARSE_TYPE_A0 | t::AUPARSE_TYPE_A1 | t::AUPARSE_TYPE_A2 | t::AUPARSE_TYPE_A3 => {
            matches!(kind, record_type::SYSCALL | record_type::SOCKETCALL)
        }
        t::AUPARSE_TYPE_PERSONALITY => kind == record_type::SYSCALL,
        t::AUPARSE_TYPE_SOCKADDR => kind == record_type::SOCKADDR,
        t::AUPARSE_TYPE_SECCOMP => kind == record_type::SECCOMP,
        t::AUPARSE_TYPE_MMAP => kind == record_type::MMAP,
        t::AUPARSE_TYPE_NFPROTO => matches!(kind, record_type::NETFILTER_CFG | record_type::NETFILTER_PKT),
        t::AUPARSE_TYPE_HOOK | t::AUPARSE_TYPE_NETACTION | t::AUPARSE_TYPE_MACPROTO | t::AUPARSE_TYPE_ICMPTYPE => {
            kind == record_type::NETFILTER_PKT
        }
        t::AUPARSE_TYPE_FANOTIFY => kind == record_type::FANOTIFY,
        t::AUPARSE_TYPE_TTY_DATA => matches!(kind, record_type::TTY | record_type::USER_TTY),
        _ => true,
    }
}

/// The way to read a field of this name in a record of this type. `code` is libauparse's type of the field.
pub(super) fn of_field(code: i32, kind: i32, name: &[u8]) -> Type {
    let small = u8::try_from(code).unwrap_or(u8::MAX);
    #[allow(clippy::cast_sign_loss)] // a C enum
    match code as u32 {
        t::AUPARSE_TYPE_UNCLASSIFIED | t::AUPARSE_TYPE_MAC_LABEL | t::AUPARSE_TYPE_ADDR => {
            // libauparse derives the type of `acct` from its value. Decoding distinguishes the two cases itself.
            if name == b"acct" { Type::Escaped } else { Type::Text }
        }
        code if !has_type(code, kind) => Type::Text,
        t::AUPARSE_TYPE_ESCAPED | t::AUPARSE_TYPE_ESCAPED_FILE | t::AUPARSE_TYPE_ESCAPED_KEY => Type::Escaped,
        t::AUPARSE_TYPE_PROCTITLE => Type::Proctitle,
        t::AUPARSE_TYPE_UID | t::AUPARSE_TYPE_GID | t::AUPARSE_TYPE_SOCKADDR | t::AUPARSE_TYPE_ARCH => {
            Type::Named(small)
        }
        t::AUPARSE_TYPE_EXIT => Type::Exit,
        t::AUPARSE_TYPE_SYSCALL => Type::Syscall,
        t::AUPARSE_TYPE_A0 => Type::Argument(0),
        t::AUPARSE_TYPE_A1 => Type::Argument(1),
        t::AUPARSE_TYPE_A2 => Type::Argument(2),
        t::AUPARSE_TYPE_A3 => Type::Argument(3),
        t::AUPARSE_TYPE_TTY_DATA => Type::Varies,
        _ => Type::Other(small),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_of(code: u32, kind: i32) -> Type {
        of_field(i32::try_from(code).unwrap_or(-1), kind, b"x")
    }

    #[test]
    fn a_name_has_its_type_in_the_records_that_define_it() {
        for (code, kind) in [
            (t::AUPARSE_TYPE_SYSCALL, record_type::SECCOMP),
            (t::AUPARSE_TYPE_A1, record_type::SYSCALL),
            (t::AUPARSE_TYPE_A1, record_type::SOCKETCALL),
            (t::AUPARSE_TYPE_PERSONALITY, record_type::SYSCALL),
            (t::AUPARSE_TYPE_SOCKADDR, record_type::SOCKADDR),
            (t::AUPARSE_TYPE_SECCOMP, record_type::SECCOMP),
            (t::AUPARSE_TYPE_MMAP, record_type::MMAP),
            (t::AUPARSE_TYPE_NFPROTO, record_type::NETFILTER_CFG),
            (t::AUPARSE_TYPE_NETACTION, record_type::NETFILTER_PKT),
            (t::AUPARSE_TYPE_TTY_DATA, record_type::TTY),
        ] {
            assert_ne!(type_of(code, kind), Type::Text, "{code} {kind}");
            assert_eq!(type_of(code, record_type::USER), Type::Text, "{code}");
        }
        assert_eq!(
            type_of(t::AUPARSE_TYPE_SIGNAL, record_type::USER),
            Type::Other(u8::try_from(t::AUPARSE_TYPE_SIGNAL).unwrap_or(0))
        );
    }
}
