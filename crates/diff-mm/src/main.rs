//! Runs random scripts and stops at the first difference.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use diff_mm::{Campaign, Difference, Generator, SoftSpace, Space, StubSpace, Verdict};
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
    /// The address space under the memory manager, several times for several; without it, each
    /// that the host allows
    #[arg(long, value_enum)]
    space: Vec<SpaceName>,
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

/// Runs what is asked for, and returns how many differences there are.
fn run(arguments: &Arguments) -> io::Result<u64> {
    let wanted = arguments.space.as_slice();
    let mut spaces = Vec::new();
    for name in SpaceName::value_variants() {
        if !wanted.is_empty() && !wanted.contains(name) {
            continue;
        }
        match name.open() {
            Ok(space) => spaces.push(space),
            Err(error) if wanted.is_empty() => {
                eprintln!("{name} is left out, the host refuses it: {error}");
            }
            Err(error) => {
                let what = format!("the host refuses {name}: {error}; see `usermem doctor`");
                return Err(io::Error::other(what));
            }
        }
    }
    let names: Vec<_> = spaces.iter().map(|space| space.name()).collect();
    let campaign = Campaign::new(|| spaces)?;
    match &arguments.file {
        Some(path) => run_file(campaign, path),
        None => run_many(campaign, arguments, &names.join(", ")),
    }
}

fn run_file(mut campaign: Campaign, path: &Path) -> io::Result<u64> {
    let script = std::fs::read_to_string(path)?.parse().map_err(io::Error::other)?;
    let mut differences = 0;
    for (space, verdict) in campaign.run(&script)? {
        match verdict {
            Verdict::Different(difference) => {
                let Difference { step, what } = difference;
                println!("step {} differs over {space}:\n{what}", step + 1);
                differences += 1;
            }
            verdict => println!("{space}: {verdict:?}"),
        }
    }
    Ok(differences)
}

fn run_many(mut campaign: Campaign, arguments: &Arguments, spaces: &str) -> io::Result<u64> {
    let seed = arguments.seed.unwrap_or_else(random_seed);
    let mut tally = Tally::default();
    let Arguments { scripts, steps, .. } = arguments;
    println!("{scripts} scripts of {steps} steps, from seed {seed}, over {spaces}");
    let (start, mut told) = (Instant::now(), Instant::now());
    while tally.scripts < arguments.scripts {
        let seed = seed.wrapping_add(tally.scripts);
        let script = Generator::new(seed, arguments.steps).script();
        tally.scripts += 1;
        match campaign.check(script) {
            Ok(Ok(verdicts)) => verdicts.iter().for_each(|(_, verdict)| {
                tally.steps += match verdict {
                    Verdict::Incomparable { step, mask } => {
                        *tally.masks.entry(mask).or_default() += 1;
                        *step
                    }
                    _ => arguments.steps,
                } as u64;
            }),
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
            report(&tally, &campaign, start.elapsed());
        }
    }
    report(&tally, &campaign, start.elapsed());
    Ok(tally.differences)
}

fn report(tally: &Tally, campaign: &Campaign, elapsed: Duration) {
    let rate = |count: u64| count as f64 / elapsed.as_secs_f64();
    let Tally { scripts, steps, differences, masks } = tally;
    println!(
        "{scripts} scripts, {steps} steps compared; {:.1} and {:.0} a second; {differences} differences; \
         cut short: {masks:?}; passed: {:?}",
        rate(*scripts),
        rate(*steps),
        campaign.masks(),
    );
}

fn random_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |now| now.as_millis() as u64)
}
