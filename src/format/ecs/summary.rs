//! `auditd.summary`: the actor, the object and the means in a few words, as in the reference.

use super::{fields::KnownField, file, gather::Gather, normalization::Object, object::Objects};
use crate::{
    address::Address,
    buffer::{self, give_back},
    event::{is_unset, unquoted},
};

/// Interpreters. For these, `comm` names the script that runs.
const INTERPRETERS: [&[u8]; 4] = [b"/usr/bin/python", b"/usr/bin/sh", b"/usr/bin/bash", b"/usr/bin/perl"];

/// The words of one event.
#[derive(Default)]
pub(super) struct Summary {
    actor: Vec<u8>,
    actor2: Vec<u8>,
    what: &'static str,
    object: Vec<u8>,
    object2: Vec<u8>,
    how: Vec<u8>,
}

impl Summary {
    pub(super) fn actor(&self) -> &[u8] {
        &self.actor
    }

    pub(super) fn actor2(&self) -> &[u8] {
        &self.actor2
    }

    pub(super) fn object(&self) -> &[u8] {
        &self.object
    }

    /// Finds the words. `path` is the PATH record of the event's object.
    pub(super) fn gather(&mut self, gather: &mut Gather, path: Option<usize>) {
        for words in [&mut self.actor, &mut self.actor2, &mut self.object, &mut self.object2, &mut self.how] {
            give_back(words, buffer::WORDS);
        }
        let normal = gather.view.normal;
        let auid = unquoted(gather.found.text(KnownField::Auid));
        self.actor.extend_from_slice(if is_unset(auid) { b"unset" } else { auid });
        self.actor2.extend_from_slice(unquoted(gather.found.text(KnownField::Uid)));
        self.how(gather);
        self.what = "";
        match normal.object {
            Object::Named(what) => self.what = what,
            Object::Path(what, _) => {
                self.what = what;
                if let Some(path) = path {
                    self.path(gather, path);
                }
            }
            Object::Socket => {
                self.what = "socket";
                match &gather.found.address {
                    Some(Address::Internet(host, port)) => {
                        self.object = host.to_string().into_bytes();
                        self.object2 = port.to_string().into_bytes();
                    }
                    Some(Address::Unix(path)) => self.object.extend_from_slice(path),
                    None => (),
                }
            }
        }
        for (names, words) in [
            (normal.actor, &mut self.actor),
            (normal.actor2, &mut self.actor2),
            (normal.primary, &mut self.object),
            (normal.secondary, &mut self.object2),
            (normal.how, &mut self.how),
        ] {
            first_of(gather, names, words);
        }
    }

    fn how(&mut self, gather: &mut Gather) {
        if !gather.interpreted(KnownField::Exe, &mut self.how) && !gather.interpreted(KnownField::Comm, &mut self.how) {
            return;
        }
        if INTERPRETERS.iter().any(|interpreter| self.how.starts_with(interpreter)) {
            let len = self.how.len();
            if gather.interpreted(KnownField::Comm, &mut self.how) {
                self.how.drain(..len);
            }
        }
    }

    fn path(&mut self, gather: &mut Gather, number: usize) {
        let event = gather.view.event;
        gather.path_name(number, &mut self.object);
        // The reference treats every valid mode as a file's.
        if event.value(&event.records()[number], b"mode").is_some_and(|mode| file::mode(mode).is_some()) {
            self.what = "file";
        }
    }

    pub(super) fn write(&self, objects: &mut Objects) {
        let summary = objects.open("summary");
        let actor = objects.open("actor");
        objects.some("primary", &self.actor);
        objects.some("secondary", &self.actor2);
        objects.close(actor);
        let object = objects.open("object");
        objects.some("type", self.what.as_bytes());
        objects.some("primary", &self.object);
        objects.some("secondary", &self.object2);
        objects.close(object);
        objects.some("how", &self.how);
        objects.close(summary);
    }
}

/// Replaces the words by the value of the first of these fields that the event has.
fn first_of(gather: &mut Gather, names: &[&str], words: &mut Vec<u8>) {
    for name in names {
        // An account that the record leaves open is nobody. It isn't the user of the program that wrote the record.
        if *name == "uid" && gather.view.has_unknown_account() {
            return words.clear();
        }
        let found = gather.lookup(name.as_bytes(), |value| {
            words.clear();
            let is_unset = matches!(*name, "auid" | "old-auid") && is_unset(value);
            words.extend_from_slice(if is_unset { b"unset" } else { value });
        });
        if found {
            return;
        }
    }
}
