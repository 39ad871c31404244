//! HTTP requests with libcurl: one worker's connections, and the requests on them, one at a time.

mod log;
mod stage;

use super::status::SinkStatus;
use crate::{
    buffer::give_back,
    config::{Credentials, HttpClient},
};
use curl::easy::{Auth, Easy2, Handler, HttpVersion, InfoType, List, WriteError};
use flate2::{Compression, write::GzEncoder};
pub(super) use log::CurlLog;
pub(crate) use stage::{Reached, Stage};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime},
};
use thiserror::Error;
use uuid::Uuid;

/// The most bytes of a server's answer that a report quotes.
const QUOTED: usize = 200;
/// How often the files of certificates and secrets are checked for changes.
const LOOK: Duration = Duration::from_secs(1);
/// The memory of bodies larger than this isn't kept for the next request.
const KEEP_BODY: usize = 2 << 20;
/// The number of connections that libcurl keeps by default.
const CONNECTIONS: usize = 5;

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    /// Its URL.
    pub(super) url: &'a str,
    pub(super) method: Method,
    /// How long it may take.
    pub(super) timeout: Duration,
    /// How many bytes of the answer are wanted.
    pub(super) answer: Wanted,
}

/// The HTTP method. If there is a body, also its content type.
#[derive(Clone, Copy, Debug)]
pub(super) enum Method {
    Get,
    Head,
    Post(&'static str),
    Put(&'static str),
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post(_) => "POST",
            Self::Put(_) => "PUT",
        }
    }

    fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Get | Self::Head => None,
            Self::Post(content_type) | Self::Put(content_type) => Some(content_type),
        }
    }
}

/// How much of an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// Enough of its beginning for a report.
    Beginning,
    /// All of it. An answer with more bytes than this is an error.
    All(usize),
}

/// A server's complete answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u32,
    /// The part of the body that was wanted.
    pub(super) body: Vec<u8>,
    /// The pause that the server asks for.
    pub(super) retry_after: Option<Duration>,
    /// The request's UUID, if requests have one, as the end of a report.
    pub(super) traced: String,
}

