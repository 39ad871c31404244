//! One connection, and the requests on it.

use super::super::{Shared, carrier::Answer};
use crate::{
    config::{Http, Secret},
    lock::locked,
    log,
    queue::ring::Document,
};
use curl::easy::{Auth, Easy2, Handler, HttpVersion, InfoType, List, WriteError};
use flate2::{Compression, write::GzEncoder};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant, SystemTime},
};
use uuid::Uuid;

/// How much of a server's answer a report quotes, in bytes.
const QUOTED: usize = 200;
/// How often certificates and secrets are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Bodies larger than this are not kept for the next request.
const KEEP_BODY: usize = 2 << 20;

/// Where libcurl's words go, when not to standard error.
#[derive(Clone)]
pub(super) struct CurlLog(Option<Arc<(PathBuf, Mutex<File>)>>);

impl CurlLog {
    /// Opens the file, if one is wanted.
    pub(super) fn new(http: &Http) -> io::Result<Self> {
        Ok(Self(match &http.log_file {
            Some(path) if http.verbose => Some(Arc::new((path.clone(), Mutex::new(Self::open(path)?)))),
            _ => None,
        }))
    }

    fn open(path: &Path) -> io::Result<File> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        file.map_err(|e| io::Error::new(e.kind(), format!("can't open {}: {e}", path.display())))
    }

    /// Opens the file anew, after logrotate moved it.
    fn reopen(&self) {
        let Some(log) = &self.0 else { return };
        match Self::open(&log.0) {
            Ok(file) => *locked(&log.1) = file,
            Err(e) => log::error(e),
        }
    }

    fn line(&self, mark: &str, line: &str) {
        // Nobody is left to tell when the debug log can't be written.
        let _ = match &self.0 {
            Some(log) => writeln!(locked(&log.1), "{mark} {line}"),
            None => writeln!(io::stderr(), "{mark} {line}"),
        };
    }
}

/// Takes what libcurl hands back.
struct Exchange {
    shared: Arc<Shared>,
    quoted: Vec<u8>,
    retry_after: Option<Duration>,
    log: CurlLog,
}

impl Handler for Exchange {
    fn write(&mut self, data: &[u8]) -> Result<usize, WriteError> {
        let room = QUOTED.saturating_sub(self.quoted.len());
        self.quoted.extend_from_slice(&data[..data.len().min(room)]);
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
            self.log.line(mark, without_secret(line));
        }
    }
}

/// A header that holds a secret, without it.
fn without_secret(line: &str) -> &str {
    match line.split_once(':') {
        Some((name, _)) if name.to_ascii_lowercase().ends_with("authorization") => name,
        _ => line,
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or(Duration::ZERO))
}

/// What tells that a file has changed.
type Seen = Option<(u64, u64, i64, i64)>;

