//! Examples in documentation.

use std::path::Path;

use syn::{Attribute, Expr, Ident, Item, Lit, Meta, Visibility};

use crate::workspace::Workspace;

/// The crates that others build on, whose types are read one by one.
const CRATES: &[&str] = &["usermem-types", "safecopy", "usermem-io", "testkit"];

/// Checks that the documentation of every public struct, enum, union and trait shows how to use it.
pub(super) fn on_every_type(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut messages = Vec::new();
    for name in CRATES {
        for path in workspace.files(&format!("crates/{name}/src"))? {
            if path.extension().is_some_and(|extension| extension == "rs")
                && let Some(text) = workspace.read(&path)?
            {
                messages.extend(check(&path, &text)?);
            }
        }
    }
    Ok(messages)
}

fn check(path: &Path, text: &str) -> Result<Vec<String>, String> {
    let file = syn::parse_file(text).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut names = Vec::new();
    collect(&file.items, &mut names);
    Ok(names
        .iter()
        .map(|name| format!("{}: give {name} an example (a code block that runs)", path.display()))
        .collect())
}

/// Collects the names of types without an example. What is public in a private module is exported by another way: the
/// compiler warns where it is not.
fn collect(items: &[Item], names: &mut Vec<String>) {
    for item in items {
        let (visibility, attributes, name) = match item {
            Item::Struct(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Enum(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Union(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Trait(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Mod(module) if !is_for_tests(&module.attrs) => {
                collect(module.content.as_ref().map_or(&[], |(_, items)| items), names);
                continue;
            }
            _ => continue,
        };
        let is_shown = matches!(visibility, Visibility::Public(_)) && !is_hidden(attributes);
        if is_shown && !has_example(attributes) {
            names.push(name.to_string());
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Ident>().is_ok_and(|name| name == "test")
    })
}

/// Whether the documentation leaves the type out: what only a sealed trait is made of.
fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && attribute.parse_args::<Ident>().is_ok_and(|name| name == "hidden")
    })
}

/// Whether there is a code block that rustdoc compiles and that is meant to compile.
fn has_example(attributes: &[Attribute]) -> bool {
    let mut is_inside = false;
    let lines: Vec<String> = attributes.iter().filter_map(line_of).collect();
    lines.iter().flat_map(|text| text.lines()).any(|line| {
        let Some(language) = line.trim().strip_prefix("```") else { return false };
        is_inside = !is_inside;
        is_inside && !["compile_fail", "ignore", "text"].iter().any(|word| language.contains(word))
    })
}

/// Returns the text of a documentation comment.
fn line_of(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(literal) = &pair.value else { return None };
    let Lit::Str(text) = &literal.lit else { return None };
    pair.path.is_ident("doc").then(|| text.value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn offenders(text: &str, expected: &[&str]) {
        let file = syn::parse_file(text).unwrap();
        let mut names = Vec::new();
        collect(&file.items, &mut names);
        assert_eq!(names, expected);
    }

    #[test]
    fn every_kind_of_type_wants_an_example() {
        offenders(
            "/// A.\npub struct A;\n/// B.\npub enum B {}\npub union C { c: u8 }\npub trait D {}\n",
            &["A", "B", "C", "D"],
        );
        offenders(
            "/// A.\n///\n/// ```\n/// let a = 1;\n/// ```\n#[derive(Debug)]\npub struct A;",
            &[],
        );
        offenders("/// ```no_run\n/// f();\n/// ```\npub trait T {}", &[]);
    }

    #[test]
    fn what_is_not_exported_needs_none() {
        offenders("struct A; pub(crate) enum B {} pub fn f() {} pub type T = u8;", &[]);
        offenders("#[doc(hidden)] pub trait Sealed {}", &[]);
        offenders("#[cfg(test)] mod tests { pub struct A; } mod m { pub struct B; }", &["B"]);
    }

    #[test]
    fn a_block_that_must_not_compile_is_no_example() {
        let fails = "/// ```compile_fail,E0308\n/// let a: u8 = ();\n/// ```\n";
        let works = "/// ```\n/// let a = ();\n/// ```\n";
        offenders(&format!("{fails}pub struct A;"), &["A"]);
        offenders(&format!("{fails}///\n{works}pub struct A;"), &[]);
        offenders("/// ```text\n/// picture\n/// ```\npub struct A;", &["A"]);
    }

    #[test]
    fn messages_say_where() {
        let messages = check(Path::new("a/b.rs"), "pub struct A;").unwrap();
        assert_eq!(messages, ["a/b.rs: give A an example (a code block that runs)"]);
        assert!(check(Path::new("a/b.rs"), "pub struct").unwrap_err().starts_with("a/b.rs: "));
    }
}
