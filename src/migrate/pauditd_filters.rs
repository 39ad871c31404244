//! The filters of pauditd and go-audit.
//!
//! They decide like this. A filter with `syscall` sees events with that number in their SYSCALL record. Of such an event
//! its pattern is matched against each record of `message_type`: record by record, and for each record in the order of
//! the file. The first match decides. A filter with `key` sees events whose SYSCALL record has exactly that one key. Its
//! pattern is matched against the texts of all records, joined without a space. An event is dropped if either kind drops
//! it. Only records from `events.min` to `events.max` are seen.
//!
//! In auship the first filter that matches an event decides. So no translation drops an event that the old program kept:
//!
//! - All filters with `keep` for a system call come before those with `drop`.
//! - A pattern for a key is matched against each record alone. It matches fewer events than the joined text, unless it
//!   looks at the beginning or the end. Such patterns are not translated.
//! - Where that could still drop more, the filter is named and left out.

use super::{
    convert::number_of,
    draft::can_be_written,
    go_regex,
    row::{Work, origin},
    setting::Setting,
};

/// The record types that may belong to an event of a system call, and that have no rule key of their own. The numbers
/// are those of linux/audit.h.
const RECORD_TYPES: [u64; 30] = [
    SYSCALL, 1302, 1303, 1304, 1306, 1307, 1309, 1310, 1311, 1312, 1313, 1314, 1315, 1316, 1317, 1318, 1319, 1321,
    1322, 1323, 1324, 1325, 1327, 1330, 1331, 1332, 1333, 1334, 1335, 1337,
];
/// The type of the record of a system call.
const SYSCALL: u64 = 1300;
/// Types that events without a SYSCALL record have too.
const ALSO_ALONE: [u64; 2] = [1326, 1327];
/// The type of the record that ends an event. Filters of pauditd don't see it.
const EOE: u64 = 1320;

/// A filter of the old configuration.
struct Filter {
    /// Its number, from 0.
    number: usize,
    /// One of its settings, for messages.
    any: Setting,
    syscall: Option<Setting>,
    message_type: Option<Setting>,
    key: Option<Setting>,
    regex: Option<Setting>,
    keep: bool,
}