impl Reply {
    /// Its status and the beginning of its body, for a report.
    pub(super) fn report(&self) -> String {
        let Self { status, body, traced, .. } = self;
        let quoted = String::from_utf8_lossy(&body[..body.len().min(QUOTED)]);
        match quoted.trim() {
            "" => format!("status {status}{traced}"),
            said => format!("status {status}: {said}{traced}"),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// A fault of the server, of the network, or of this host's files, and how far the request came.
    #[error("{0}")]
    Failed(String, Stage),
    /// The sink was told to stop.
    #[error("given up")]
    Aborted,
}

/// Receives the answer from libcurl.
struct Exchange {
    shared: Arc<SinkStatus>,
    answer: Vec<u8>,
    wanted: Wanted,
    retry_after: Option<Duration>,
    log: CurlLog,
}

impl Handler for Exchange {
    fn write(&mut self, data: &[u8]) -> Result<usize, WriteError> {
        match self.wanted {
            Wanted::Beginning => {
                let room = QUOTED.saturating_sub(self.answer.len());
                self.answer.extend_from_slice(&data[..data.len().min(room)]);
            }
            // Taking fewer bytes than there are ends the request.
            Wanted::All(most) if self.answer.len() + data.len() > most => return Ok(0),
            Wanted::All(_) => self.answer.extend_from_slice(data),
        }
        Ok(data.len())
    }

    fn header(&mut self, data: &[u8]) -> bool {
        if let Some((name, value)) = str::from_utf8(data).ok().and_then(|line| line.split_once(':'))
            && name.eq_ignore_ascii_case("retry-after")
        {
            self.retry_after = retry_after(value.trim(), SystemTime::now());
        }
        true
    }

    /// libcurl asks at least once a second whether to go on.
    fn progress(&mut self, _: f64, _: f64, _: f64, _: f64) -> bool {
        !self.shared.is_aborted()
    }

    fn debug(&mut self, kind: InfoType, data: &[u8]) {
        let mark = match kind {
            InfoType::Text => "*",
            InfoType::HeaderIn => "<",
            InfoType::HeaderOut => ">",
            _ => return,
        };
        for line in String::from_utf8_lossy(data).lines() {
            self.log.line(mark, line);
        }
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or(Duration::ZERO))
}

/// The attributes that show whether a file has changed.
type Seen = Option<(u64, u64, i64, i64)>;

fn look(path: &Path) -> Seen {
    fs::metadata(path).ok().map(|meta| (meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

/// A worker's connections: to one server, or to the hosts of one cluster.
pub(super) struct Connection {
    client: HttpClient,
    shared: Arc<SinkStatus>,
    log: CurlLog,
    /// The number of hosts.
    hosts: usize,
    easy: Option<Easy2<Exchange>>,
    /// The content type that the current headers are for.
    headers_for: Option<Option<&'static str>>,
    /// Certificates, keys and secrets as they were when the connection was set up.
    files: Vec<(PathBuf, Seen)>,
    looked: Instant,
    body: Vec<u8>,
}

impl Connection {
    /// The connections of one worker to this many hosts. Doesn't connect yet.
    pub(super) fn new(client: &HttpClient, shared: &Arc<SinkStatus>, log: CurlLog, hosts: usize) -> Self {
        let secret = client.login.as_ref().map(|login| login.secret().0.as_path());
        let files = client.tls.files().chain(secret).map(|path| (path.to_path_buf(), look(path))).collect();
        Self {
            client: client.clone(),
            shared: shared.clone(),
            log,
            hosts,
            easy: None,
            headers_for: None,
            files,
            looked: Instant::now(),
            body: Vec::new(),
        }
    }

    /// Makes the next request use a new connection if certificates, keys or secrets have changed. Reopens the log when
    /// told to.
    fn look_after(&mut self) {
        if self.shared.reopen.swap(false, Ordering::AcqRel) {
            self.log.reopen();
        }
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        let mut changed = false;
        for (path, seen) in &mut self.files {
            let now = look(path);
            // A file may be missing while it is being replaced.
            if now.is_some() && now != *seen {
                *seen = now;
                changed = true;
            }
        }
        if changed {
            self.easy = None;
        }
    }

    /// Sets up a connection for requests, one after the other.
    fn set_up(&self) -> Result<Easy2<Exchange>, String> {
        let mut easy = Easy2::new(Exchange {
            shared: self.shared.clone(),
            answer: Vec::new(),
            wanted: Wanted::Beginning,
            retry_after: None,
            log: self.log.clone(),
        });
        let login = match &self.client.login {
            Some(Credentials::Basic(user, password)) => Some((user.as_str(), password.read()?)),
            _ => None,
        };
        let login = login.as_ref().map(|(user, password)| (*user, password.as_str()));
        self.options(&mut easy, login).map_err(|e| format!("libcurl can't be set up: {e}"))?;
        // A libcurl without HTTP/2 refuses this, and uses HTTP/1.1.
        let _ = easy.http_version(HttpVersion::V2TLS);
        Ok(easy)
    }

    fn options(&self, easy: &mut Easy2<Exchange>, login: Option<(&str, &str)>) -> Result<(), curl::Error> {
        let client = &self.client;
        easy.useragent(concat!("auship/", env!("CARGO_PKG_VERSION")))?;
        easy.progress(true)?;
        easy.tcp_keepalive(true)?;
        easy.connect_timeout(client.connect_timeout)?;
        easy.maxage_conn(client.idle_conn_timeout)?;
        if self.hosts > CONNECTIONS {
            easy.max_connects(u32::try_from(self.hosts).unwrap_or(u32::MAX))?;
        }
        easy.ssl_verify_peer(client.tls.verify)?;
        easy.ssl_verify_host(client.tls.verify)?;
        if let Some(path) = &client.tls.ca_file {
            easy.cainfo(path)?;
        }
        if let (Some(cert), Some(key)) = (&client.tls.cert, &client.tls.key) {
            easy.ssl_cert(cert)?;
            easy.ssl_key(key)?;
        }
        if let Some(proxy) = &client.proxy {
            easy.proxy(proxy)?;
        }
        if let Some((user, password)) = login {
            easy.http_auth(Auth::new().basic(true))?;
            easy.username(user)?;
            easy.password(password)?;
        }
        easy.verbose(client.verbose)
    }

    fn headers(&self, content_type: Option<&str>, trace: Option<&Uuid>) -> Result<List, String> {
        let mut headers = List::new();
        let mut add = |header: &str| headers.append(header).map_err(|e| e.to_string());
        let client = &self.client;
        if let Some(content_type) = content_type {
            if !client.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                add(&format!("Content-Type: {content_type}"))?;
            }
            // Without this, libcurl asks the server for permission before large documents, and waits a second for it.
            add("Expect:")?;
            if client.gzip {
                add("Content-Encoding: gzip")?;
            }
        }
        for (name, value) in &client.headers {
            add(&format!("{name}: {value}"))?;
        }
        match &client.login {
            Some(Credentials::Bearer(token)) => add(&format!("Authorization: Bearer {}", token.read()?))?,
            Some(Credentials::ApiKey(key)) => add(&format!("Authorization: ApiKey {}", api_key(&key.read()?)))?,
            Some(Credentials::Basic(..)) | None => (),
        }
        if let (Some(name), Some(trace)) = (&client.trace_header_name, trace) {
            add(&format!("{name}: {trace}"))?;
        }
        Ok(headers)
    }

    /// Makes a request and waits for its answer. `write` writes the body, if the method has one.
    ///
    /// # Errors
    /// When there is no answer, or an incomplete one.
    pub(super) fn request(
        &mut self,
        request: Request,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Reply, Failure> {
        self.look_after();
        let trace = self.client.trace_header_name.is_some().then(Uuid::new_v4);
        let traced = trace.map(|trace| format!(", trace {trace}")).unwrap_or_default();
        self.prepare(request, write, trace.as_ref()).map_err(|why| Failure::Failed(why, Stage::Preparation))?;
        let Some(easy) = &mut self.easy else {
            return Err(Failure::Failed("no connection".into(), Stage::Preparation));
        };
        let start = Instant::now();
        let performed = easy.perform();
        let status = performed.as_ref().ok().and_then(|()| easy.response_code().ok());
        self.shared.requests().record(status, start.elapsed());
        give_back(&mut self.body, KEEP_BODY);
        match performed {
            Ok(()) => {
                let exchange = easy.get_mut();
                let (body, retry_after) = (std::mem::take(&mut exchange.answer), exchange.retry_after);
                Ok(Reply { status: status.unwrap_or_default(), body, retry_after, traced })
            }
            Err(e) if e.is_aborted_by_callback() => Err(Failure::Aborted),
            Err(e) => {
                let status = match easy.response_code() {
                    Ok(0) | Err(_) => String::new(),
                    Ok(status) => format!(" after status {status}"),
                };
                let what = match request.answer {
                    Wanted::All(most) if e.is_write_error() => format!("the answer has more than {most} bytes"),
                    _ => {
                        e.extra_description().unwrap_or_else(|| e.description()).to_string() + &stage::refusal(easy, &e)
                    }
                };
                Err(Failure::Failed(format!("{what}{status}{traced}"), Stage::of(easy, &e)))
            }
        }
    }

    /// How the last request that was answered came to its server. None if there was none.
    pub(super) fn reached(&mut self) -> Option<Reached> {
        self.easy.as_mut().map(Reached::of)
    }

    /// Sets up the connection, if there is none, and the next request.
    fn prepare(
        &mut self,
        request: Request,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
        trace: Option<&Uuid>,
    ) -> Result<(), String> {
        if self.easy.is_none() {
            self.easy = Some(self.set_up()?);
            self.headers_for = None;
        }
        let content_type = request.method.content_type();
        if content_type.is_some() {
            self.write_body(write).map_err(|e| format!("can't compress: {e}"))?;
        }
        let headers = match trace.is_none() && self.headers_for == Some(content_type) {
            true => None,
            false => Some(self.headers(content_type, trace)?),
        };
        let Some(easy) = &mut self.easy else { return Ok(()) };
        if let Some(headers) = headers {
            easy.http_headers(headers).map_err(|e| e.to_string())?;
            self.headers_for = Some(content_type);
        }
        let exchange = easy.get_mut();
        exchange.answer.clear();
        exchange.wanted = request.answer;
        exchange.retry_after = None;
        let mut set = || {
            easy.url(request.url)?;
            easy.timeout(request.timeout)?;
            easy.custom_request(request.method.name())?;
            match request.method {
                Method::Get => return easy.get(true),
                Method::Head => return easy.nobody(true),
                Method::Post(_) | Method::Put(_) => (),
            }
            easy.post(true)?;
            easy.post_fields_copy(&self.body)
        };
        set().map_err(|e| e.to_string())
    }

    fn write_body(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        self.body.clear();
        if self.client.gzip {
            let mut gzip = GzEncoder::new(&mut self.body, Compression::fast());
            write(&mut gzip)?;
            gzip.finish()?;
            return Ok(());
        }
        write(&mut self.body)
    }
}

/// An API key as it is sent: the text of its file. A text of the form `id:key` is encoded first.
fn api_key(text: &str) -> String {
    if text.contains(':') { openssl::base64::encode_block(text.as_bytes()) } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_name_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:40:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn an_api_key_is_sent_encoded() {
        assert_eq!(
            api_key("VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw"),
            "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="
        );
        assert_eq!(api_key("VnVhQ2ZH"), "VnVhQ2ZH");
    }

    #[test]
    fn a_report_quotes_the_beginning() {
        let body = format!("{{\"error\": {}", "é".repeat(1000)).into_bytes();
        let reply = Reply { status: 500, body, retry_after: None, traced: ", trace 1".into() };
        assert!(reply.report().len() < 300 && reply.report().ends_with(", trace 1"), "{}", reply.report());
    }
}
