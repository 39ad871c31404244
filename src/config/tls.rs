//! The keys of TLS, for all sinks that use it.

use super::{
    key::{About, Dialect, Key, none, one, put, put_some, read, some},
    secrets::is_kept,
    show,
    validator::{SectionValues, Validator},
};
use std::{
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// The settings of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Whether the server's certificate and name are verified.
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

    pub(super) fn read(given: &mut SectionValues, dialect: Dialect, validator: &mut Validator) -> Self {
        if let Some(line) = given.line("curl_cainfo").and(given.line("ca_cert")) {
            validator.fault(line, given.section, "ca_cert", "means the same as curl_cainfo; set one of them");
        }
        let key_line = given.line("client_key");
        let mut tls = Self { verify: true, ca_file: None, cert: None, key: None };
        read(KEYS, &mut tls, given, dialect, validator);
        if let (Some(line), None) = (key_line.filter(|_| tls.key.is_some()), &tls.cert) {
            validator.fault(line, given.section, "client_key", "needs client_cert too");
        }
        tls.key = tls.key.or_else(|| tls.cert.clone());
        tls
    }
}

/// The keys about TLS.
pub(super) static KEYS: &[Key<Tls>] = &[
    Key {
        about: About {
            name: "ssl_verify",
            value: "*YES-OR-NO*",
            default: "yes",
            doc: "Verify the server's certificate and name. **no** is for testing only, and is reported at each start.",
            ..About::NONE
        },
        set: |tls, value| put(&mut tls.verify, value.yes()),
        show: |tls| one(show::yes(tls.verify)),
    },
    Key {
        about: About {
            name: "curl_cainfo",
            value: "*PATH*",
            doc: "audisp-json's name for **ca_cert**.",
            ..About::NONE
        },
        set: |tls, value| put_some(&mut tls.ca_file, certificates(value.text)),
        show: none,
    },
    Key {
        about: About {
            name: "ca_cert",
            value: "*PATH*",
            default: "the system's certificates",
            example: "/etc/auship/ca.pem",
            doc: "A PEM file of CA certificates to verify with.",
            ..About::NONE
        },
        set: |tls, value| put_some(&mut tls.ca_file, certificates(value.text)),
        show: |tls| some(show::optional_path(&tls.ca_file)),
    },
    Key {
        about: About {
            name: "client_cert",
            value: "*PATH*",
            example: "/etc/auship/client.pem",
            doc: "A PEM file with this host's certificate.",
            more: "An output of type **http** or **elasticsearch** checks this file, **client_key** and **ca_cert** \
                   every second. When one of them has changed, the next request uses a new connection. Running \
                   requests are not interrupted. An output of type **syslog** reads the files for each connection.",
            ..About::NONE
        },
        set: |tls, value| {
            put_some(
                &mut tls.cert,
                pem(value.text, "certificate").map(|()| value.text.into()).map_err(|e| e.to_string()),
            )
        },
        show: |tls| some(show::optional_path(&tls.cert)),
    },
    Key {
        about: About {
            name: "client_key",
            value: "*PATH*",
            default: "the file of client_cert",
            example: "/etc/auship/client.key",
            doc: "A PEM file with this host's private key. Other users must not have access to it.",
            ..About::NONE
        },
        set: |tls, value| put_some(&mut tls.key, private_key(value.text)),
        show: |tls| some(show::optional_path(&tls.key)),
    },
];

/// The reason why a PEM file can't be used.
enum PemError {
    /// The file can't be read.
    Unreadable(String, std::io::Error),
    /// The file has no PEM of this kind.
    Missing(String, &'static str),
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Unreadable(path, e) => write!(f, "can't read {path}: {e}"),
            Self::Missing(path, what) => write!(f, "{path} holds no PEM {what}"),
        }
    }
}

fn certificates(text: &str) -> Result<PathBuf, String> {
    pem(text, "certificate").map(|()| text.into()).map_err(|e| match e {
        PemError::Unreadable(..) => format!("{e}; name a file of CA certificates"),
        PemError::Missing(..) => e.to_string(),
    })
}

/// Checks the file of a private key, and that not everybody has access to it.
fn private_key(text: &str) -> Result<PathBuf, String> {
    pem(text, "private key").map_err(|e| e.to_string())?;
    let path = PathBuf::from(text);
    let meta = path.metadata().map_err(|e| format!("can't read {text}: {e}"))?;
    is_kept(&path, &meta)?;
    Ok(path)
}

/// Checks that a file has a PEM.
fn pem(path: &str, what: &'static str) -> Result<(), PemError> {
    // The certificates of all public CAs take a quarter of a megabyte. The limit is for endless files.
    const MOST: u64 = 64 << 20;
    let read = || {
        let mut pem = Vec::new();
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("it is not a regular file"));
        }
        file.take(MOST).read_to_end(&mut pem)?;
        Ok(pem)
    };
    match read() {
        Err(e) => Err(PemError::Unreadable(path.into(), e)),
        Ok(pem) if memchr::memmem::find(&pem, b"-----BEGIN ").is_none() => Err(PemError::Missing(path.into(), what)),
        Ok(_) => Ok(()),
    }
}
