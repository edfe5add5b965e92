//! `weir completions SHELL`: the script that makes a shell complete commands and flags.

use clap_complete::Shell;

use super::failure::Failure;
use super::output::write;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "For bash: source <(weir completions bash)\nFor zsh:  weir completions zsh > \"${fpath[1]}/_weir\"\n\
                        For fish: weir completions fish | source"
)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args, mut root: clap::Command) -> Result<(), Failure> {
    let name = root.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut root, name, &mut script);
    write(&script)
}
