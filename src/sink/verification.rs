//! Servers that are not verified.

use crate::{config, log};

/// Says that a server could be anybody, where that is so.
pub(super) fn warn_of_no_verification(output: &str, tls: &config::Tls, server: &str) {
    if !tls.verify {
        log::warning(format_args!(
            "output {output}: ssl_verify = no: anybody on the way to {server} can read and change audit events; for \
             testing only"
        ));
    }
}
