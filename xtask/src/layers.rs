//! The arrows between the crates, and what only `sources` may hold.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{cargo, root};

/// What each crate may use of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("retop-model", &[]),
    ("retop-sources", &["retop-model"]),
    ("retop-engine", &["retop-model", "retop-sources"]),
    ("retop", &["retop-model", "retop-engine"]),
    ("retop-python", &["retop-model", "retop-engine"]),
];

/// What stands in `crates/sources` alone, tests apart: a keyword or the beginning of a text.
const CONFINED: &[&str] = &["unsafe", "target_os", "\"/proc", "\"/sys"];

/// The exceptions, each with its reason.
const ALLOWED: &[(&str, &str, &str)] =
    &[("crates/engine/src/clock.rs", "target_os", "CLOCK_BOOTTIME has another name on macOS")];

/// Checks both.
pub fn run() -> Result<()> {
    let mut faults = arrows(&metadata()?);
    let mut texts = Vec::new();
    for file in rust_files(&root().join("crates"))? {
        let name = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
        texts.push((std::fs::read_to_string(&file).with_context(|| name.clone())?, name));
    }
    let tests: Vec<String> =
        texts.iter().flat_map(|(text, name)| test_modules(text, name)).collect();
    for (text, name) in &texts {
        let test = is_test(name) || tests.iter().any(|test| name.starts_with(test));
        if test || name.starts_with("crates/sources/") {
            continue;
        }
        for (line, word) in confined(text) {
            let allowed = ALLOWED.iter().any(|(file, what, _)| file == name && *what == word);
            if !allowed {
                faults.push(format!("{name}:{line}: {word} belongs into crates/sources"));
            }
        }
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} places break the layers; ARCHITECTURE.md has the rules", faults.len());
    }
    println!("layers: in order");
    Ok(())
}

fn metadata() -> Result<Value> {
    let output = cargo().args(["metadata", "--format-version", "1", "--no-deps"]).output()?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Packages of ours that use what they may not. Tests may use anything.
fn arrows(metadata: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = list(&metadata["packages"]);
    let ours: Vec<String> = packages.iter().map(|package| text(&package["name"])).collect();
    let mut faults = Vec::new();
    for package in &packages {
        let name = text(&package["name"]);
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            let inside = text(&package["manifest_path"]).contains("/crates/");
            if inside {
                faults.push(format!("{name}: no rule says what it may use; add one to layers.rs"));
            }
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let other = text(&dependency["name"]);
            let ships = dependency["kind"] != "dev";
            if ships && ours.contains(&other) && !allowed.contains(&&*other) {
                faults.push(format!("{name} uses {other}"));
            }
        }
    }
    faults
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.contains("/benches/") || name.ends_with("/tests.rs")
}

/// What the paths of test modules begin with: those declared below `#[cfg(test)]`.
fn test_modules(text: &str, name: &str) -> Vec<String> {
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    let folder = match stem.strip_suffix("/mod").or(stem.strip_suffix("/lib")) {
        Some(folder) => folder,
        None => stem,
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
    pairs
        .filter_map(|pair| pair[1].split_once("mod ")?.1.strip_suffix(';'))
        .flat_map(|module| [format!("{folder}/{module}.rs"), format!("{folder}/{module}/")])
        .collect()
}

/// Lines that hold a confined word. What follows `#[cfg(test)]` in front of a module is a test: by
/// custom it stands last in its file.
fn confined(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((place, line)) = lines.next() {
        let next = lines.peek().map_or("", |(_, line)| line.trim_start());
        if line.trim() == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{') {
            break;
        }
        let code = line.split("//").next().unwrap_or_default();
        for word in CONFINED {
            if holds(code, word) {
                found.push((place + 1, *word));
            }
        }
    }
    found
}

fn holds(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_some_and(part);
        let after = code[at + word.len()..].chars().next().is_some_and(part);
        !(before || after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn confined_words_are_found_in_code_alone() {
        let cases = [
            ("unsafe { x() }", 1),
            ("#![forbid(unsafe_code)]", 0),
            ("// unsafe is not needed", 0),
            ("let path = \"/proc/stat\";", 1),
            ("let path = \"/process\";", 0),
            ("#[cfg(any(target_os = \"linux\"))]", 1),
            ("fn a() {}\n#[cfg(test)]\nmod tests {\n let p = \"/sys\";\n}", 0),
            ("#[cfg(test)]\nmod tests;\nunsafe fn x() {}", 1),
        ];
        for (text, count) in cases {
            assert_eq!(confined(text).len(), count, "{text}");
        }
    }

    #[test]
    fn modules_for_tests_are_known() {
        let text = "pub mod a;\n#[cfg(test)]\npub(crate) mod made;\n#[cfg(test)]\nmod tests {\n}";
        let wanted = ["crates/x/src/y/made.rs", "crates/x/src/y/made/"];
        assert_eq!(test_modules(text, "crates/x/src/y/mod.rs"), wanted);
        assert_eq!(test_modules(text, "crates/x/src/y.rs"), wanted);
        assert!(test_modules("#[cfg(test)]\nuse x;", "crates/x/src/y.rs").is_empty());
    }

    #[test]
    fn a_wrong_arrow_is_found() {
        let dependency = |name: &str, kind: Value| json!({"name": name, "kind": kind});
        let package = |name: &str, dependencies: Value| {
            let path = format!("/x/crates/{name}/Cargo.toml");
            json!({"name": name, "manifest_path": path, "dependencies": dependencies})
        };
        let metadata = json!({"packages": [
            package("retop-model", json!([dependency("retop-sources", Value::Null)])),
            package("retop-sources", json!([
                dependency("libc", Value::Null),
                dependency("retop-model", Value::Null),
                dependency("retop-engine", json!("dev")),
            ])),
            package("retop-new", json!([])),
        ]});
        let faults = arrows(&metadata);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert_eq!(faults[0], "retop-model uses retop-sources");
        assert!(faults[1].starts_with("retop-new: no rule"));
    }
}
