//! Runs random scripts and stops at the first difference.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use diff_mm::{Campaign, Generator, SoftSpace, Space, Verdict};
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
    /// The address space under the memory manager
    #[arg(long, value_enum, default_value_t = SpaceName::Null)]
    space: SpaceName,
    /// Go on after a difference
    #[arg(long)]
    keep_going: bool,
    /// Run the script of this file instead
    #[arg(long)]
    file: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum SpaceName {
    /// Mappings are recorded; a processor in software
    Null,
    /// A window of this process, with real mappings and protections
    Mirror,
}

impl SpaceName {
    fn open(self) -> io::Result<Box<dyn Space>> {
        let refused = |error: PlatformError| io::Error::other(error);
        Ok(match self {
            Self::Null => Box::new(SoftSpace::null().map_err(refused)?),
            Self::Mirror => Box::new(SoftSpace::mirror().map_err(refused)?),
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
        Ok(tally) if tally.differences == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<Tally> {
    let mut campaign = Campaign::new(arguments.space.open()?)?;
    let mut tally = Tally::default();
    if let Some(path) = &arguments.file {
        let script = std::fs::read_to_string(path)?.parse().map_err(io::Error::other)?;
        match campaign.run(&script)? {
            Verdict::Different(difference) => {
                println!("step {} differs:\n{}", difference.step + 1, difference.what);
                tally.differences += 1;
            }
            verdict => println!("{verdict:?}"),
        }
        return Ok(tally);
    }
    let seed = arguments.seed.unwrap_or_else(random_seed);
    println!("{} scripts of {} steps, from seed {seed}", arguments.scripts, arguments.steps);
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
