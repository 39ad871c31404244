//! The keys of an HTTP output.

use super::{
    client::{Credentials, HttpClient, shown},
    key::{About, Dialect, Key, Shown, Value, Wrong, none, one, put_some, read, show as show_keys, some},
    secrets::Secret,
    show,
    validator::{SectionValues, Validator},
    values,
};
use crate::net::UrlParts;
use std::{fmt, time::Duration};

/// The most bytes of documents in a request.
const MOST_BYTES: u64 = 100 << 20;

/// Settings of an HTTP sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// The URL for POST requests.
    pub url: String,
    /// The settings of the HTTP client.
    pub client: HttpClient,
    /// The most documents in a request, which is a JSON array. `None`: one document a request, without an array.
    pub batch: Option<usize>,
    /// The most bytes of documents in a batch.
    pub batch_bytes: usize,
    /// How long a batch waits for more documents.
    pub batch_interval: Duration,
}

impl Http {
    /// The URL for messages, without the user's name and password.
    pub fn shown_url(&self) -> String {
        shown(&self.url)
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        show_keys(URL_KEYS, self, f)?;
        self.client.show(f)?;
        show_keys(KEYS, self, f)?;
        show_keys(TOKEN_KEYS, self, f)
    }
}

/// The values of an HTTP output's keys while they are read.
#[derive(Default)]
pub(super) struct Draft {
    url: Option<String>,
    batch: Option<usize>,
    batch_bytes: Option<usize>,
    batch_interval: Option<Duration>,
    token: Option<Secret>,
}

fn set_url(draft: &mut Draft, value: &Value) -> Result<(), Wrong> {
    // A wrong URL is stored too, so that it isn't also reported as missing.
    draft.url = Some(value.text.to_string());
    if is_url(value.text) {
        return Ok(());
    }
    let shown = values::redacted(value.text);
    Err(format!("is {shown:?}, must be one URL that begins with https:// or http://").into())
}

/// The key of the URL.
pub(super) static URL_KEYS: &[Key<Draft, Http>] = &[Key {
    about: About {
        name: "url",
        value: "*URL*",
        example: "https://siem.example.com/events",
        doc: "Required. The URL for POST requests. It begins with *https://* or *http://*.",
        more: "Redirects are not followed. A user's name and password in the URL are used, but never shown in \
               messages. HTTP/2 is used over TLS if the server supports it.",
        ..About::NONE
    },
    set: set_url,
    show: |http| one(show::text(&http.shown_url())),
}];

/// The key of the URL in audisp-json's configuration.
pub(super) static LEGACY_URL_KEYS: &[Key<Draft, Http>] = &[Key {
    about: About {
        name: "mozdef_url",
        value: "*URL*",
        example: "https://mozdef.example.com/events",
        doc: "Defines an output of type **http** that posts each event to this URL as one JSON document.",
        ..About::NONE
    },
    set: set_url,
    show: none,
}];

/// The keys of the size of requests.
pub(super) static KEYS: &[Key<Draft, Http>] = &[
    Key {
        about: About {
            name: "batch",
            value: "*NUMBER*",
            example: "200",
            doc: "The most documents in a request, from 1 to 10000. They are sent as a JSON array, as MozDef's \
                  */_bulk* expects. If this isn't set, each request has one document, without an array.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.batch, number_of_documents(value.text)),
        show: |http| some(http.batch),
    },
    Key {
        about: About {
            name: "batch_bytes",
            value: "*SIZE*",
            default: "1MiB",
            doc: "The most bytes of documents in a batch, up to 100MiB. A single larger document is sent alone.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.batch_bytes, bytes_of_documents(value.text)),
        show: |http| one(values::show_size(http.batch_bytes as u64)),
    },
    Key {
        about: About {
            name: "batch_interval",
            value: "*TIME*",
            default: "200ms",
            doc: "How long a batch waits for more documents before it is sent.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.batch_interval, values::time(value.text)),
        show: |http| one(values::show_time(http.batch_interval)),
    },
];

/// The key of the token.
pub(super) static TOKEN_KEYS: &[Key<Draft, Http>] = &[Key {
    about: About {
        name: "bearer_file",
        value: "*PATH*",
        example: "/etc/auship/token",
        doc: "A file whose first line is a token, in place of **user** and **password_file**. It is sent as \
              *Authorization: Bearer*.",
        more: "Other users must not have access to the file. When it changes, it is read again.",
        ..About::NONE
    },
    set: |draft, value| put_some(&mut draft.token, Secret::new(value.text)),
    show: |http| match &http.client.login {
        Some(Credentials::Bearer(secret)) => one(show::path(&secret.0)),
        _ => Shown::new(),
    },
}];

impl Http {
    pub(super) fn read(given: &mut SectionValues, line: usize, dialect: Dialect, validator: &mut Validator) -> Self {
        let url_keys = if dialect == Dialect::AudispJson { LEGACY_URL_KEYS } else { URL_KEYS };
        let token_line = given.line("bearer_file");
        let mut draft = Draft::default();
        for keys in [url_keys, KEYS, TOKEN_KEYS] {
            read(keys, &mut draft, given, dialect, validator);
        }
        if draft.url.is_none() {
            validator.fault(line, given.section, url_keys[0].about.name, "is missing; name the server's URL");
        }
        let token = draft.token.map(Credentials::Bearer);
        Self {
            url: draft.url.unwrap_or_default(),
            client: HttpClient::read(given, dialect, validator, "bearer_file", token, token_line),
            batch: draft.batch,
            batch_bytes: draft.batch_bytes.unwrap_or(1 << 20),
            batch_interval: draft.batch_interval.unwrap_or(Duration::from_millis(200)),
        }
    }
}

/// True for a URL that documents can be sent to.
pub(super) fn is_url(text: &str) -> bool {
    let url = UrlParts::of(text);
    // A part of a password with an unescaped `/`, `?` or `#` would count as the port, and be shown.
    let is_port = url.port().bytes().all(|b| b.is_ascii_digit());
    let is_scheme = matches!(url.scheme(), "https" | "http");
    is_scheme && !text.contains(char::is_whitespace) && !url.authority.is_empty() && is_port
}

/// Reads a number of documents in a request.
pub(super) fn number_of_documents(text: &str) -> Result<usize, values::Expected> {
    values::count(text).ok().filter(|n| *n <= 10_000).ok_or("a whole number from 1 to 10000")
}

/// Reads a number of bytes of documents in a request.
pub(super) fn bytes_of_documents(text: &str) -> Result<usize, values::Expected> {
    let size = values::size(text).ok().filter(|n| *n <= MOST_BYTES).and_then(|n| usize::try_from(n).ok());
    size.ok_or("a size with its unit, from 1B to 100MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_host_and_a_number_for_a_port() {
        for good in
            ["http://a", "https://a.example:9200/x?y", "http://[::1]:9200/", "https://joe:s@a:1", "http://[::1]"]
        {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "a",
            "ftp://a",
            "http://",
            "http:///x",
            "http://a b",
            "http://joe:a/b@h",
            "http://joe:a?b@h:1",
            "http://a:b",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
