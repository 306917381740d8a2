//! The command line as a part of another program.

use std::ffi::OsString;
use std::io::Write as _;

use clap::{Command, CommandFactory as _, FromArgMatches as _};
use tokio::runtime::Runtime;

use super::args::Cli;
use super::run::succeeds;

/// A verb that the host has beside those of this crate. It is shown in the help; running it is the host's business.
#[derive(Debug, Clone, Copy)]
pub struct HostVerb {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in one line without a full stop.
    pub about: &'static str,
}

/// Runs the command line with these arguments, the program's name left out, and returns the exit code: 0 when it ended as asked, 1 when it could not, 2 for arguments that make no sense.
///
/// It brings its own runtime and blocks until the command has ended; it may end the process, as the binary does at a second Ctrl-C. The first Ctrl-C or SIGTERM stops a server in good order.
pub fn main(arguments: impl IntoIterator<Item = OsString>, verbs: &[HostVerb]) -> u8 {
    let name = OsString::from("loom-studio");
    let arguments = std::iter::once(name).chain(arguments);
    let parsed = command(verbs)
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(said) => {
            // Nobody is left to tell when the text can't be written either.
            let _ = said.print();
            return u8::try_from(said.exit_code()).unwrap_or(2);
        }
    };
    match Runtime::new() {
        Ok(runtime) => u8::from(!runtime.block_on(succeeds(cli))),
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "loom-studio: cannot start threads: {error}"
            );
            1
        }
    }
}

fn command(verbs: &[HostVerb]) -> Command {
    verbs.iter().fold(Cli::command(), |command, verb| {
        command.subcommand(Command::new(verb.name).about(verb.about))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: HostVerb = HostVerb {
        name: "run",
        about: "Run a program of the host",
    };

    #[test]
    fn the_help_lists_the_verbs_of_both() {
        let help = command(&[RUN]).render_help().to_string();
        let lists = |verb: &str, about: &str| {
            let is_line = |line: &str| line.trim_start().starts_with(verb) && line.contains(about);
            help.lines().any(is_line)
        };
        assert!(lists("run ", "Run a program of the host"), "{help}");
        assert!(lists("export ", "Write events"), "{help}");
    }

    #[test]
    fn wrong_arguments_have_the_code_2() {
        assert_eq!(main(["--no-such-flag".into()], &[RUN]), 2);
        assert_eq!(main(["no-such-verb".into()], &[]), 2);
    }

    #[test]
    fn what_cannot_be_done_has_the_code_1() {
        let arguments = ["stats", "--data-dir", "/dev/null/nothing"];
        assert_eq!(main(arguments.map(OsString::from), &[RUN]), 1);
    }
}
