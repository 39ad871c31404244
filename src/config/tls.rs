//! TLS, the same for every sink that speaks it.

use super::{secrets::is_kept, show::Quoted, validator::SectionValues, validator::Validator, values};
use std::{
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// How a server is verified, and what it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Verify the server's certificate and name.
    pub verify: bool,
    /// CA certificates (PEM) to verify with, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// This client's certificate (PEM).
    pub cert: Option<PathBuf>,
    /// Its private key (PEM).
    pub key: Option<PathBuf>,
}

impl Tls {
    /// The files that are read again when they change.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.ca_file, &self.cert, &self.key].into_iter().filter_map(Option::as_deref)
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "ssl_verify = {}", Quoted::yes(self.verify))?;
        for (key, path) in [("ca_cert", &self.ca_file), ("client_cert", &self.cert), ("client_key", &self.key)] {
            if let Some(path) = path {
                writeln!(f, "{key} = {}", Quoted::path(path))?;
            }
        }
        Ok(())
    }
}

impl Validator<'_> {
    pub(super) fn tls(&mut self, given: &mut SectionValues, legacy: bool) -> Tls {
        let yes = |text: &str| {
            if legacy { Ok(values::yes_unless_no(text)) } else { values::yes(text) }
        };
        let both = given.line("curl_cainfo").and(given.line("ca_cert"));
        if let Some(line) = both {
            self.fault(line, given.section, "ca_cert", "is curl_cainfo by another name; set one of them");
        }
        let verify = self.value(given, "ssl_verify", true, yes);
        let named = self.checked(given, "curl_cainfo", certificates);
        let ca_file = self.checked(given, "ca_cert", certificates).or(named);
        let key_line = given.line("client_key");
        let cert = self.checked(given, "client_cert", |text| pem(text, "certificate").map(|()| text.into()));
        let key = self.checked(given, "client_key", private_key);
        if let (Some(line), None) = (key_line.filter(|_| key.is_some()), &cert) {
            self.fault(line, given.section, "client_key", "needs client_cert too");
        }
        Tls { verify, ca_file, key: key.or_else(|| cert.clone()), cert }
    }
}

fn certificates(text: &str) -> Result<PathBuf, String> {
    match pem(text, "certificate") {
        Err(what) if what.starts_with("can't") => Err(format!("{what}; name a file of CA certificates")),
        Err(what) => Err(what),
        Ok(()) => Ok(text.into()),
    }
}

/// Whether a file can serve as a private key, and is kept from others.
fn private_key(text: &str) -> Result<PathBuf, String> {
    pem(text, "private key")?;
    let path = PathBuf::from(text);
    let meta = path.metadata().map_err(|e| format!("can't read {text}: {e}"))?;
    is_kept(&path, &meta)?;
    Ok(path)
}

/// Whether a file can serve as a list of certificates, or as a key.
fn pem(path: &str, what: &str) -> Result<(), String> {
    // All of the world's CAs take a quarter of a megabyte; a device would never end.
    const MOST: u64 = 64 << 20;
    let read = || {
        let mut pem = Vec::new();
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("it is no regular file"));
        }
        file.take(MOST).read_to_end(&mut pem)?;
        Ok(pem)
    };
    match read() {
        Err(e) => Err(format!("can't read {path}: {e}")),
        Ok(pem) if memchr::memmem::find(&pem, b"-----BEGIN ").is_none() => Err(format!("{path} holds no PEM {what}")),
        Ok(_) => Ok(()),
    }
}
