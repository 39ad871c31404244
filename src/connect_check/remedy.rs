//! What to do about an error. The texts that are looked for are those of OpenSSL (`X509_verify_cert_error_string` and
//! its reasons), of libcurl and of the C library.

use crate::{
    config::{Credentials, HttpClient},
    net::UrlParts,
    sink::{Reached, Stage},
};

/// What a step is called.
fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Preparation => "preparation",
        Stage::Lookup => "DNS",
        Stage::Connection => "TCP",
        Stage::Tls => "TLS",
        Stage::Answer => "answer",
    }
}

/// An error, the step at which it came, and what to do. `address` is the key that holds the server's address.
pub(super) fn described(stage: Stage, why: &str, address: &str) -> String {
    let remedy = remedy(stage, why, address);
    let end = if remedy.is_empty() { "" } else { "; " };
    format!("{}: {}{end}{remedy}", name(stage), why.trim_end_matches('.'))
}

/// What to do about an error; empty if the error says it.
fn remedy(stage: Stage, why: &str, address: &str) -> String {
    let why = why.to_ascii_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| why.contains(text));
    let timed_out = has(&["timed out", "timeout", "no connection within", "no tls handshake within"]);
    if stage == Stage::Preparation {
        String::new()
    } else if has(&["connect tunnel failed", "proxy connect aborted"]) {
        "the proxy refuses: check proxy".into()
    } else if stage == Stage::Lookup {
        format!("check the name in {address}, and whether this host can look up names (getent hosts NAME)")
    } else if stage == Stage::Connection && has(&["refused"]) {
        format!("nothing listens there: start the server, or check host and port in {address}")
    } else if stage == Stage::Connection && timed_out {
        format!("a firewall may drop the packets, or the host is down: check host and port in {address}")
    } else if stage == Stage::Connection {
        format!("check host and port in {address}, and the way there")
    } else if let Some(remedy) = remedy_of_certificates(&why, address) {
        remedy
    } else if timed_out {
        "the server took the connection and says nothing: see its log".into()
    } else if stage == Stage::Answer {
        format!(
            "the server closed the connection: see its log; it may want https:// in {address}, or a certificate of this \
             client (set client_cert and client_key)"
        )
    } else {
        String::new()
    }
}

/// What to do about an error of TLS. Servers with TLS 1.3 refuse a client's certificate only after the handshake.
fn remedy_of_certificates(why: &str, address: &str) -> Option<String> {
    let has = |texts: &[&str]| texts.iter().any(|text| why.contains(text));
    Some(if has(&["certificate has expired"]) {
        "renew the server's certificate; if it is good, set this host's clock".into()
    } else if has(&["not yet valid"]) {
        "set this host's clock; if it is right, the server's certificate begins later".into()
    } else if has(&["local issuer", "self-signed", "self signed", "verify the first certificate"]) {
        "the CA isn't known here: set ca_cert to a PEM file with the certificate of the server's CA".into()
    } else if has(&["subject name", "hostname mismatch", "ip address mismatch", "does not match"]) {
        format!("the certificate is for another name: use a name in {address} that the certificate has")
    } else if has(&[
        "certificate required",
        "handshake failure",
        "bad certificate",
        "unknown ca",
        "certificate unknown",
    ]) {
        "the server may want another certificate of this client: set client_cert and client_key".into()
    } else if has(&["wrong version number", "packet length too long", "record layer failure", "unknown protocol"]) {
        format!("the server doesn't speak TLS there: check scheme and port in {address}")
    } else if has(&["protocol version", "unsupported protocol", "no protocols available"]) {
        "the server and this host have no version of TLS in common: update the server".into()
    } else {
        return None;
    })
}

/// The steps that a request went through.
pub(super) fn steps(url: &str, reached: Option<&Reached>, client: &HttpClient) -> String {
    let Some(reached) = reached else { return "no connection".into() };
    let host = UrlParts::of(url).authority;
    let is_address =
        host.starts_with('[') || host.split(':').next().is_some_and(|h| h.parse::<std::net::Ipv4Addr>().is_ok());
    let mut steps = Vec::new();
    if client.proxy.is_some() {
        steps.push("proxy".to_string());
    } else if !is_address {
        steps.push("DNS".to_string());
    }
    steps.push(format!("TCP to {}", reached.address));
    match (reached.tls, client.tls.verify) {
        (true, true) => steps.push("TLS".into()),
        (true, false) => steps.push("TLS (not verified: ssl_verify = no)".into()),
        (false, _) => (),
    }
    steps.join(", ")
}

/// What to do when the server doesn't accept this client's login (401). `token` is the key of the other kind of secret.
pub(super) fn login(client: &HttpClient, token: &str) -> String {
    match &client.login {
        None => format!("the server wants a login: set user and password_file, or {token}"),
        Some(Credentials::Basic(user, secret)) => {
            format!(
                "the server doesn't accept user {user} with the password in {}: check user and password_file",
                secret.0.display()
            )
        }
        Some(Credentials::Bearer(secret) | Credentials::ApiKey(secret)) => {
            format!("the server doesn't accept the secret in {}: check {token}", secret.0.display())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_have_a_way_out() {
        for (stage, why, way_out) in [
            (Stage::Lookup, "Could not resolve host: nowhere.invalid", "getent hosts"),
            (Stage::Connection, "Failed to connect to localhost port 1: Connection refused", "start the server"),
            (Stage::Connection, "Connection timed out after 5001 milliseconds", "firewall"),
            (Stage::Tls, "SSL certificate problem: certificate has expired", "renew"),
            (Stage::Tls, "SSL certificate problem: certificate is not yet valid", "clock"),
            (Stage::Tls, "SSL certificate problem: unable to get local issuer certificate", "set ca_cert"),
            (Stage::Tls, "SSL certificate problem: self-signed certificate in certificate chain", "set ca_cert"),
            (
                Stage::Tls,
                "SSL: no alternative certificate subject name matches target host name '127.0.0.1'",
                "a name in url",
            ),
            (Stage::Tls, "the receiver's certificate can't be trusted: hostname mismatch", "a name in url"),
            (Stage::Tls, "error:0A00010B:SSL routines::wrong version number", "scheme and port"),
            (Stage::Answer, "error:0A00045C:SSL routines::tlsv13 alert certificate required", "client_cert"),
            (Stage::Answer, "Operation timed out after 10001 milliseconds with 0 bytes received", "see its log"),
            (Stage::Answer, "Empty reply from server", "https://"),
            (Stage::Answer, "CONNECT tunnel failed, response 407", "check proxy"),
        ] {
            let said = described(stage, why, "url");
            assert!(said.contains(way_out), "{said}");
        }
        assert_eq!(described(Stage::Preparation, "can't read /x: gone", "url"), "preparation: can't read /x: gone");
    }
}
