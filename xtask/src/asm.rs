//! What the hot leaves look like once they are inlined into another crate.

use std::fmt::Write as _;
use std::process::Command;

use crate::ci::Outcome;
use crate::golden::{Golden, Options, build, report};
use crate::process::{capture, find_program};
use crate::workspace::Workspace;

/// The crate and the example that has the functions.
const PACKAGE: &str = "safecopy";
const EXAMPLE: &str = "leaves";
const FOLDER: &str = "crates/safecopy/asm";

/// The functions, as the disassembler calls them.
const FUNCTIONS: &[&str] = &[
    "leaves::copy_run_time",
    "leaves::copy_8",
    "leaves::zero_run_time",
    "leaves::load_u64",
    "leaves::compare_exchange_u32",
    "leaves::load_word",
    "leaves::store_word",
];

/// Disassembles, and compares with the committed text or replaces it.
///
/// # Errors
///
/// When a function differs.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), String> {
    report("asm", disassemble(workspace, options.bless))
}

/// Disassembles, as a step of `cargo xtask ci`.
pub(crate) fn step(workspace: &Workspace) -> Outcome {
    disassemble(workspace, false)
}

fn disassemble(workspace: &Workspace, bless: bool) -> Outcome {
    let Some(objdump) = find_program("objdump") else {
        return Outcome::Skipped("objdump is missing; it comes with binutils".into());
    };
    let golden = match Golden::new(workspace, FOLDER, "asm") {
        Ok(golden) => golden,
        Err(message) => return Outcome::Failed(message),
    };
    let old = match golden.read() {
        Err(skipped) if !bless => return skipped,
        old => old.unwrap_or_default(),
    };
    let listing = build(workspace, PACKAGE, EXAMPLE).and_then(|program| {
        let mut command = Command::new(objdump);
        command.args(["--disassemble", "--demangle", "--no-show-raw-insn"]);
        if cfg!(target_arch = "x86_64") {
            command.args(["-M", "intel"]);
        }
        capture(command.arg(program))
    });
    let new: Result<String, String> =
        listing.and_then(|listing| FUNCTIONS.iter().map(|name| function(&listing, name)).collect());
    match new {
        Ok(new) if bless => golden.write(&new),
        Ok(new) => compare(&old, &new, golden.name()).into(),
        Err(message) => Outcome::Failed(message),
    }
}

/// Returns one function of a listing, without anything that says where it lies.
fn function(listing: &str, name: &str) -> Result<String, String> {
    let heading = format!("<{name}>:");
    let lines: Vec<(&str, &str)> = listing
        .lines()
        .skip_while(|line| !line.ends_with(&heading))
        .skip(1)
        .map_while(|line| line.trim_start().split_once(":\t"))
        .collect();
    if lines.is_empty() {
        return Err(format!("the program has no function {name}: was it inlined?"));
    }
    let own = format!("<{name}+0x");
    // Places that are jumped to get numbers, in the order in which they lie.
    let targets: Vec<&str> = lines
        .iter()
        .map(|(at, _)| *at)
        .filter(|at| {
            lines.iter().any(|(_, text)| text.contains(&own) && words(text).any(|word| word == *at))
        })
        .collect();
    let mut text = format!("\n{name}:\n");
    for (at, instruction) in &lines {
        if let Some(number) = targets.iter().position(|target| target == at) {
            writeln!(text, ".{number}:").expect("writing to a string does not fail");
        }
        // Fillers between pieces of code depend on where it lies.
        if instruction.contains("nop") || instruction.starts_with("xchg   ax,ax") {
            continue;
        }
        writeln!(text, "    {}", placeless(instruction, &targets, &own))
            .expect("writing to a string does not fail");
    }
    Ok(text)
}

fn words(instruction: &str) -> impl Iterator<Item = &str> {
    instruction.split_whitespace()
}

/// Returns an instruction with labels for addresses.
fn placeless(instruction: &str, targets: &[&str], own: &str) -> String {
    let (instruction, _) = instruction.split_once('#').unwrap_or((instruction, ""));
    let mut parts: Vec<String> = Vec::new();
    let (code, symbol) = instruction.split_once('<').unwrap_or((instruction, ""));
    for word in words(code) {
        parts.push(match targets.iter().position(|target| *target == word) {
            Some(number) if instruction.contains(own) => format!(".{number}"),
            _ => without_distance(word),
        });
    }
    if !symbol.is_empty() && !instruction.contains(own) {
        parts.pop();
        let name = symbol.trim_end().trim_end_matches('>');
        parts.push(name.split("+0x").next().unwrap_or(name).to_owned());
    }
    parts.join(" ")
}

/// Returns an operand with the distance from the program counter left out.
fn without_distance(operand: &str) -> String {
    match operand.split_once("[rip+0x") {
        Some((before, after)) => {
            let after = after.split_once(']').map_or("", |(_, after)| after);
            format!("{before}[rip+_]{after}")
        }
        None => operand.to_owned(),
    }
}

/// Compares function by function.
fn compare(old: &str, new: &str, file: &str) -> Result<(), String> {
    if old == new {
        println!("asm: {} functions are as in {file}", FUNCTIONS.len());
        return Ok(());
    }
    let mut message = format!("the code differs from {file}:\n");
    for (old, new) in old.split("\n\n").zip(new.split("\n\n")).filter(|(old, new)| old != new) {
        write!(message, "was:\n{old}\nis:\n{new}\n").expect("writing to a string does not fail");
    }
    message.push_str("if that is meant, `cargo xtask asm --bless`");
    Err(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\
0000000000014620 <leaves::a>:
   14620:\tpush   rbx
   14621:\tjbe    1462c <leaves::a+0xc>
   14623:\tmov    rax,QWORD PTR [rip+0x41a8f]        # 560e0 <_DYNAMIC+0x278>
   1462a:\txchg   ax,ax
   1462c:\tcall   15000 <safecopy::copy::copy_slowly>
   14631:\tret

0000000000014700 <leaves::b>:
   14700:\tret
";

    #[test]
    fn a_function_is_the_same_wherever_it_lies() {
        let expected = "
leaves::a:
    push rbx
    jbe .0
    mov rax,QWORD PTR [rip+_]
.0:
    call safecopy::copy::copy_slowly
    ret
";
        assert_eq!(function(LISTING, "leaves::a").as_deref(), Ok(expected));
        let moved = LISTING.replace("146", "246").replace("41a8f", "77");
        assert_eq!(function(&moved, "leaves::a").as_deref(), Ok(expected));
        assert_eq!(function(LISTING, "leaves::b").as_deref(), Ok("\nleaves::b:\n    ret\n"));
    }

    #[test]
    fn a_function_that_is_gone_is_no_silent_pass() {
        assert!(function(LISTING, "leaves::c").unwrap_err().contains("leaves::c"));
    }

    #[test]
    fn only_what_differs_is_shown() {
        let old = "\na:\n    ret\n\nb:\n    nop\n";
        assert_eq!(compare(old, old, "f"), Ok(()));
        let message = compare(old, "\na:\n    ret\n\nb:\n    ud2\n", "f").unwrap_err();
        assert!(message.contains("ud2") && !message.contains("a:"), "{message}");
    }
}
