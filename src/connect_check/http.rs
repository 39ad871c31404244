//! An HTTP server. It is asked with HEAD, which sends no event and changes nothing.

use super::{
    Report, Verdict,
    remedy::{described, login, steps},
};
use crate::{
    config::{Http, HttpClient},
    sink::{Failure, Requester},
};
use std::{io, time::Duration};

/// The limit for one request: connecting and the answer.
pub(super) fn limit(client: &HttpClient) -> Duration {
    client.timeout.min(client.connect_timeout.saturating_mul(2))
}

/// Checks the server of an output.
pub(super) fn check(http: &Http, report: &mut Report) -> io::Result<()> {
    let (shown, client) = (http.shown_url(), &http.client);
    let mut requester = match Requester::new(report.output, client, &[http.shown_url()]) {
        Ok(requester) => requester.within(limit(client)),
        Err(e) => return report.failed(&shown, &e.to_string()),
    };
    match requester.head(&http.url) {
        Ok(status) => {
            let steps = steps(&http.url, requester.reached().as_ref(), client);
            let (verdict, meaning) = meaning(status, client);
            report.line(verdict, &shown, &format!("{steps}, HEAD: status {status}: {meaning}"))
        }
        Err(Failure::Failed(why, stage)) => report.failed(&shown, &described(stage, &why, "url")),
        Err(Failure::Aborted) => report.failed(&shown, "given up"),
    }
}

/// What the answer to HEAD says about POST.
fn meaning(status: u32, client: &HttpClient) -> (Verdict, String) {
    match status {
        200..=299 => (Verdict::Ok, "reached, and not refused".into()),
        300..=399 => (
            Verdict::Unsure,
            "reached; the server leads elsewhere, and auship doesn't follow: check url if events are refused".into(),
        ),
        401 => (Verdict::Failed, login(client, "bearer_file")),
        403 => (Verdict::Failed, "the server lets this client in, but not to this url: check url and the login".into()),
        407 => (Verdict::Failed, "the proxy wants a login: put user and password into proxy".into()),
        404 | 410 => (
            Verdict::Unsure,
            "reached; the path in url is unknown, or only known for POST; that can't be checked without an event"
                .into(),
        ),
        429 => (Verdict::Unsure, "reached; the server is too busy at present".into()),
        405 | 501 => (
            Verdict::Unsure,
            "reached; the server doesn't answer HEAD, so only an event would tell whether it takes events".into(),
        ),
        400..=499 => (Verdict::Unsure, "reached; only an event would tell whether the server takes them".into()),
        _ => (Verdict::Failed, "the server, or a proxy before it, doesn't work: see its log".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sink, parse};
    use std::path::Path;

    #[test]
    fn answers_are_understood() {
        let text = "[output:x]\ntype = http\nurl = http://localhost/\n";
        let client = match parse(Path::new("x"), text).ok().and_then(|mut config| config.outputs.pop()) {
            Some(crate::config::Output { sink: Sink::Http(http), .. }) => http.client,
            _ => return assert!(text.is_empty(), "the configuration is good"),
        };
        for (verdicts, statuses) in [
            (Verdict::Ok, &[200, 204][..]),
            (Verdict::Unsure, &[301, 404, 405, 501, 400, 415, 429]),
            (Verdict::Failed, &[401, 403, 407, 500, 503]),
        ] {
            for status in statuses {
                assert_eq!(meaning(*status, &client).0, verdicts, "{status}");
            }
        }
        assert!(meaning(401, &client).1.contains("set user and password_file, or bearer_file"));
    }
}
