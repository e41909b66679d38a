//! `dmctl completions`.

use clap::Args;
use clap_complete::Shell;
use dm_core::error::ErrorKind;

use crate::backend::Choice;
use crate::daemon::order::Order;
use crate::failure::Failure;
use crate::output::Answer;
use crate::runtime::RuntimeDir;

use super::commands::{Run, parser};
use super::session::Session;

/// A shell whose completion script is to be printed.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(required_unless_present = "names")]
    shell: Option<Shell>,
    /// Print the names of the devices that there are, as the scripts ask for
    #[arg(long)]
    names: bool,
}

/// What bash asks besides: the devices, where a word is not an option.
const BASH: &str = r#"
_dmctl_and_devices() {
    _dmctl "$@"
    local cur="${COMP_WORDS[COMP_CWORD]}"
    if [[ ${COMP_CWORD} -gt 1 && "${cur}" != -* ]]; then
        local IFS=$'\n'
        COMPREPLY+=( $(compgen -W "$(dmctl completions --names 2>/dev/null)" -- "${cur}") )
    fi
}
complete -F _dmctl_and_devices -o nosort -o bashdefault -o default dmctl
"#;

/// The same for fish.
const FISH: &str = r#"
complete -c dmctl -n "not __fish_dmctl_needs_command" -f -a "(dmctl completions --names 2>/dev/null)" -d "device"
"#;

/// The same for zsh, whose script asks for a DEV by this.
const ZSH: &str = r#"
_dmctl_devices() {
    local -a devices
    devices=(${(f)"$(dmctl completions --names 2>/dev/null)"})
    compadd -a devices
    _files
}
"#;

impl Run for Completions {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let Some(shell) = self.shell.filter(|_| !self.names) else {
            let names = names(session);
            answer.text = names.iter().map(|name| format!("{name}\n")).collect();
            answer.field("names", names);
            return Ok(());
        };
        answer.text = script(shell)?;
        answer.field("script", answer.text.clone());
        Ok(())
    }
}

/// A shell's script.
fn script(shell: Shell) -> Result<String, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut parser(), "dmctl", &mut script);
    let script = String::from_utf8(script).map_err(|error| {
        Failure::because(ErrorKind::Io, format!("the script is not UTF-8: {error}"))
    })?;
    Ok(match shell {
        Shell::Bash => script + BASH,
        Shell::Fish => script + FISH,
        Shell::Zsh => with_devices(&script),
        _ => script,
    })
}

/// Zsh's script, with devices where a DEV is meant.
fn with_devices(script: &str) -> String {
    let line = |line: &str| match line.contains("::device") || line.starts_with("':device") {
        true => line.replace(":_default'", ":_dmctl_devices'"),
        false => line.to_owned(),
    };
    let mut lines = script.lines();
    // The first line says which command it is for.
    let first = lines.next().unwrap_or_default();
    let rest: Vec<String> = lines.map(line).collect();
    format!("{first}\n{ZSH}{}\n", rest.join("\n"))
}

/// The devices' names. No daemon is started for it, and there is no failure: a shell waits.
fn names(session: &Session) -> Vec<String> {
    let is_engine = match session.backend() {
        Choice::Auto => dm_linux::probe::usable().is_err() && dm_netbsd::probe::usable().is_err(),
        choice => *choice == Choice::Engine,
    };
    if is_engine {
        let dir = RuntimeDir::from_env();
        let runs = dir.is_ok_and(|dir| matches!(Order::Status.send(&dir.control()), Ok(Some(_))));
        if !runs {
            return Vec::new();
        }
    }
    let list = session.dm().and_then(|dm| Ok(dm.list()?));
    let list = list.unwrap_or_default();
    let safe = |name: &&str| !name.chars().any(char::is_control);
    list.iter()
        .map(|entry| entry.name.as_str())
        .filter(safe)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_ask_for_devices() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell).unwrap();
            assert!(script.contains("dmctl completions --names"), "{shell}");
        }
        let zsh = script(Shell::Zsh).unwrap();
        assert!(zsh.starts_with("#compdef dmctl\n"));
        assert!(zsh.matches("_dmctl_devices'").count() > 10, "{zsh}");
    }
}
