//! The keys of HTTP clients: connections, requests and authentication.

use super::{
    key::{About, Dialect, Key, Shown, one, put, put_some, read, show as show_keys, some},
    retry::{CONNECT_TIMEOUT, Retry},
    secrets::Secret,
    show,
    tls::Tls,
    validator::{SectionValues, Validator, file_in_directory},
    values,
};
use crate::net::UrlParts;
use std::{fmt, path::PathBuf, time::Duration};

/// The settings of an HTTP client.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpClient {
    /// The verification of the server, and this client's certificate.
    pub tls: Tls,
    /// Whether libcurl's actions are logged.
    pub verbose: bool,
    /// The file for libcurl's log. `None`: standard error.
    pub log_file: Option<PathBuf>,
    /// The number of simultaneous connections.
    pub workers: usize,
    /// The limit for connecting.
    pub connect_timeout: Duration,
    /// The limit for a whole request.
    pub timeout: Duration,
    /// A connection that is idle for this long is closed.
    pub idle_conn_timeout: Duration,
    /// The handling of failed requests.
    pub retry: Retry,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// The proxy.
    pub proxy: Option<String>,
    /// The name of a header that gives each request a UUID.
    pub trace_header_name: Option<String>,
    /// Additional headers.
    pub headers: Vec<(String, String)>,
    /// The credentials of this client.
    pub login: Option<Credentials>,
}

/// The credentials of a client. Secrets are read when they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A user and a password.
    Basic(String, Secret),
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// `Authorization: ApiKey …`, for Elasticsearch.
    ApiKey(Secret),
}

impl Credentials {
    /// The password, token or key.
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Basic(_, secret) | Self::Bearer(secret) | Self::ApiKey(secret) => secret,
        }
    }
}

/// A URL for messages, without the user's name and password.
pub(super) fn shown(url: &str) -> String {
    match UrlParts::of(url) {
        UrlParts { login: None, .. } => url.to_string(),
        UrlParts { prefix, authority, rest, .. } => format!("{prefix}…@{authority}{rest}"),
    }
}

/// True if the name of a header shows that its value is a secret, which must not be shown.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "cookie", "key", "token", "secret", "password"].iter().any(|end| name.ends_with(end))
}

/// True for a token of RFC 9110, 5.6.2. The name of a header is a token.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn header_name(text: &str) -> Result<String, values::Expected> {
    if is_token(text) { Ok(text.to_string()) } else { Err("a header's name, as in X-Trace-Id") }
}

/// The values of a client's keys while they are read.
pub(super) struct Draft {
    client: HttpClient,
    user: Option<String>,
    password: Option<Secret>,
}

/// The keys of HTTP clients between those about TLS and those about failures.
pub(super) static KEYS: &[Key<Draft, HttpClient>] = &[
    Key {
        about: About {
            name: "curl_verbose",
            value: "*YES-OR-NO*",
            default: "no",
            doc: "Log libcurl's actions, with the headers of requests and answers, but without secrets.",
            ..About::NONE
        },
        set: |draft, value| put(&mut draft.client.verbose, value.yes()),
        show: |client| one(show::yes(client.verbose)),
    },
    Key {
        about: About {
            name: "curl_logfile",
            value: "*PATH*",
            default: "standard error",
            example: "/var/log/auship/curl.log",
            doc: "The file for the log of **curl_verbose**.",
            more: "The file is created with mode 0600. If it exists, it is appended to. After SIGHUP it is opened \
                   again before the next document is sent.",
        },
        set: |draft, value| put_some(&mut draft.client.log_file, file_in_directory(value.text)),
        show: |client| some(show::optional_path(&client.log_file)),
    },
    Key {
        about: About {
            name: "workers",
            value: "*NUMBER*",
            default: "4",
            doc: "The number of simultaneous connections, from 1 to 64. With more than one, documents may arrive in \
                  another order.",
            more: "Each connection keeps the order.",
            ..About::NONE
        },
        set: |draft, value| {
            let number = values::count(value.text).ok().filter(|n| *n <= 64);
            put(&mut draft.client.workers, number.ok_or("a whole number from 1 to 64"))
        },
        show: |client| one(client.workers),
    },
    Key {
        about: CONNECT_TIMEOUT,
        set: |draft, value| put(&mut draft.client.connect_timeout, values::time_above_0(value.text)),
        show: |client| one(values::show_time(client.connect_timeout)),
    },
    Key {
        about: About {
            name: "timeout",
            value: "*TIME*",
            default: "30s",
            doc: "The limit for a whole request. Must be above 0.",
            ..About::NONE
        },
        set: |draft, value| put(&mut draft.client.timeout, values::time_above_0(value.text)),
        show: |client| one(values::show_time(client.timeout)),
    },
    Key {
        about: About {
            name: "idle_conn_timeout",
            value: "*TIME*",
            default: "10s",
            doc: "A connection that is idle for this long is closed.",
            ..About::NONE
        },
        set: |draft, value| put(&mut draft.client.idle_conn_timeout, values::time_above_0(value.text)),
        show: |client| one(values::show_time(client.idle_conn_timeout)),
    },
];

