//! The log of libcurl's work, for finding faults.

use crate::{
    config::{HttpClient, is_secret_header},
    lock::locked,
    log,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// The file for libcurl's log. Without one, the log goes to standard error.
#[derive(Clone)]
pub(in crate::sink) struct CurlLog(Option<Arc<(PathBuf, Mutex<File>)>>);

impl CurlLog {
    /// Opens the file, if one is configured.
    pub(in crate::sink) fn new(client: &HttpClient) -> io::Result<Self> {
        Ok(Self(match &client.log_file {
            Some(path) if client.verbose => Some(Arc::new((path.clone(), Mutex::new(Self::open(path)?)))),
            _ => None,
        }))
    }

    fn open(path: &Path) -> io::Result<File> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        file.map_err(|e| io::Error::new(e.kind(), format!("can't open {}: {e}", path.display())))
    }

    /// Reopens the file after logrotate has moved it.
    pub(super) fn reopen(&self) {
        let Some(log) = &self.0 else { return };
        match Self::open(&log.0) {
            Ok(file) => *locked(&log.1) = file,
            Err(e) => log::error(e),
        }
    }

    /// Writes a line, without the secret that it may hold.
    pub(super) fn line(&self, mark: &str, line: &str) {
        let line = without_secret(line);
        // There is no place to report that the debug log can't be written.
        let _ = match &self.0 {
            Some(log) => writeln!(locked(&log.1), "{mark} {line}"),
            None => writeln!(io::stderr(), "{mark} {line}"),
        };
    }
}

/// A line of the log. If it is a header with a secret, only the header's name.
fn without_secret(line: &str) -> &str {
    match line.split_once(':') {
        Some((name, _)) if is_secret_header(name) => name,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_out_of_the_log() {
        assert_eq!(without_secret("Authorization: Bearer abc"), "Authorization");
        assert_eq!(without_secret("proxy-authorization: Basic abc"), "proxy-authorization");
        assert_eq!(without_secret("X-Api-Key: abc"), "X-Api-Key");
        assert_eq!(without_secret("Set-Cookie: abc"), "Set-Cookie");
        assert_eq!(without_secret("[HTTP/2] [1] [authorization: Basic abc]"), "[HTTP/2] [1] [authorization");
        assert_eq!(without_secret("Content-Type: x"), "Content-Type: x");
    }
}
