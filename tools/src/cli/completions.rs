//! `dmctl completions`.

use std::collections::BTreeSet;

use clap::{Args, Command, ValueHint};
use clap_complete::Shell;
use dm_core::error::ErrorKind;

use crate::backend::Choice;
use crate::daemon::order::Order;
use crate::failure::Failure;
use crate::output::Answer;
use crate::runtime::RuntimeDir;

use super::command_line::parser;
use super::commands::Run;
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

/// What bash asks besides: the devices, behind a verb that takes some, where neither an option nor its
/// value is to come. Whoever named a device did not write shell: its name is quoted, never expanded.
const BASH: &str = r#"
_dmctl_and_devices() {
    _dmctl "$@"
    local cur="${COMP_WORDS[COMP_CWORD]}" word name quoted
    [[ "${cur}" == -* ]] && return
    case "${COMP_WORDS[COMP_CWORD-1]}" in
    = | VALUED) return ;;
    esac
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "${word}" in
        VERBS) break ;;
        *) word= ;;
        esac
    done
    [[ -n "${word}" ]] || return
    while IFS= read -r name; do
        printf -v quoted %q "${name}"
        [[ "${name}" == "${cur}"* || "${quoted}" == "${cur}"* ]] && COMPREPLY+=("${quoted}")
    done < <(dmctl completions --names 2>/dev/null)
}
complete -F _dmctl_and_devices -o nosort -o bashdefault -o default dmctl
"#;

/// The same for fish.
const FISH: &str = r#"
function __fish_dmctl_wants_device
    set -l words (commandline -opc)
    contains -- $words[-1] VALUED
    and return 1
    for word in $words[2..-1]
        contains -- $word VERBS
        and return 0
    end
    return 1
end
complete -c dmctl -n __fish_dmctl_wants_device -f -a "(dmctl completions --names 2>/dev/null)" -d "device"
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
        Shell::Bash => script + &Words::new().put_into(BASH, " | "),
        Shell::Fish => script + &Words::new().put_into(FISH, " "),
        Shell::Zsh => with_devices(&script),
        _ => script,
    })
}

/// What the shells are told of the command line.
struct Words {
    /// The options that have a value in a word of its own, as they are typed.
    valued: BTreeSet<String>,
    /// The verbs that take devices.
    verbs: Vec<String>,
}

impl Words {
    fn new() -> Words {
        let mut parser = parser();
        parser.build();
        let mut all = Vec::new();
        with_those_below(&parser, &mut all);
        let options = all.iter().flat_map(|command| command.get_opts());
        let options = options.filter(|option| !option.is_require_equals_set());
        let valued = options.flat_map(|option| {
            let long = option.get_long().map(|long| format!("--{long}"));
            let short = option.get_short().map(|short| format!("-{short}"));
            long.into_iter().chain(short)
        });
        let flags: BTreeSet<String> = all
            .iter()
            .flat_map(|command| command.get_arguments())
            .filter(|argument| !argument.get_action().takes_values())
            .filter_map(|flag| flag.get_short().map(|short| format!("-{short}")))
            .collect();
        // The same letter may be a flag of another verb, behind which a device may come.
        let valued = valued.filter(|option| !flags.contains(option)).collect();
        let verbs = parser.get_subcommands().filter(|verb| takes_devices(verb));
        let verbs =
            verbs.flat_map(|verb| [verb.get_name()].into_iter().chain(verb.get_all_aliases()));
        Words {
            valued,
            verbs: verbs.map(str::to_owned).collect(),
        }
    }

    /// A part of a script, with the words where it has their names.
    fn put_into(&self, script: &str, between: &str) -> String {
        let valued: Vec<&str> = self.valued.iter().map(String::as_str).collect();
        script
            .replace("VALUED", &valued.join(between))
            .replace("VERBS", &self.verbs.join(between))
    }
}

/// A command, and all beneath it.
fn with_those_below<'a>(command: &'a Command, all: &mut Vec<&'a Command>) {
    all.push(command);
    for below in command.get_subcommands() {
        with_those_below(below, all);
    }
}

/// Whether a verb, or one beneath it, takes names of devices; other words for devices are paths.
fn takes_devices(verb: &Command) -> bool {
    let mut all = Vec::new();
    with_those_below(verb, &mut all);
    all.iter()
        .flat_map(|command| command.get_positionals())
        .any(|word| {
            word.get_id().as_str().starts_with("device")
                && word.get_value_hint() == ValueHint::Unknown
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
        let bash = script(Shell::Bash).unwrap();
        assert!(bash.contains(" | --backend | ") && bash.contains(" | reload | "));
        let zsh = script(Shell::Zsh).unwrap();
        assert!(zsh.starts_with("#compdef dmctl\n"));
        assert!(zsh.matches("_dmctl_devices'").count() > 10, "{zsh}");
    }
}
