//! Keys of an HTTP output.

use super::{
    Credentials, HttpClient,
    client::shown,
    show::Quoted,
    validator::{SectionValues, Validator},
    values,
};
use std::{fmt, time::Duration};

/// The most bytes of documents that one request may have.
const MOST_BYTES: u64 = 100 << 20;

/// Settings of an HTTP sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Where documents are posted to.
    pub url: String,
    /// How requests are made.
    pub client: HttpClient,
    /// Documents of a request: more than one make it a JSON array. `None`: one document a request, and no array.
    pub batch: Option<usize>,
    /// Bytes of a batch's documents.
    pub batch_bytes: usize,
    /// How long a batch waits to become full.
    pub batch_interval: Duration,
}

impl Http {
    /// The URL without a user's name or password, for messages.
    pub fn shown_url(&self) -> String {
        shown(&self.url)
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "url = {}", Quoted::text(&self.shown_url()))?;
        self.client.show(f)?;
        if let Some(batch) = self.batch {
            writeln!(f, "batch = {batch}")?;
        }
        writeln!(f, "batch_bytes = {}", values::show_size(self.batch_bytes as u64))?;
        writeln!(f, "batch_interval = {}", values::show_time(self.batch_interval))
    }
}

/// True for a URL that documents can be sent to.
pub(super) fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace)) else { return false };
    // A password with one of these characters unescaped would end the host's name, and be shown as such.
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let port = host.rsplit(']').next().and_then(|rest| rest.split_once(':')).map_or("", |(_, port)| port);
    !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

/// Documents of one request.
pub(super) fn number_of_documents(text: &str) -> Result<usize, values::Expected> {
    values::count(text).ok().filter(|n| *n <= 10_000).ok_or("a whole number from 1 to 10000")
}

/// Bytes of one request's documents.
pub(super) fn bytes_of_documents(text: &str) -> Result<usize, values::Expected> {
    let size = values::size(text).ok().filter(|n| *n <= MOST_BYTES).and_then(|n| usize::try_from(n).ok());
    size.ok_or("a size with its unit, from 1B to 100MiB")
}

impl Validator<'_> {
    pub(super) fn http(&mut self, given: &mut SectionValues, line: usize, legacy: bool) -> Http {
        let key = if legacy { "mozdef_url" } else { "url" };
        let url = match given.take(key) {
            Some((url, at)) => {
                if !is_url(url) {
                    let shown = values::redacted(url);
                    let what = format!("is {shown:?}, must be one URL that begins with https:// or http://");
                    self.fault(at, given.section, key, what);
                }
                url.to_string()
            }
            None => {
                self.fault(line, given.section, key, "is missing; name the server's URL");
                String::new()
            }
        };
        Http {
            url,
            client: self.client(given, legacy, ("bearer_file", Credentials::Bearer)),
            batch: self.value(given, "batch", None, |text| number_of_documents(text).map(Some)),
            batch_bytes: self.value(given, "batch_bytes", 1 << 20, bytes_of_documents),
            batch_interval: self.value(given, "batch_interval", Duration::from_millis(200), values::time),
        }
    }
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
