//! The confinement of `auship run`: after its start the process gives up everything that its configuration doesn't need.
//!
//! The records that it reads are written by attackers, and a fault in a C library could let one of them in. So the process
//! becomes an ordinary user, drops capabilities, and restricts itself with Landlock and seccomp. Each part works alone. A
//! kernel that lacks one of them gets a message, and the others apply.
//!
//! | file | contents |
//! |---|---|
//! | `paths.rs` | the files and directories that may be used: those of the configuration and of the system's libraries |
//! | `user.rs` | the user, his groups and his directories |
//! | `privileges.rs` | the capabilities that the configuration needs, with the reasons |
//! | `files.rs` | Landlock: files and TCP ports |
//! | `syscalls.rs` | seccomp: system calls |
//! | `trust.rs` | where paths lead, and who could lead them elsewhere |

mod files;
mod paths;
mod privileges;
mod syscalls;
mod trust;
mod user;

use crate::{
    config::{Config, used_paths},
    log::{self, Level},
};
use paths::Rules;
use std::{fmt, path::Path};

/// What a running process may do.
#[derive(Debug)]
pub struct Confinement {
    /// The rules of Landlock, if they are enforced.
    rules: Option<Rules>,
    messages: Vec<(Level, String)>,
}

impl Confinement {
    /// Confines this process. `path` is the path of its configuration.
    ///
    /// It must have no other thread yet: the kernel keeps most of this for each thread, and new ones inherit it. Messages
    /// are kept until [`Confinement::report`], because the log has a thread.
    pub fn start(path: &Path, config: &Config) -> Self {
        let settings = &config.confine;
        let used = used_paths(config);
        let mut done = Self { rules: None, messages: Vec::new() };
        done.keep(user::create_log_dir(&used));
        let account = done.keep(settings.run_as.as_deref().map_or(Ok(None), user::find)).flatten();
        if let Some(account) = &account {
            user::prepare(account, &used).into_iter().for_each(|what| done.warn(what));
        }
        // The rules are made of open directories, so that the user needs no access to the directories above them.
        let who = account.as_ref().map_or_else(user::who, user::Account::who);
        let rules = Rules::new(path, config, &used, &who);
        let ruleset = if settings.landlock { done.keep(files::prepare(&rules)) } else { None };
        let changed = account.and_then(|account| done.keep(user::become_user(&account)).map(|()| account));
        let name = changed.as_ref().map_or_else(user::current, |account| format!("user {}", account.name));
        let mut parts = vec![name.clone()];
        if settings.drop_capabilities || changed.is_some() {
            let found = privileges::needs(path, config, &used, &name, &user::who());
            parts.extend(done.keep(privileges::keep_only(&found.needs, settings.drop_capabilities)));
            found.needs.iter().for_each(|need| done.warn(need));
            found.obstacles.iter().for_each(|obstacle| done.warn(obstacle));
        }
        done.keep(privileges::hide_memory());
        if settings.no_new_privileges && done.keep(privileges::no_new()).is_some() {
            parts.push("no new privileges".into());
        }
        if let Some(enforced) = ruleset.and_then(|ruleset| done.keep(files::enforce(ruleset, &rules))) {
            parts.push(enforced);
            done.rules = Some(rules);
        }
        if settings.seccomp {
            parts.extend(done.keep(syscalls::restrict()));
        }
        done.messages.push((Level::Info, format!("confined: {}", parts.join(", "))));
        done
    }

    /// Logs what was done, and what could not be done.
    pub fn report(&mut self) {
        self.messages.drain(..).for_each(|(level, message)| log::message(level, message));
    }

    /// Why this process can't use a new configuration in place of the old one: it gave up what that one needs.
    pub fn refuses(&self, path: &Path, old: &Config, new: &Config) -> Option<String> {
        let mut used = used_paths(new);
        let rules = Rules::new(path, new, &used, &user::who());
        let lack = self.rules.as_ref().and_then(|allowed| allowed.lacks(&rules)).map(|lack| lack.to_string());
        let known = used_paths(old);
        used.retain(|used| known.iter().all(|known| (&known.path, known.access) != (&used.path, used.access)));
        let lacks = lack.or_else(|| Some(used.iter().find_map(privileges::out_of_reach)?.display().to_string()))?;
        Some(format!(
            "it needs {lacks}, which this process gave up at its start; restart the plugin, or see [confine] in \
             auship.conf(5)"
        ))
    }

    fn warn(&mut self, what: impl fmt::Display) {
        self.messages.push((Level::Warning, format!("confine: {what}")));
    }

    /// The value, or none and a warning.
    fn keep<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|what| self.warn(what)).ok()
    }
}