/// A filter of the new configuration.
struct New {
    name: String,
    keys: Vec<(&'static str, String)>,
    setting: Setting,
}

/// Translates `filters`.
pub(super) fn translate(work: &mut Work) {
    let filters = collect(work);
    let mut keeps = Vec::new();
    let mut drops = Vec::new();
    let (by_syscall, by_key): (Vec<Filter>, Vec<Filter>) =
        filters.into_iter().partition(|filter| filter.syscall.is_some());
    // A filter that keeps, and that can't be translated, protected events from those that drop.
    let mut unprotected: Vec<String> = Vec::new();
    let (first, second): (Vec<&Filter>, Vec<&Filter>) = by_syscall.iter().partition(|filter| filter.keep);
    for filter in first {
        match syscall_filter(work, filter) {
            Ok(Some(new)) => keeps.push(new),
            Ok(None) => (),
            Err(what) => {
                unprotected.push(text_of(filter.syscall.as_ref()));
                name(work, filter, &what);
            }
        }
    }
    for filter in second {
        if unprotected.contains(&text_of(filter.syscall.as_ref())) {
            name(work, filter, "isn't translated, because a filter that keeps events of this system call can't be");
            continue;
        }
        match syscall_filter(work, filter) {
            Ok(new) => drops.extend(new),
            Err(what) => name(work, filter, &what),
        }
    }
    if !keeps.is_empty() {
        let setting = keeps[0].setting.clone();
        work.note(
            &setting,
            "filters that keep come first in the result; an event that they match is kept, also if another filter \
             dropped it before",
        );
    }
    let keyed = key_filters(work, &by_key);
    for new in keeps.into_iter().chain(drops).chain(keyed) {
        let origin = origin(&new.setting);
        let section = work.draft.section(&format!("filter:{}", new.name), &origin);
        for (key, value) in new.keys {
            section.set(key, &value, origin.clone());
        }
    }
}

fn text_of(setting: Option<&Setting>) -> String {
    setting.and_then(Setting::text).unwrap_or_default().to_string()
}

fn name(work: &mut Work, filter: &Filter, what: &str) {
    work.notes.push(super::row::Note {
        line: filter.any.line,
        key: format!("filters[{}]", filter.number),
        what: what.to_string(),
    });
}

/// The filters in the order of the file.
fn collect(work: &mut Work) -> Vec<Filter> {
    let mut filters: Vec<Filter> = Vec::new();
    for setting in work.settings.clone() {
        let [first, number, key] = &setting.path[..] else { continue };
        let Some(number) = number.strip_prefix('[').and_then(|n| n.strip_suffix(']')).and_then(|n| n.parse().ok())
        else {
            continue;
        };
        if first != "filters" {
            continue;
        }
        if filters.last().is_none_or(|last| last.number != number) {
            let any = setting.clone();
            filters.push(Filter {
                number,
                any,
                syscall: None,
                message_type: None,
                key: None,
                regex: None,
                keep: false,
            });
        }
        let Some(filter) = filters.last_mut() else { continue };
        match key.as_str() {
            "syscall" if setting.text().is_some_and(|text| !text.is_empty()) => filter.syscall = Some(setting),
            "message_type" => filter.message_type = Some(setting),
            "key" if setting.text().is_some_and(|text| !text.is_empty()) => filter.key = Some(setting),
            "regex" => filter.regex = Some(setting),
            "action" => match setting.text() {
                Some("keep") => filter.keep = true,
                Some("drop") => (),
                _ => {
                    work.note(&setting, "is neither drop nor keep, so the filter is taken for one that keeps");
                    filter.keep = true;
                }
            },
            _ => (),
        }
    }
    filters
}

/// The pattern in auship's form.
fn pattern(filter: &Filter) -> Result<String, String> {
    let regex = text_of(filter.regex.as_ref());
    if regex.is_empty() {
        return Err("has no regex, with which the old program doesn't start".into());
    }
    let pattern = go_regex::translate(&regex).map_err(|why| format!("regex {why}; write the filter by hand"))?;
    match can_be_written(&pattern) {
        true => Ok(pattern),
        false => {
            Err("regex has characters that can't stand in a configuration of auship; write the filter by hand".into())
        }
    }
}

/// The range of types that the old program sees.
fn seen(work: &Work) -> (u64, u64) {
    let number = |name: &str, default| work.get(name).and_then(|setting| number_of(&setting).ok()).unwrap_or(default);
    (number("events.min", 1300), number("events.max", 1399))
}

/// Translates a filter for a system call. Nothing is made of one that never matches.
fn syscall_filter(work: &mut Work, filter: &Filter) -> Result<Option<New>, String> {
    let syscall = text_of(filter.syscall.as_ref());
    let message_type =
        filter.message_type.as_ref().map(number_of).transpose().map_err(|what| format!("message_type {what}"))?;
    let (first, last) = seen(work);
    let number = syscall.parse::<u32>().ok().filter(|number| number.to_string() == syscall);
    let (Some(number), Some(message_type)) = (number, message_type.filter(|t| (first..=last).contains(t) && *t != EOE))
    else {
        let what = "never matched in the old program: syscall must be a number, and message_type one from events.min \
                    to events.max; left out";
        name(work, filter, what);
        return Ok(None);
    };
    if !filter.keep && ALSO_ALONE.contains(&message_type) {
        return Err(format!(
            "auship would drop events without a SYSCALL record too, because they may have a record of type \
             {message_type}; write the filter by hand"
        ));
    }
    if let Some(key) = &filter.key {
        work.note(key, "isn't used in a filter with syscall");
    }
    let mut keys = vec![];
    if filter.keep {
        keys.push(("action", "keep".to_string()));
    }
    keys.push(("syscall", number.to_string()));
    keys.push(("record_type", message_type.to_string()));
    keys.push(("regex", pattern(filter)?));
    Ok(Some(New { name: format!("old-{}", filter.number + 1), keys, setting: filter.any.clone() }))
}

/// Translates the filters for rule keys.
fn key_filters(work: &mut Work, filters: &[Filter]) -> Vec<New> {
    let mut made: Vec<New> = Vec::new();
    let mut kept: Vec<String> = Vec::new();
    let (first, last) = seen(work);
    let types: Vec<u64> = RECORD_TYPES.into_iter().filter(|t| (first..=last).contains(t)).collect();
    for filter in filters {
        let key = text_of(filter.key.as_ref());
        let result = key_filter(filter, &key, &kept, &types);
        if filter.keep {
            kept.push(key);
        }
        match result {
            Ok(new) => made.extend(new),
            Err(what) => name(work, filter, &what),
        }
    }
    made
}

fn key_filter(filter: &Filter, key: &str, kept: &[String], types: &[u64]) -> Result<Vec<New>, String> {
    if key.is_empty() {
        return Err("has neither syscall nor key, so it is for events without a SYSCALL record; auship can't name \
                    those, so it is left out"
            .into());
    }
    if filter.message_type.is_some() {
        return Err("never matched in the old program: message_type needs syscall; left out".into());
    }
    if !types.contains(&SYSCALL) {
        return Err(
            "never matched in the old program: events.min to events.max leave SYSCALL records out; left out".into()
        );
    }
    if filter.keep {
        return Err("is left out: nothing else in the result drops events of this key".into());
    }
    if kept.iter().any(|kept| kept == key) {
        return Err("comes after a filter that keeps events of this key. auship matches patterns in another way, so \
                    it could drop more; write both by hand"
            .into());
    }
    if key.contains(',') || key.trim() != key || !can_be_written(key) || key == "(null)" {
        return Err("has a key that can't stand in auship's list; write the filter by hand, with no_key = yes for \
                    (null)"
            .into());
    }
    let regex = pattern(filter)?;
    if go_regex::looks_around(&regex) {
        return Err("has a regex with ^, $ or \\b. The old program matches it against all records as one text, \
                    auship against each, so it could drop more; write the filter by hand"
            .into());
    }
    let number = filter.number + 1;
    let new = |name: String, keys: Vec<(&'static str, String)>| New { name, keys, setting: filter.any.clone() };
    let types: Vec<String> = types.iter().map(u64::to_string).collect();
    let types = types.join(", ");
    let key = || ("key", key.to_string());
    let keep = || ("action", "keep".to_string());
    Ok(vec![
        // The kernel writes several keys as one hex number. The old program takes that for another key.
        new(
            format!("old-{number}-several-keys"),
            vec![keep(), ("record_type", "1300".into()), key(), ("regex", "key=[0-9A-F]+( |$)".into())],
        ),
        // The old program sees keys of SYSCALL records only.
        new(format!("old-{number}-io_uring"), vec![keep(), ("record_type", "1336".into()), key()]),
        new(format!("old-{number}"), vec![("record_type", types), key(), ("regex", regex)]),
    ])
}