/// The keys of HTTP clients after those about failures.
pub(super) static MORE_KEYS: &[Key<Draft, HttpClient>] = &[
    Key {
        about: About {
            name: "gzip",
            value: "*YES-OR-NO*",
            default: "no",
            doc: "Compress requests (*Content-Encoding: gzip*).",
            ..About::NONE
        },
        set: |draft, value| put(&mut draft.client.gzip, values::yes(value.text)),
        show: |client| one(show::yes(client.gzip)),
    },
    Key {
        about: About {
            name: "proxy",
            value: "*URL*",
            default: "the proxy in the environment",
            example: "http://proxy.example.com:3128",
            doc: "The proxy: *http://*, *https://*, *socks4://*, *socks4a://*, *socks5://* or *socks5h://*.",
            ..About::NONE
        },
        set: |draft, value| {
            let known = ["http://", "https://", "socks4://", "socks4a://", "socks5://", "socks5h://"];
            let rest = known.iter().find_map(|scheme| value.text.strip_prefix(scheme));
            let is_good = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
            let proxy = is_good.then(|| value.text.to_string());
            put_some(&mut draft.client.proxy, proxy.ok_or("a URL, as in http://proxy.example.com:3128"))
        },
        show: |client| some(client.proxy.as_ref().map(|proxy| show::text(&shown(proxy)))),
    },
    Key {
        about: About {
            name: "trace_header_name",
            value: "*NAME*",
            example: "X-Trace-Id",
            doc: "A header that gives every request a UUID. Messages about a request that failed name the UUID.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.client.trace_header_name, header_name(value.text)),
        show: |client| some(client.trace_header_name.as_ref()),
    },
    Key {
        about: About {
            name: "header.",
            value: "*TEXT*",
            example: "siem",
            doc: "An additional header with the name NAME. Any number of headers is allowed.",
            more: "*content-type* replaces *application/json* or *application/x-ndjson*. If the name ends in \
                   *authorization*, *cookie*, *key*, *token*, *secret* or *password*, the text is a secret: **auship \
                   check** and curl's log don't show it.",
            ..About::NONE
        },
        set: |draft, value| {
            let header = header(value.suffix, value.text)?;
            draft.client.headers.push(header);
            Ok(())
        },
        show: |client| {
            let shown = |(name, value): &(String, String)| {
                let value = if is_secret_header(name) { "…" } else { value };
                (name.clone(), show::text(value))
            };
            client.headers.iter().map(shown).collect()
        },
    },
    Key {
        about: About {
            name: "user",
            value: "*NAME*",
            example: "auship",
            doc: "The user for basic authentication. Needs **password_file**.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.user, Ok::<_, String>(value.text.to_string())),
        show: |client| match &client.login {
            Some(Credentials::Basic(user, _)) => one(show::text(user)),
            _ => Shown::new(),
        },
    },
    Key {
        about: About {
            name: "password_file",
            value: "*PATH*",
            example: "/etc/auship/password",
            doc: "A file whose first line is the password of **user**. Other users must not have access to it (mode \
                  0640 at most).",
            more: "When the file changes, it is read again.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.password, Secret::new(value.text)),
        show: |client| match &client.login {
            Some(Credentials::Basic(_, secret)) => one(show::path(&secret.0)),
            _ => Shown::new(),
        },
    },
];

impl HttpClient {
    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        show_keys(super::tls::KEYS, &self.tls, f)?;
        show_keys(KEYS, self, f)?;
        show_keys(super::retry::KEYS, &self.retry, f)?;
        show_keys(MORE_KEYS, self, f)
    }

    /// Reads the settings of a client. `token_key` is the key for the file of a token, which has been read already.
    pub(super) fn read(
        given: &mut SectionValues,
        dialect: Dialect,
        validator: &mut Validator,
        token_key: &'static str,
        token: Option<Credentials>,
        token_line: Option<usize>,
    ) -> Self {
        let user_line = given.line("user").or_else(|| given.line("password_file"));
        let (has_user, has_password) = (given.has("user"), given.has("password_file"));
        if let Some(at) = user_line.filter(|_| has_user != has_password) {
            validator.fault(at, given.section, "user", "needs password_file, and password_file needs user; set both");
        }
        if let Some(at) = token_line.filter(|_| has_user) {
            validator.fault(at, given.section, token_key, "can't be used together with user; set one of them");
        }
        let client = Self {
            tls: Tls::read(given, dialect, validator),
            verbose: false,
            log_file: None,
            workers: 4,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            idle_conn_timeout: Duration::from_secs(10),
            retry: Retry::read(given, validator),
            gzip: false,
            proxy: None,
            trace_header_name: None,
            headers: Vec::new(),
            login: None,
        };
        let mut draft = Draft { client, user: None, password: None };
        read(KEYS, &mut draft, given, dialect, validator);
        read(MORE_KEYS, &mut draft, given, dialect, validator);
        draft.client.login = match (draft.user, draft.password) {
            (Some(user), Some(password)) => Some(Credentials::Basic(user, password)),
            _ => token,
        };
        draft.client
    }
}

/// Checks a header. The error says what is wrong with it.
fn header(name: &str, value: &str) -> Result<(String, String), String> {
    match name {
        _ if !is_token(name) => Err("the header's name has a character that isn't allowed".into()),
        _ if value.contains(char::is_control) => Err("the header's value has a control character".into()),
        "content-length" | "transfer-encoding" | "content-encoding" | "connection" => {
            Err("can't be set: auship sets it for each request".into())
        }
        _ => Ok((name.to_string(), value.to_string())),
    }
}
