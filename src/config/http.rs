//! Keys of an HTTP output.

use super::{
    Retry, Secret, Tls,
    check::{Check, Given, file_in_directory},
    show::Shown,
    values,
};
use std::{fmt, path::PathBuf, time::Duration};

/// Settings of an HTTP sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Where documents are posted to.
    pub url: String,
    /// How the server is verified, and what it is shown.
    pub tls: Tls,
    /// Write what libcurl does to `log_file`, or to standard error.
    pub verbose: bool,
    /// Where libcurl's words go.
    pub log_file: Option<PathBuf>,
    /// Connections at once.
    pub workers: usize,
    /// Limit for connecting.
    pub connect_timeout: Duration,
    /// Limit for a whole request.
    pub timeout: Duration,
    /// A connection that did nothing for so long isn't used again.
    pub idle_conn_timeout: Duration,
    /// What happens when a request fails.
    pub retry: Retry,
    /// Documents of a request: more than one make it a JSON array. `None`: one document a request, and no array.
    pub batch: Option<usize>,
    /// Bytes of a batch's documents.
    pub batch_bytes: usize,
    /// How long a batch waits to become full.
    pub batch_interval: Duration,
    /// Compress requests.
    pub gzip: bool,
    /// The proxy on the way.
    pub proxy: Option<String>,
    /// A header that gives each request a UUID.
    pub trace_header_name: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Who logs in.
    pub user: Option<String>,
    /// With what.
    pub password: Option<Secret>,
    /// A token in place of both.
    pub bearer: Option<Secret>,
}

/// A URL without a user's name or password, for messages.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://…{}", &rest[at..]),
        None => url.to_string(),
    }
}

impl Http {
    /// The URL without a user's name or password, for messages.
    pub fn shown_url(&self) -> String {
        shown(&self.url)
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "url = {}", Shown::text(&self.shown_url()))?;
        self.tls.show(f)?;
        writeln!(f, "curl_verbose = {}", Shown::yes(self.verbose))?;
        if let Some(path) = &self.log_file {
            writeln!(f, "curl_logfile = {}", Shown::path(path))?;
        }
        writeln!(f, "workers = {}", self.workers)?;
        for (key, time) in [
            ("connect_timeout", self.connect_timeout),
            ("timeout", self.timeout),
            ("idle_conn_timeout", self.idle_conn_timeout),
            ("batch_interval", self.batch_interval),
        ] {
            writeln!(f, "{key} = {}", values::show_time(time))?;
        }
        self.retry.show(f)?;
        if let Some(batch) = self.batch {
            writeln!(f, "batch = {batch}")?;
        }
        writeln!(f, "batch_bytes = {}", values::show_size(self.batch_bytes as u64))?;
        writeln!(f, "gzip = {}", Shown::yes(self.gzip))?;
        if let Some(proxy) = &self.proxy {
            writeln!(f, "proxy = {}", Shown::text(&shown(proxy)))?;
        }
        if let Some(name) = &self.trace_header_name {
            writeln!(f, "trace_header_name = {name}")?;
        }
        for (name, value) in &self.headers {
            writeln!(f, "header.{name} = {}", Shown::text(value))?;
        }
        if let Some(user) = &self.user {
            writeln!(f, "user = {}", Shown::text(user))?;
        }
        for (key, secret) in [("password_file", &self.password), ("bearer_file", &self.bearer)] {
            if let Some(Secret(path)) = secret {
                writeln!(f, "{key} = {}", Shown::path(path))?;
            }
        }
        Ok(())
    }
}

/// A token of RFC 9110, 5.6.2: what a header's name is made of.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn header_name(text: &str) -> Result<String, values::Expected> {
    if is_token(text) { Ok(text.to_string()) } else { Err("a header's name, as in X-Trace-Id") }
}

