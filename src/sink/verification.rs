//! The warning about servers that aren't verified.

use crate::{config, log};

/// Warns if a server's identity isn't verified.
pub(super) fn warn_of_no_verification(output: &str, tls: &config::Tls, server: &str) {
    if !tls.verify {
        log::warning(format_args!(
            "output {output}: ssl_verify = no: anybody on the way to {server} can read and change audit events; for \
             testing only"
        ));
    }
}
