//! What `auship check` prints: the configuration in effect, as a file that says the same.

use super::{Config, Sink, Source, ini, sink_type, values};
use crate::format::mozdef::Details;
use std::fmt;

/// A value as a file must have it: quoted where that keeps something.
fn show_text(text: &str) -> String {
    let (sections, _) = ini::read(&format!("k = {text}"));
    let reads_back = sections[0].entries.first().is_some_and(|e| e.value == text);
    if reads_back { text.to_string() } else { format!("\"{text}\"") }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let yes = |b| if b { "yes" } else { "no" };
        writeln!(f, "shutdown_timeout = {}\n", values::show_time(self.shutdown_timeout))?;
        let Source::Stdin = self.source;
        writeln!(f, "[input]\nsource = stdin")?;
        for output in &self.outputs {
            writeln!(f, "\n[output:{}]", output.name)?;
            writeln!(f, "type = {}", sink_type(Some(&output.sink)))?;
            match &output.sink {
                Sink::Http(http) => {
                    writeln!(f, "url = {}", show_text(&http.shown_url()))?;
                    writeln!(f, "ssl_verify = {}", yes(http.verify))?;
                    if let Some(path) = &http.ca_file {
                        writeln!(f, "curl_cainfo = {}", show_text(&path.display().to_string()))?;
                    }
                    writeln!(f, "curl_verbose = {}", yes(http.verbose))?;
                    if let Some(path) = &http.log_file {
                        writeln!(f, "curl_logfile = {}", show_text(&path.display().to_string()))?;
                    }
                    writeln!(f, "workers = {}", http.workers)?;
                    writeln!(f, "connect_timeout = {}", values::show_time(http.connect_timeout))?;
                    writeln!(f, "timeout = {}", values::show_time(http.timeout))?;
                    writeln!(f, "attempts = {}", http.attempts)?;
                }
                Sink::File(path) => writeln!(f, "path = {}", show_text(&path.display().to_string()))?,
                Sink::Stdout => (),
            }
            writeln!(f, "format = mozdef")?;
            writeln!(f, "program_name = {}", show_text(&output.format.program_name))?;
            let details = match output.format.details {
                Details::Full => "full",
                Details::Classic => "classic",
            };
            writeln!(f, "details = {details}")?;
            writeln!(f, "skip_empty_execve = {}", yes(output.format.skip_empty_execve))?;
            writeln!(f, "prepend_msg = {}", show_text(&output.prepend_msg))?;
            writeln!(f, "postpend_msg = {}", show_text(&output.postpend_msg))?;
            writeln!(f, "ring_slots = {}", output.ring.slots)?;
            writeln!(f, "ring_bytes = {}", values::show_size(output.ring.bytes))?;
            writeln!(f, "max_wait = {}", values::show_time(output.ring.max_wait))?;
        }
        Ok(())
    }
}
