//! The dead-letter file. It holds the documents that the server will never take, one JSON object a line, with the
//! reason for each.

use super::file;
use crate::{atomic_file, config, document::Document, format::json, lock::locked, time::rfc3339};
use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Mutex,
};
use time::OffsetDateTime;

/// The dead-letter file of an output.
#[derive(Debug)]
pub(super) struct DeadLetters {
    output: String,
    path: Option<PathBuf>,
    limit: u64,
    /// Documents are plain JSON: no text is configured before or after them.
    plain: bool,
    /// Held while a line is written, so that lines don't mix.
    writing: Mutex<()>,
}

impl DeadLetters {
    /// Takes the settings from an output's configuration.
    pub(super) fn new(config: &config::Output) -> Self {
        Self {
            output: config.name.clone(),
            path: config.queue.dead_letter_file.clone(),
            limit: config.queue.dead_letter_limit,
            plain: config.prepend_msg.is_empty() && config.postpend_msg.is_empty(),
            writing: Mutex::new(()),
        }
    }

    /// The path of the file, if one is configured.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }

    fn line(&self, document: &[u8], why: &str) -> Vec<u8> {
        let time = rfc3339(OffsetDateTime::now_utc());
        let mut line = Vec::with_capacity(document.len() + 200);
        line.extend_from_slice(format!("{{\"time\":\"{time}\",\"output\":").as_bytes());
        json::string(&mut line, self.output.as_bytes());
        line.extend_from_slice(b",\"why\":");
        json::string(&mut line, why.as_bytes());
        line.extend_from_slice(b",\"document\":");
        // A document in the spool may come from another configuration, and have text around it.
        if self.plain && serde_json::from_slice::<serde::de::IgnoredAny>(document).is_ok() {
            line.extend_from_slice(document);
        } else {
            json::string(&mut line, document);
        }
        line.extend_from_slice(b"}\n");
        line
    }

    /// Writes a document and why it can't be delivered. When somebody waits for its outcome it is on the disk
    /// afterwards.
    ///
    /// # Errors
    /// When no file is configured, the file is at its limit, or the disk refuses. The document is lost then.
    pub(super) fn write(&self, document: &Document, why: &str) -> io::Result<()> {
        let path = self.path.as_ref().ok_or_else(|| io::Error::other("there is no dead_letter_file"))?;
        let line = self.line(&document.body, why);
        let _one = locked(&self.writing);
        let mut file = file::open(&config::File::new(path.clone()))?;
        let size = file.metadata()?.len();
        if size + line.len() as u64 > self.limit {
            return Err(io::Error::other("dead_letter_limit is reached"));
        }
        file.write_all(&line).inspect_err(|_| {
            // Half a line would spoil the next one.
            let _ = file.set_len(size);
        })?;
        if document.receipt.is_some() {
            file.sync_data()?;
            // A new file's name too.
            path.parent().map_or(Ok(()), atomic_file::sync_dir)?;
        }
        Ok(())
    }
}
