//! Runs random scripts and stops at the first difference.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use diff_mm::{Campaign, Generator, SoftSpace, Space, StubSpace, Verdict};
use platform::PlatformError;

/// Compares the memory manager with the host's kernel by random scripts.
#[derive(Parser)]
#[command(name = "diff-mm")]
struct Arguments {
    /// How many scripts to run
    #[arg(long, default_value_t = 1000)]
    scripts: u64,
    /// How many steps each has
    #[arg(long, default_value_t = 100)]
    steps: usize,
    /// The seed of the first script; the others have the numbers after it
    #[arg(long)]
    seed: Option<u64>,
    /// The address space under the memory manager; without it, each that the host allows
    #[arg(long, value_enum)]
    space: Option<SpaceName>,
    /// Go on after a difference
    #[arg(long)]
    keep_going: bool,
    /// Run the script of this file instead
    #[arg(long)]
    file: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum SpaceName {
    /// Mappings are recorded; a processor in software
    Null,
    /// A window of this process, with real mappings and protections
    Mirror,
    /// A stub process, which runs real instructions
    Ptrace,
}

impl SpaceName {
    fn open(self) -> Result<Box<dyn Space>, PlatformError> {
        Ok(match self {
            Self::Null => Box::new(SoftSpace::null()?),
            Self::Mirror => Box::new(SoftSpace::mirror()?),
            Self::Ptrace => Box::new(StubSpace::new()?),
        })
    }
}

impl fmt::Display for SpaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Mirror => "mirror",
            Self::Ptrace => "ptrace",
        })
    }
}

/// What came of all scripts.
#[derive(Default)]
struct Tally {
    scripts: u64,
    steps: u64,
    masks: BTreeMap<&'static str, u64>,
    differences: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what is asked for on each address space, and returns how many differences there are.
fn run(arguments: &Arguments) -> io::Result<u64> {
    let seed = arguments.seed.unwrap_or_else(random_seed);
    let mut differences = 0;
    let is_wanted = |name: &&SpaceName| arguments.space.is_none_or(|wanted| wanted == **name);
    for name in SpaceName::value_variants().iter().filter(is_wanted) {
        let space = match (name.open(), arguments.space) {
            (Ok(space), _) => space,
            (Err(error), Some(_)) => {
                let what = format!("the host refuses {name}: {error}; see `usermem doctor`");
                return Err(io::Error::other(what));
            }
            (Err(error), None) => {
                eprintln!("{name} is left out, the host refuses it: {error}");
                continue;
            }
        };
        let campaign = Campaign::new(space)?;
        differences += match &arguments.file {
            Some(path) => run_file(*name, campaign, path)?,
            None => run_many(*name, campaign, arguments, seed)?.differences,
        };
        if differences > 0 && !arguments.keep_going {
            break;
        }
    }
    Ok(differences)
}

fn run_file(name: SpaceName, mut campaign: Campaign, path: &Path) -> io::Result<u64> {
    let script = std::fs::read_to_string(path)?.parse().map_err(io::Error::other)?;
    match campaign.run(&script)? {
        Verdict::Different(difference) => {
            println!("{name}: step {} differs:\n{}", difference.step + 1, difference.what);
            Ok(1)
        }
        verdict => {
            println!("{name}: {verdict:?}");
            Ok(0)
        }
    }
}

fn run_many(
    name: SpaceName,
    mut campaign: Campaign,
    arguments: &Arguments,
    seed: u64,
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let Arguments { scripts, steps, .. } = arguments;
    println!("{name}: {scripts} scripts of {steps} steps, from seed {seed}");
    let (start, mut told) = (Instant::now(), Instant::now());
    while tally.scripts < arguments.scripts {
        let seed = seed.wrapping_add(tally.scripts);
        let script = Generator::new(seed, arguments.steps).script();
        tally.scripts += 1;
        match campaign.check(script) {
            Ok(Ok(Verdict::Incomparable { step, mask })) => {
                tally.steps += step as u64;
                *tally.masks.entry(mask).or_default() += 1;
            }
            Ok(Ok(_)) => tally.steps += arguments.steps as u64,
            Ok(Err(finding)) => {
                tally.differences += 1;
                println!("--- a difference, seed {seed}:\n{finding}");
                if !arguments.keep_going {
                    break;
                }
            }
            Err(error) => return Err(io::Error::other(format!("seed {seed}: {error}"))),
        }
        if told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            report(&tally, start.elapsed());
        }
    }
    report(&tally, start.elapsed());
    Ok(tally)
}

fn report(tally: &Tally, elapsed: Duration) {
    let rate = |count: u64| count as f64 / elapsed.as_secs_f64();
    let Tally { scripts, steps, differences, masks } = tally;
    println!(
        "{scripts} scripts, {steps} steps compared; {:.1} and {:.0} a second; {differences} differences; cut short: {masks:?}",
        rate(*scripts),
        rate(*steps),
    );
}

fn random_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |now| now.as_millis() as u64)
}
