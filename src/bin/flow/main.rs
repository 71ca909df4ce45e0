//! `flow`: looks into parts, and recovers those that a crash cut short.

mod head;
mod inspect;
mod recover;
mod table;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "flow",
    version,
    about = "Looks into the Parquet parts that libflow writes, and recovers them"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows the schema, row groups (encodings, codecs, sizes, statistics) and key-value metadata
    Inspect {
        /// A Parquet file
        part: PathBuf,
        /// Show this many row groups: the first ones, and the last
        #[arg(long, default_value_t = 2)]
        row_groups: usize,
    },
    /// Shows the first rows as a table
    Head {
        /// A Parquet file
        part: PathBuf,
        /// How many rows
        #[arg(short = 'n', long, default_value_t = 10)]
        rows: usize,
    },
    /// Finishes the parts of a directory that a crash cut short: those that have a journal
    Recover {
        /// Where the parts are
        directory: PathBuf,
    },
}

/// Anything that ends the program: a sentence for the user.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let shown = match &arguments.command {
        Command::Inspect { part, row_groups } => inspect::show(part, *row_groups),
        Command::Head { part, rows } => head::show(part, *rows),
        Command::Recover { directory } => recover::run(directory),
    };
    match shown.and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("flow: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Written in one go, so that `flow head part | head` does not end in an error.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

/// Opens a part, or says which and why not.
fn open(part: &Path) -> Result<File, Failure> {
    let file = File::open(part).map_err(|e| format!("{}: {e}", part.display()))?;
    match file.metadata() {
        Ok(m) if m.is_dir() => Err(format!("{}: is a directory; name a part in it", part.display()).into()),
        _ => Ok(file),
    }
}

/// Says which part the parquet crate could not read.
fn unreadable(part: &Path) -> impl Fn(parquet::errors::ParquetError) -> Failure + '_ {
    move |e| format!("{}: not a whole Parquet file: {e}", part.display()).into()
}
