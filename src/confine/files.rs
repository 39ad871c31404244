//! Landlock: the files and TCP ports that the process can use (landlock(7)).

use super::paths::Rules;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use std::path::Path;

/// The version of Landlock that the rules are written for. Later ones restrict more kinds of access, which would need rules.
const VERSION: ABI = ABI::V7;

/// Opens all files of the rules. Nothing is restricted yet.
pub(super) fn prepare(rules: &Rules) -> Result<RulesetCreated, String> {
    build(rules).map_err(|e| format!("Landlock doesn't restrict files: {e}"))
}

fn build(rules: &Rules) -> Result<RulesetCreated, landlock::RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = read
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir;
    let device = AccessFs::ReadFile | AccessFs::WriteFile;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::from_all(VERSION))?
        .scope(Scope::Signal | Scope::AbstractUnixSocket)?
        .create()?;
    for (paths, access) in [(&rules.read, read), (&rules.write, write), (&rules.devices, device)] {
        for path in paths {
            ruleset = add(ruleset, path, access)?;
        }
    }
    for port in &rules.ports {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(ruleset)
}

/// Adds a rule for a path. One that has gone meanwhile needs none.
fn add(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, landlock::RulesetError> {
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(VERSION) };
    match PathFd::new(path) {
        Ok(opened) => ruleset.add_rule(PathBeneath::new(opened, access)),
        Err(_) => Ok(ruleset),
    }
}

/// Restricts this thread and those that it starts. Returns what is restricted, for messages.
pub(super) fn enforce(ruleset: RulesetCreated, rules: &Rules) -> Result<String, String> {
    let status = ruleset.restrict_self().map_err(|e| format!("Landlock doesn't restrict files: {e}"))?;
    let ports: Vec<String> = rules.ports.iter().map(ToString::to_string).collect();
    let all = format!("Landlock for {} paths and TCP ports {}", rules.read.len() + rules.write.len(), ports.join(" "));
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(all),
        RulesetStatus::PartiallyEnforced => Ok(format!("{all} (only as far as this kernel has it)")),
        RulesetStatus::NotEnforced => Err("this kernel has no Landlock, so files and ports aren't restricted".into()),
    }
}
