//! The event: what every assembler yields and every format reads.

mod linux;

pub use linux::*;
