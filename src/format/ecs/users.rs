//! The accounts of an event: the actor, the account that it acts as, and the account that it changes.

use super::{
    fields::KnownField,
    gather::{Gather, is_id},
    label::write_label,
    normalization::Accounts,
    object::Objects,
    summary::Summary,
};
use crate::{
    buffer::{self, give_back},
    event::{is_unset, unquoted},
};

/// A piece of [`Users::text`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Piece(usize, usize);

/// The number and the name of an account or a group, as far as they are known.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Who {
    id: Piece,
    name: Piece,
}

/// A user's account and its group.
#[derive(Clone, Copy, Default)]
struct Member {
    user: Who,
    group: Who,
}

/// All accounts of one event.
#[derive(Default)]
pub(super) struct Users {
    text: Vec<u8>,
    real: Member,
    effective: Member,
    saved: Member,
    filesystem: Member,
    audit: Who,
    target: Who,
    group: Who,
}

impl Users {
    fn get(&self, piece: Piece) -> &[u8] {
        self.text.get(piece.0..piece.1).unwrap_or_default()
    }

    fn keep(&mut self, bytes: &[u8]) -> Piece {
        let start = self.text.len();
        self.text.extend_from_slice(bytes);
        Piece(start, self.text.len())
    }

    /// Finds all accounts. `summary` names the actors and the object.
    pub(super) fn gather(&mut self, gather: &mut Gather, summary: &Summary) {
        give_back(&mut self.text, buffer::WORDS);
        *self = Self { text: std::mem::take(&mut self.text), ..Self::default() };
        let member = |users: &mut Self, gather: &mut Gather, user, group| Member {
            user: users.who(gather, user),
            group: users.who(gather, group),
        };
        self.real = member(self, gather, KnownField::Uid, KnownField::Gid);
        self.effective = member(self, gather, KnownField::Euid, KnownField::Egid);
        self.saved = member(self, gather, KnownField::Suid, KnownField::Sgid);
        self.filesystem = member(self, gather, KnownField::Fsuid, KnownField::Fsgid);
        self.audit = self.who(gather, KnownField::Auid);
        self.accounts(gather, summary);
        if self.is_same(self.effective.user, self.real.user) {
            self.effective.user = Who::default();
        }
        if self.is_same(self.effective.group, self.real.group) {
            self.effective.group = Who::default();
        }
    }

    fn who(&mut self, gather: &mut Gather, slot: KnownField) -> Who {
        let Some(found) = gather.found.get(slot) else { return Who::default() };
        let text = unquoted(found.place.text());
        if is_unset(text) {
            return Who::default();
        }
        let id = self.keep(text);
        let start = self.text.len();
        gather.name_of(found, &mut self.text);
        Who { id, name: Piece(start, self.text.len()) }
    }

    /// Sets the accounts of logins, sessions and account changes. In these events `user` is the actor, if it is known.
    fn accounts(&mut self, gather: &mut Gather, summary: &Summary) {
        let accounts = gather.view.normal.accounts;
        if accounts == Accounts::None {
            return;
        }
        let (uid, euid) = (self.real.user, self.effective.user);
        let actor = self.account(gather, summary.actor());
        let actor2 = self.account(gather, summary.actor2());
        let object = self.account(gather, summary.object());
        self.real.user = actor;
        match accounts {
            Accounts::None => (),
            Accounts::Login => self.effective.user = actor2,
            Accounts::NewLogin => self.effective.user = object,
            Accounts::OfUser => (self.effective.user, self.target) = (actor2, object),
            Accounts::OfGroup => self.effective.user = actor2,
            Accounts::ByUser => (self.effective.user, self.target) = (uid, actor2),
            Accounts::ByUserOfGroup => self.effective.user = uid,
        }
        self.named_group(gather, matches!(accounts, Accounts::OfGroup | Accounts::ByUserOfGroup));
        // The process' own users go to `auditd.data` if they have lost their places.
        let is_told = |own: Who| [self.real, self.effective].iter().any(|m| self.get(m.user.id) == self.get(own.id));
        if !is_told(uid)
            && let Some(found) = gather.found.get(KnownField::Uid)
        {
            gather.data(found);
        }
        if euid != Who::default()
            && !self.is_same(euid, uid)
            && !is_told(euid)
            && let Some(found) = gather.found.get(KnownField::Euid)
        {
            gather.data(found);
        }
    }

