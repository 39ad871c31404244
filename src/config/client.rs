//! Keys of all that speaks HTTP: how servers are reached, and how this client says who it is.

use super::{
    Retry, Secret, Tls,
    show::Quoted,
    validator::{SectionValues, Validator, file_in_directory},
    values,
};
use std::{fmt, path::PathBuf, time::Duration};

/// How requests are made.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpClient {
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
    /// Compress requests.
    pub gzip: bool,
    /// The proxy on the way.
    pub proxy: Option<String>,
    /// A header that gives each request a UUID.
    pub trace_header_name: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Who this client is.
    pub login: Option<Credentials>,
}

/// How a client says who it is; secrets are read when they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A user and a password.
    Basic(String, Secret),
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// `Authorization: ApiKey …`, as Elasticsearch has it.
    ApiKey(Secret),
}

impl Credentials {
    /// What must not become known.
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Basic(_, secret) | Self::Bearer(secret) | Self::ApiKey(secret) => secret,
        }
    }

    /// The key of a token's file.
    fn key(&self) -> &'static str {
        match self {
            Self::Basic(..) => "password_file",
            Self::Bearer(_) => "bearer_file",
            Self::ApiKey(_) => "api_key_file",
        }
    }
}

/// A URL without a user's name or password, for messages.
pub(super) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://…{}", &rest[at..]),
        None => url.to_string(),
    }
}

/// True for a header whose value says who somebody is, as its name tells: it isn't to be shown.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "cookie", "key", "token", "secret", "password"].iter().any(|end| name.ends_with(end))
}

impl HttpClient {
    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.tls.show(f)?;
        writeln!(f, "curl_verbose = {}", Quoted::yes(self.verbose))?;
        if let Some(path) = &self.log_file {
            writeln!(f, "curl_logfile = {}", Quoted::path(path))?;
        }
        writeln!(f, "workers = {}", self.workers)?;
        for (key, time) in [
            ("connect_timeout", self.connect_timeout),
            ("timeout", self.timeout),
            ("idle_conn_timeout", self.idle_conn_timeout),
        ] {
            writeln!(f, "{key} = {}", values::show_time(time))?;
        }
        self.retry.show(f)?;
        writeln!(f, "gzip = {}", Quoted::yes(self.gzip))?;
        if let Some(proxy) = &self.proxy {
            writeln!(f, "proxy = {}", Quoted::text(&shown(proxy)))?;
        }
        if let Some(name) = &self.trace_header_name {
            writeln!(f, "trace_header_name = {name}")?;
        }
        for (name, value) in &self.headers {
            let value = if is_secret_header(name) { "…" } else { value };
            writeln!(f, "header.{name} = {}", Quoted::text(value))?;
        }
        if let Some(login) = &self.login {
            if let Credentials::Basic(user, _) = login {
                writeln!(f, "user = {}", Quoted::text(user))?;
            }
            writeln!(f, "{} = {}", login.key(), Quoted::path(&login.secret().0))?;
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

impl Validator<'_> {
    /// How requests are made. `token` names the key of a token's file, and what is made of it.
    pub(super) fn client(
        &mut self,
        given: &mut SectionValues,
        legacy: bool,
        token: (&str, fn(Secret) -> Credentials),
    ) -> HttpClient {
        let yes = |text: &str| {
            if legacy { Ok(values::yes_unless_no(text)) } else { values::yes(text) }
        };
        let seconds = Duration::from_secs;
        let limit = values::time_above_0;
        HttpClient {
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
            gzip: self.value(given, "gzip", false, values::yes),
            proxy: self.value(given, "proxy", None, |text| {
                let known = ["http://", "https://", "socks4://", "socks4a://", "socks5://", "socks5h://"];
                let rest = known.iter().find_map(|scheme| text.strip_prefix(scheme));
                let good = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
                if good { Ok(Some(text.to_string())) } else { Err("a URL, as in http://proxy.example.com:3128") }
            }),
            trace_header_name: self.value(given, "trace_header_name", None, |text| header_name(text).map(Some)),
            headers: self.headers(given),
            login: self.login(given, token),
        }
    }

    fn login(
        &mut self,
        given: &mut SectionValues,
        (token, make): (&str, fn(Secret) -> Credentials),
    ) -> Option<Credentials> {
        let user_line = given.line("user").or_else(|| given.line("password_file"));
        let token_line = given.line(token);
        let user = given.take("user").map(|(user, _)| user.to_string());
        let password = given.has("password_file");
        if let Some(at) = user_line.filter(|_| user.is_some() != password) {
            self.fault(at, given.section, "user", "and password_file belong together; set both");
        }
        if let Some(at) = token_line.filter(|_| user.is_some()) {
            self.fault(at, given.section, token, "doesn't go with user; set one of them");
        }
        let password = self.checked(given, "password_file", Secret::new);
        let token = self.checked(given, token, Secret::new);
        match (user, password) {
            (Some(user), Some(password)) => Some(Credentials::Basic(user, password)),
            _ => token.map(make),
        }
    }

    fn headers(&mut self, given: &mut SectionValues) -> Vec<(String, String)> {
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