fn look(path: &Path) -> Seen {
    fs::metadata(path).ok().map(|meta| (meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

/// A worker's connection.
pub(super) struct Connection {
    http: Http,
    shared: Arc<Shared>,
    log: CurlLog,
    easy: Option<Easy2<Exchange>>,
    /// Certificates, keys and secrets as they were when the connection was set up.
    files: Vec<(PathBuf, Seen)>,
    looked: Instant,
    body: Vec<u8>,
}

impl Connection {
    /// For one worker; nothing is connected yet.
    pub(super) fn new(http: &Http, shared: &Arc<Shared>, log: CurlLog) -> Self {
        let secrets = [&http.password, &http.bearer].into_iter().flatten().map(|Secret(path)| path.as_path());
        let files = http.tls.files().chain(secrets).map(|path| (path.to_path_buf(), look(path))).collect();
        Self {
            http: http.clone(),
            shared: shared.clone(),
            log,
            easy: None,
            files,
            looked: Instant::now(),
            body: Vec::new(),
        }
    }

    /// After certificates, keys or secrets changed the next request is the first of a new connection.
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
            // While a file is being replaced there is none.
            if now.is_some() && now != *seen {
                *seen = now;
                changed = true;
            }
        }
        if changed {
            self.easy = None;
        }
    }

    /// A connection, set up for one POST after the other.
    fn set_up(&self) -> Result<Easy2<Exchange>, String> {
        let exchange =
            Exchange { shared: self.shared.clone(), quoted: Vec::new(), retry_after: None, log: self.log.clone() };
        let mut easy = Easy2::new(exchange);
        let secret = |secret: &Option<Secret>| secret.as_ref().map(Secret::read).transpose();
        let (password, bearer) = (secret(&self.http.password)?, secret(&self.http.bearer)?);
        self.options(&mut easy, password.as_deref()).map_err(|e| format!("libcurl can't be set up: {e}"))?;
        // Where libcurl has no HTTP/2 this is refused, and HTTP/1.1 it is.
        let _ = easy.http_version(HttpVersion::V2TLS);
        if self.http.trace_header_name.is_none() {
            let headers = self.headers(bearer.as_deref(), None);
            headers.and_then(|list| easy.http_headers(list)).map_err(|e| e.to_string())?;
        }
        Ok(easy)
    }

    fn options(&self, easy: &mut Easy2<Exchange>, password: Option<&str>) -> Result<(), curl::Error> {
        let http = &self.http;
        easy.url(&http.url)?;
        easy.useragent(concat!("auship/", env!("CARGO_PKG_VERSION")))?;
        easy.post(true)?;
        easy.progress(true)?;
        easy.tcp_keepalive(true)?;
        easy.connect_timeout(http.connect_timeout)?;
        easy.timeout(http.timeout)?;
        easy.maxage_conn(http.idle_conn_timeout)?;
        easy.ssl_verify_peer(http.tls.verify)?;
        easy.ssl_verify_host(http.tls.verify)?;
        if let Some(path) = &http.tls.ca_file {
            easy.cainfo(path)?;
        }
        if let (Some(cert), Some(key)) = (&http.tls.cert, &http.tls.key) {
            easy.ssl_cert(cert)?;
            easy.ssl_key(key)?;
        }
        if let Some(proxy) = &http.proxy {
            easy.proxy(proxy)?;
        }
        if let (Some(user), Some(password)) = (&http.user, password) {
            easy.http_auth(Auth::new().basic(true))?;
            easy.username(user)?;
            easy.password(password)?;
        }
        easy.verbose(http.verbose)
    }

    fn headers(&self, bearer: Option<&str>, trace: Option<&Uuid>) -> Result<List, curl::Error> {
        let mut headers = List::new();
        if !self.http.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.append("Content-Type: application/json")?;
        }
        // Without this libcurl asks the server's leave before large documents and waits a second for it.
        headers.append("Expect:")?;
        if self.http.gzip {
            headers.append("Content-Encoding: gzip")?;
        }
        for (name, value) in &self.http.headers {
            headers.append(&format!("{name}: {value}"))?;
        }
        if let Some(token) = bearer {
            headers.append(&format!("Authorization: Bearer {token}"))?;
        }
        if let (Some(name), Some(trace)) = (&self.http.trace_header_name, trace) {
            headers.append(&format!("{name}: {trace}"))?;
        }
        Ok(headers)
    }

    /// Posts documents: an array of them when batches are configured, else the one.
    pub(super) fn post(&mut self, documents: &[Document]) -> Answer {
        self.look_after();
        let trace = self.http.trace_header_name.is_some().then(Uuid::new_v4);
        let traced = trace.map(|trace| format!(", trace {trace}")).unwrap_or_default();
        if let Err(why) = self.prepare(documents, trace.as_ref()) {
            return Answer::Again(why, None);
        }
        let Some(easy) = &mut self.easy else { return Answer::Again("no connection".into(), None) };
        let start = Instant::now();
        let performed = easy.perform();
        let status = performed.as_ref().ok().and_then(|()| easy.response_code().ok());
        self.shared.requests().note(status, start.elapsed());
        let answer = match (performed, status) {
            (Ok(()), Some(200..=299)) => Answer::Delivered,
            (Ok(()), status) => {
                let status = status.unwrap_or_default();
                let quoted = String::from_utf8_lossy(&easy.get_ref().quoted);
                let why = match quoted.trim() {
                    "" => format!("status {status}{traced}"),
                    said => format!("status {status}: {said}{traced}"),
                };
                match status {
                    400 | 413 | 422 => Answer::Never(why),
                    _ => Answer::Again(why, easy.get_ref().retry_after),
                }
            }
            (Err(e), _) if e.is_aborted_by_callback() => Answer::GivenUp,
            (Err(e), _) => {
                let status = match easy.response_code() {
                    Ok(0) | Err(_) => String::new(),
                    Ok(status) => format!(" after status {status}"),
                };
                let what = e.extra_description().unwrap_or_else(|| e.description());
                Answer::Again(format!("{what}{status}{traced}"), None)
            }
        };
        self.body.clear();
        self.body.shrink_to(KEEP_BODY);
        answer
    }

    /// Sets up the connection, if need be, and the next request.
    fn prepare(&mut self, documents: &[Document], trace: Option<&Uuid>) -> Result<(), String> {
        if self.easy.is_none() {
            self.easy = Some(self.set_up()?);
        }
        self.write_body(documents).map_err(|e| format!("can't compress: {e}"))?;
        let headers = match trace {
            None => None,
            Some(_) => {
                let bearer = self.http.bearer.as_ref().map(Secret::read).transpose()?;
                Some(self.headers(bearer.as_deref(), trace).map_err(|e| e.to_string())?)
            }
        };
        let Some(easy) = &mut self.easy else { return Ok(()) };
        let exchange = easy.get_mut();
        exchange.quoted.clear();
        exchange.retry_after = None;
        if let Some(headers) = headers {
            easy.http_headers(headers).map_err(|e| e.to_string())?;
        }
        easy.post_fields_copy(&self.body).map_err(|e| e.to_string())
    }

    fn write_body(&mut self, documents: &[Document]) -> io::Result<()> {
        self.body.clear();
        if self.http.gzip {
            let mut gzip = GzEncoder::new(&mut self.body, Compression::fast());
            write_documents(&mut gzip, documents, self.http.batch.is_some())?;
            gzip.finish()?;
            return Ok(());
        }
        write_documents(&mut self.body, documents, self.http.batch.is_some())
    }
}

fn write_documents(out: &mut impl Write, documents: &[Document], array: bool) -> io::Result<()> {
    if !array {
        return documents.iter().try_for_each(|document| out.write_all(document));
    }
    for (n, document) in documents.iter().enumerate() {
        out.write_all(if n == 0 { b"[" } else { b"," })?;
        out.write_all(document)?;
    }
    out.write_all(b"]")
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
    fn secrets_stay_out_of_the_log() {
        assert_eq!(without_secret("Authorization: Bearer abc"), "Authorization");
        assert_eq!(without_secret("proxy-authorization: Basic abc"), "proxy-authorization");
        assert_eq!(without_secret("Content-Type: x"), "Content-Type: x");
    }

    #[test]
    fn several_documents_are_an_array() {
        let body = |documents: &[Document], array| {
            let mut out = Vec::new();
            assert!(write_documents(&mut out, documents, array).is_ok());
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(body(&[b"{}".to_vec()], false), "{}");
        assert_eq!(body(&[b"{}".to_vec()], true), "[{}]");
        assert_eq!(body(&[b"{}".to_vec(), b"1".to_vec()], true), "[{},1]");
    }
}