    /// Sets the group that the record names. shadow-utils writes it in `grp`, and the member that is added or removed in
    /// `acct`. In records about groups alone (`is_about_group`), `id` is the group's, and without `grp` so is `acct`.
    fn named_group(&mut self, gather: &mut Gather, is_about_group: bool) {
        let group = self.looked_up(gather, b"grp");
        self.group.name = group.unwrap_or_default();
        if !is_about_group {
            return;
        }
        if let Some(account) = self.looked_up(gather, b"acct") {
            let who = if group.is_some() { &mut self.target } else { &mut self.group };
            who.name = account;
        }
        let Some(id) = self.looked_up(gather, b"id") else { return };
        let text = self.get(id).to_vec();
        if is_id(&text) && !is_unset(&text) {
            self.group.id = id;
            if self.get(self.group.name).is_empty() {
                // libauparse knows that it is a group's id.
                let start = self.text.len();
                gather.meaning_of(b"id", &text, &mut self.text);
                self.group.name = Piece(start, self.text.len());
            }
        }
    }

    /// Keeps the value of a field as `auditd.data` shows it.
    fn looked_up(&mut self, gather: &mut Gather, name: &[u8]) -> Option<Piece> {
        let mut piece = None;
        gather.lookup(name, |value| piece = Some(self.keep(value)));
        piece
    }

    /// Reads an account from its id or its name. The name of an id is known if the ids found so far or the field `id`
    /// have it.
    fn account(&mut self, gather: &mut Gather, text: &[u8]) -> Who {
        if text.is_empty() || is_unset(text) {
            return Who::default();
        }
        if !text.iter().all(u8::is_ascii_digit) {
            return Who { name: self.keep(text), ..Who::default() };
        }
        let known = [self.audit, self.real.user];
        if let Some(known) = known.into_iter().find(|who| self.get(who.id) == text) {
            return known;
        }
        let mut name = Vec::new();
        gather.meaning_of(b"id", text, &mut name);
        Who { id: self.keep(text), name: self.keep(&name) }
    }

    /// True when both are the same account, as far as is known.
    fn is_same(&self, a: Who, b: Who) -> bool {
        match (self.get(a.id), self.get(b.id)) {
            (b"", b"") => self.get(a.name) == self.get(b.name),
            (a, b) => a == b,
        }
    }

    fn write_who(&self, objects: &mut Objects, who: Who) {
        objects.some("id", self.get(who.id));
        objects.some("name", self.get(who.name));
    }

    fn write_member(&self, objects: &mut Objects, name: &str, member: Member) {
        let opened = objects.open(name);
        self.write_who(objects, member.user);
        self.write_group(objects, member.group);
        objects.close(opened);
    }

    fn write_group(&self, objects: &mut Objects, who: Who) {
        let group = objects.open("group");
        self.write_who(objects, who);
        objects.close(group);
    }

    /// Writes `user` and `group`. `subject` is the security label of the process.
    pub(super) fn write(&self, objects: &mut Objects, subject: &[u8]) {
        let user = objects.open("user");
        self.write_who(objects, self.real.user);
        self.write_group(objects, self.real.group);
        self.write_member(objects, "effective", self.effective);
        self.write_member(objects, "saved", self.saved);
        self.write_member(objects, "filesystem", self.filesystem);
        self.write_member(objects, "audit", Member { user: self.audit, group: Who::default() });
        self.write_member(objects, "target", Member { user: self.target, group: Who::default() });
        write_label(objects, subject);
        objects.close(user);
        self.write_group(objects, self.group);
    }

    /// The names of all users, or the ids of users without a name. Sorted, without duplicates.
    pub(super) fn related(&self) -> Vec<&[u8]> {
        let members = [self.real, self.effective, self.saved, self.filesystem];
        let all = members.map(|member| member.user).into_iter().chain([self.audit, self.target]);
        let named = |who: Who| if self.get(who.name).is_empty() { self.get(who.id) } else { self.get(who.name) };
        let mut names: Vec<&[u8]> = all.map(named).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
