//! How far a request came.

use curl::easy::Easy2;
use std::{io, time::Duration};

/// The step at which a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the first packet: a file of this host, or a setting.
    Preparation,
    /// Looking up the name of the server, or of the proxy.
    Lookup,
    /// Connecting with TCP.
    Connection,
    /// The TLS handshake.
    Tls,
    /// Sending the request and waiting for its answer.
    Answer,
}

impl Stage {
    /// The step at which libcurl failed. Times are zero for steps that weren't completed.
    pub(super) fn of<H>(easy: &mut Easy2<H>, e: &curl::Error) -> Self {
        let is_done = |time: Result<Duration, curl::Error>| time.is_ok_and(|time| !time.is_zero());
        let is_tls_error = e.is_ssl_connect_error()
            || e.is_peer_failed_verification()
            || e.is_ssl_cacert()
            || e.is_ssl_cacert_badfile()
            || e.is_ssl_certproblem()
            || e.is_ssl_cipher()
            || e.is_ssl_issuer_error()
            // A handshake that takes too long has the code of any timeout.
            || e.extra_description().is_some_and(|what| what.starts_with("SSL"));
        let is_https = easy.effective_url().ok().flatten().is_some_and(|url| url.starts_with("https:"));
        if e.is_couldnt_resolve_host() || e.is_couldnt_resolve_proxy() {
            Self::Lookup
        } else if is_tls_error {
            Self::Tls
        } else if e.is_couldnt_connect() {
            Self::Connection
        } else if !is_done(easy.namelookup_time()) {
            Self::Lookup
        } else if !is_done(easy.connect_time()) {
            Self::Connection
        } else if is_https && !is_done(easy.appconnect_time()) {
            Self::Tls
        } else {
            Self::Answer
        }
    }
}

/// How a request came to its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The address and port of the server, or of the proxy.
    pub(crate) address: String,
    /// It was encrypted with TLS.
    pub(crate) tls: bool,
}

impl Reached {
    /// How the last request came to its server.
    pub(super) fn of<H>(easy: &mut Easy2<H>) -> Self {
        let tls = easy.effective_url().ok().flatten().is_some_and(|url| url.starts_with("https:"));
        let ip = easy.primary_ip().ok().flatten().unwrap_or_default().to_string();
        let port = easy.primary_port().unwrap_or_default();
        let address = if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") };
        Self { address, tls }
    }
}

/// The system's reason why there is no connection. libcurl doesn't always tell it.
pub(super) fn refusal<H>(easy: &Easy2<H>, e: &curl::Error) -> String {
    match easy.os_errno() {
        Ok(number) if number != 0 && e.is_couldnt_connect() => {
            format!(": {}", io::Error::from_raw_os_error(number))
        }
        _ => String::new(),
    }
}
