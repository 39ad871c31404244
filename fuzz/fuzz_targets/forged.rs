//! Text of users in the records whose writers don't encode it. Whatever the text is, the other fields of the document are
//! those of the same record with a harmless text, and the field has the text as it is.
#![no_main]

use auship::internals::{
    Context, Host, Parser, Receipt, config,
    document::Document,
    event::{Event, Events},
    format::{Format, Written},
};
use serde_json::{Map, Value};

/// A record before and after the text, the key of the text in `details`, and the longest text.
type Record = (&'static str, &'static str, &'static str, usize);

const RECORDS: [Record; 10] = [
    (
        "USER_AVC msg=audit(1700000001.000:1): pid=1 uid=0 msg='avc:  denied  { x } for auid=1 uid=1 gid=1 cmdline=\"",
        "\" function=\"f\" scontext=a tcontext=b tclass=c permissive=0  exe=\"/s\" sauid=0 hostname=? addr=? terminal=?'",
        "cmdline",
        800,
    ),
    (
        "NETFILTER_CFG msg=audit(1700000001.000:1): table=T",
        ":5 family=2 entries=1 op=nft_register_table pid=7 subj=unconfined comm=\"nft\"",
        "table",
        200,
    ),
    (
        "CHGRP_ID msg=audit(1700000001.000:1): pid=1 uid=0 msg='op=changing new-group=G",
        "G id=1000 exe=\"/n\" hostname=? addr=? terminal=pts/0 res=failed'",
        "new-group",
        60,
    ),
    (
        "USER_LOGIN msg=audit(1700000001.000:1): pid=1 uid=0 msg='acct=A",
        "A exe=\"/gdm\" hostname=? addr=? terminal=? res=failed'",
        "acct",
        500,
    ),
    (
        "USER msg=audit(1700000001.000:1): pid=1 uid=0 msg='text=T",
        "T exe=\"/auditctl\" hostname=? addr=? terminal=? res=success'",
        "text",
        500,
    ),
    (
        "USER_AUTH msg=audit(1700000001.000:1): pid=1 uid=0 msg='op=PAM:auth acct=\"a\" exe=\"/ftp\" hostname=H",
        "H addr=192.0.2.1 terminal=ftp res=failed'",
        "hostname",
        500,
    ),
    (
        "SYSCALL msg=audit(1700000001.000:1): arch=c000003e syscall=1 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=0 \
         ppid=1 pid=2 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=x ses=1 comm=\"c\" exe=\"/e\" subj=P",
        "P key=\"k\"",
        "subj",
        200,
    ),
    ("DM_CTRL msg=audit(1700000001.000:1): module=m op=ctr dev=254:1 error_msg='E", "E' res=1", "error_msg", 200),
    (
        "USER_ROLE_CHANGE msg=audit(1700000001.000:1): pid=1 uid=0 msg='cron: bad range acct=a new_scontext=u:S",
        "S old_scontext=u:r exe=\"/crond\" hostname=? addr=? terminal=? res=failed'",
        "new_scontext",
        200,
    ),
    (
        "AVC msg=audit(1700000001.000:1): apparmor=\"DENIED\" operation=\"userns_create\" pid=7 comm=\"x\" execpath=\"",
        "\"",
        "execpath",
        200,
    ),
];

struct Details(Format, Option<Map<String, Value>>);

impl Events for Details {
    fn event(&mut self, mut event: Event<'_, '_>, _receipt: Option<Receipt>) {
        let mut document = Document::default();
        if self.0.write(&mut event, &Context::default(), &mut document) != Written::Skipped {
            let mut document: Value = serde_json::from_slice(&document.body).expect("documents are JSON");
            assert!(self.1.is_none(), "one record is one document");
            self.1 = document["details"].as_object_mut().map(std::mem::take);
        }
    }
}

/// The details of the record with a text in it, without the text.
fn details(record: &Record, text: &[u8]) -> (Map<String, Value>, Option<Value>) {
    let host = Host { name: "host".into(), ..Host::default() };
    let format = config::Format::MozDef(config::MozDef::default());
    let mut details = Details(Format::new(&format, &host), None);
    let log = [b"type=", record.0.as_bytes(), text, record.1.as_bytes(), b"\n"].concat();
    let mut parser = Parser::new().expect("there is memory");
    parser.feed(&log, &mut details).expect("there is memory");
    parser.finish(&mut details).expect("there is memory");
    let mut found = details.1.unwrap_or_default();
    let value = found.remove(record.2);
    found.remove(&format!("{}_hex", record.2));
    (found, value)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, text)) = data.split_first() else { return };
    let record = &RECORDS[usize::from(*first) % RECORDS.len()];
    // The kernel and auditd leave none of these in a line.
    // Separators count as they are shown: systemd's record may have been cut if it is that long.
    let shown = text.len() + 3 * text.iter().filter(|byte| **byte == 0x1d).count();
    if shown > record.3 || text.iter().any(|byte| matches!(byte, 0 | b'\n')) {
        return;
    }
    // Where a host has an address in it, nobody can tell which one is libaudit's. Then none is stated.
    if record.2 == "hostname" && text.windows(6).any(|part| part == b" addr=") {
        return;
    }
    let (usual, _) = details(record, b"x");
    let (found, value) = details(record, text);
    assert_eq!(found, usual, "{}", String::from_utf8_lossy(text));
    let Some(Value::String(value)) = value else { panic!("{} is gone: {}", record.2, String::from_utf8_lossy(text)) };
    if let Ok(text) = str::from_utf8(text) {
        // The byte that separates what auditd appends stands for itself only where auditd wrote it.
        let text = text.replace('\x1d', "\\x1d");
        assert!(value.contains(&text), "{value:?} isn't {text:?}");
    }
});
