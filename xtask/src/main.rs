//! Builds the WASM, sets machines up, runs what CI runs.

mod args;
mod bench;
mod ci;
mod demo;
mod interop;
mod members;
mod say;
mod shell;
mod tools;
mod wasm;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::Command;

fn main() -> ExitCode {
    let command = match args::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            say::fail(&error);
            eprintln!("\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };

    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::fail(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Help => eprintln!("{}", args::USAGE),
        Command::Demo { args } => demo::run(&args)?,
        Command::Announce => demo::announce()?,
        Command::Test { steps } => ci::run(&steps)?,
        Command::ListSteps => ci::list(),
        Command::Interop { args } => interop::run(&args)?,
        Command::Wasm => wasm::build()?.print(),
        Command::Bench { args } => bench::run(&args)?,
        Command::Setup => ci::set_up()?,
    }
    Ok(())
}
