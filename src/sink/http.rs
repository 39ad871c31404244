//! The HTTP sink: each worker keeps one connection and posts one document after the other.
//!
//! Delivered means a 2xx answer. Anything else is tried again, a bounded number of times, then counted and reported
//! with what the server said.

use super::{Alive, Shared};
use crate::{config::Http, counters::count, log, queue::ring::Outlet};
use curl::easy::{Easy2, Handler, InfoType, List, WriteError};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread,
    time::Duration,
};

/// How much of a server's answer a report quotes, in bytes.
const QUOTED: usize = 200;
/// Pause before the second attempt; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Where libcurl's words go, when not to standard error.
type CurlLog = Option<Arc<CurlLogFile>>;

struct CurlLogFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl CurlLogFile {
    fn open(path: &Path) -> io::Result<File> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        file.map_err(|e| io::Error::new(e.kind(), format!("can't open {}: {e}", path.display())))
    }

    /// Opens the file anew, after logrotate moved it.
    fn reopen(&self) {
        match Self::open(&self.path) {
            Ok(file) => *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file,
            Err(e) => log::error(e),
        }
    }
}

/// Starts the workers.
pub(super) fn start(http: &Http, shared: &Arc<Shared>, outlet: Outlet, alive: &Alive) -> io::Result<()> {
    curl::init();
    if !http.tls.verify {
        log::warning(format_args!(
            "output {}: ssl_verify = no: anybody on the way to {} can read and change audit events; for testing only",
            shared.name,
            http.shown_url()
        ));
    }
    let log_file: CurlLog = match &http.log_file {
        Some(path) if http.verbose => {
            let file = Mutex::new(CurlLogFile::open(path)?);
            Some(Arc::new(CurlLogFile { path: path.clone(), file }))
        }
        _ => None,
    };
    for n in 0..http.workers {
        let (http, shared, outlet, alive) = (http.clone(), shared.clone(), outlet.clone(), alive.clone());
        let log_file = log_file.clone();
        thread::Builder::new().name(format!("http {n} {}", shared.name)).spawn(move || {
            work(&http, &shared, &outlet, log_file);
            drop(alive);
        })?;
    }
    Ok(())
}

/// Takes what libcurl hands back.
struct Answer {
    quoted: Vec<u8>,
    log_file: CurlLog,
}

impl Handler for Answer {
    fn write(&mut self, data: &[u8]) -> Result<usize, WriteError> {
        let room = QUOTED.saturating_sub(self.quoted.len());
        self.quoted.extend_from_slice(&data[..data.len().min(room)]);
        Ok(data.len())
    }

    fn debug(&mut self, kind: InfoType, data: &[u8]) {
        let mark = match kind {
            InfoType::Text => "*",
            InfoType::HeaderIn => "<",
            InfoType::HeaderOut => ">",
            _ => return,
        };
        for line in String::from_utf8_lossy(data).lines() {
            // Nobody is left to tell when the debug log can't be written.
            let _ = match &self.log_file {
                Some(log_file) => {
                    let mut file = log_file.file.lock().unwrap_or_else(PoisonError::into_inner);
                    writeln!(file, "{mark} {line}")
                }
                None => writeln!(io::stderr(), "{mark} {line}"),
            };
        }
    }
}

/// A connection, set up for one POST after the other.
fn connection(http: &Http, log_file: CurlLog) -> Result<Easy2<Answer>, curl::Error> {
    let mut easy = Easy2::new(Answer { quoted: Vec::new(), log_file });
    easy.url(&http.url)?;
    easy.useragent(concat!("auship/", env!("CARGO_PKG_VERSION")))?;
    let mut headers = List::new();
    headers.append("Content-Type: application/json")?;
    // Without this libcurl asks the server's leave before large documents and waits a second for it.
    headers.append("Expect:")?;
    easy.http_headers(headers)?;
    easy.post(true)?;
    easy.tcp_keepalive(true)?;
    easy.connect_timeout(http.connect_timeout)?;
    easy.timeout(http.timeout)?;
    easy.ssl_verify_peer(http.tls.verify)?;
    easy.ssl_verify_host(http.tls.verify)?;
    if let Some(path) = &http.tls.ca_file {
        easy.cainfo(path)?;
    }
    easy.verbose(http.verbose)?;
    Ok(easy)
}

fn work(http: &Http, shared: &Shared, outlet: &Outlet, log_file: CurlLog) {
    let mut easy = match connection(http, log_file.clone()) {
        Ok(easy) => easy,
        Err(e) => {
            log::error(format_args!("output {}: libcurl can't be set up: {e}", shared.name));
            return;
        }
    };
    while let Some(document) = outlet.pop() {
        if shared.is_aborted() {
            return;
        }
        if shared.reopen.swap(false, Ordering::AcqRel)
            && let Some(log_file) = &log_file
        {
            log_file.reopen();
        }
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let why = match post(&mut easy, &document) {
                Ok(()) => {
                    count(&shared.counters.delivered);
                    break;
                }
                Err(why) => why,
            };
            if attempt >= http.attempts {
                count(&shared.counters.lost_refused);
                let tried = if attempt == 1 { "once".to_string() } else { format!("{attempt} times") };
                shared.refused.lost(&format!("{}: {why}, tried {tried}", http.shown_url()));
                break;
            }
            if !shared.pause(pause) {
                // Neither delivered nor given up: counted with what is left at the end.
                return;
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
            attempt += 1;
        }
    }
}

/// Posts one document; an error says why it isn't delivered.
fn post(easy: &mut Easy2<Answer>, document: &[u8]) -> Result<(), String> {
    easy.get_mut().quoted.clear();
    let status = easy.post_fields_copy(document).and_then(|()| easy.perform()).and_then(|()| easy.response_code());
    match status {
        Ok(200..=299) => Ok(()),
        Ok(status) => {
            let answer = String::from_utf8_lossy(&easy.get_ref().quoted);
            let answer = answer.trim();
            Err(if answer.is_empty() { format!("status {status}") } else { format!("status {status}: {answer}") })
        }
        Err(e) => {
            let status = match easy.response_code() {
                Ok(0) | Err(_) => String::new(),
                Ok(status) => format!(" after status {status}"),
            };
            Err(format!("{}{status}", e.extra_description().unwrap_or_else(|| e.description())))
        }
    }
}