impl Check<'_> {
    pub(super) fn http(&mut self, given: &mut Given, line: usize, legacy: bool) -> Option<Http> {
        let key = if legacy { "mozdef_url" } else { "url" };
        let url = match given.take(key) {
            Some((url, at)) => {
                let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
                if rest.is_none_or(|rest| rest.is_empty() || rest.contains(char::is_whitespace)) {
                    let what = format!("is {url:?}, must be one URL that begins with https:// or http://");
                    self.fault(at, given.section, key, what);
                }
                url.to_string()
            }
            None => {
                self.fault(line, given.section, key, "is missing; name the server's URL");
                String::new()
            }
        };
        let yes = |text: &str| {
            if legacy { Ok(values::yes_unless_no(text)) } else { values::yes(text) }
        };
        let seconds = Duration::from_secs;
        let limit = values::time_above_0;
        let user_line = given.line("user").or_else(|| given.line("password_file"));
        let bearer_line = given.line("bearer_file");
        let http = Http {
            url,
            tls: self.tls(given, legacy),
            verbose: self.value(given, "curl_verbose", false, yes),
            log_file: self.checked(given, "curl_logfile", file_in_directory),
            workers: self.value(given, "workers", 4, |text| {
                values::count(text).ok().filter(|n| *n <= 64).ok_or("a whole number from 1 to 64")
            }),
            connect_timeout: self.value(given, "connect_timeout", seconds(5), limit),
            timeout: self.value(given, "timeout", seconds(30), limit),
            idle_conn_timeout: self.value(given, "idle_conn_timeout", seconds(10), limit),
            retry: self.retry(given),
            batch: self.value(given, "batch", None, |text| {
                let batch = values::count(text).ok().filter(|n| *n <= 10_000);
                batch.map(Some).ok_or("a whole number from 1 to 10000")
            }),
            batch_bytes: self.value(given, "batch_bytes", 1 << 20, |text| {
                let size = values::size(text).ok().filter(|n| *n <= 100 << 20).and_then(|n| usize::try_from(n).ok());
                size.ok_or("a size up to 100MiB")
            }),
            batch_interval: self.value(given, "batch_interval", Duration::from_millis(200), values::time),
            gzip: self.value(given, "gzip", false, values::yes),
            proxy: self.value(given, "proxy", None, |text| {
                let known = ["http://", "https://", "socks4://", "socks4a://", "socks5://", "socks5h://"];
                let rest = known.iter().find_map(|scheme| text.strip_prefix(scheme));
                let good = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
                if good { Ok(Some(text.to_string())) } else { Err("a URL, as in http://proxy.example.com:3128") }
            }),
            trace_header_name: self.value(given, "trace_header_name", None, |text| header_name(text).map(Some)),
            headers: self.headers(given),
            user: given.take("user").map(|(user, _)| user.to_string()),
            password: self.checked(given, "password_file", Secret::new),
            bearer: self.checked(given, "bearer_file", Secret::new),
        };
        if let Some(at) = user_line.filter(|_| http.user.is_some() != http.password.is_some()) {
            self.fault(at, given.section, "user", "and password_file belong together; set both");
        }
        if let Some(at) = bearer_line.filter(|_| http.user.is_some()) {
            self.fault(at, given.section, "bearer_file", "doesn't go with user; set one of them");
        }
        Some(http)
    }

    fn headers(&mut self, given: &mut Given) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        for (name, value, line) in given.take_all("header.") {
            let key = format!("header.{name}");
            if !is_token(name) {
                self.fault(line, given.section, &key, "a header's name has no such characters");
            } else if value.contains(char::is_control) {
                self.fault(line, given.section, &key, "a header's value has no control characters");
            } else if matches!(name, "content-length" | "transfer-encoding" | "content-encoding" | "connection") {
                self.fault(line, given.section, &key, "is not to be set: it follows from the request");
            } else {
                headers.push((name.to_string(), value.to_string()));
            }
        }
        headers
    }
}
