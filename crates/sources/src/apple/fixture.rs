//! What was recorded on real machines: text files that lie in `shared/fixtures/apple`, in a folder
//! above the repository, and are not part of it: they are other people's. Tests that want them say so
//! and are left out where they are missing, and fail if `CI` is `true`: a check of the project has to
//! have them, or to say in `RETOP_RECORDINGS=none` that it has none.

use std::path::{Path, PathBuf};

use super::value::Value;

/// The folder of recordings.
pub fn folder() -> Option<PathBuf> {
    let found = path("");
    if found.is_none() {
        skip("recordings of Macs");
    }
    found
}

/// Says that a test does not run here, and fails where it has to.
#[allow(clippy::disallowed_methods, reason = "a test asks where it runs")]
fn skip(what: &str) {
    println!("skipped: no {what} here");
    let is = |name, value: &str| std::env::var_os(name).is_some_and(|found| found == value);
    let must = is("CI", "true") && !is("RETOP_RECORDINGS", "none");
    assert!(!must, "not to be skipped: no {what} here; RETOP_RECORDINGS=none goes without");
}

fn path(name: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = own.ancestors().map(|folder| folder.join("shared/fixtures/apple").join(name));
    places.into_iter().find(|path| path.exists())
}

/// A recorded file; `None` where there are none.
pub fn fixture(name: &str) -> Option<String> {
    let found = path(name);
    if found.is_none() {
        skip(&format!("recording {name}"));
    }
    let bytes = std::fs::read(found?).expect("a file that can be read");
    Some(String::from_utf8_lossy(&bytes).trim_matches('\0').to_owned())
}

/// The lines of a table, comments left out.
pub fn columns(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split('\t').collect()).collect()
}

/// One entry of a registry as `ioreg -l` prints it.
pub struct Entry {
    pub name: String,
    pub class: String,
    pub properties: Value,
}

/// Reads the text of `ioreg -l`.
pub fn registry(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("+-o ") {
            let (name, class) = head.split_once("  <class ").expect("a class");
            let class = class.split(['>', ',']).next().expect("a class").to_owned();
            let name = name.split('@').next().expect("a name").to_owned();
            entries.push(Entry { name, class, properties: Value::Dictionary(Vec::new()) });
        } else if let Some((key, value)) = line.trim_start().split_once("\" = ") {
            let entry = entries.last_mut().expect("an entry before its properties");
            let Value::Dictionary(members) = &mut entry.properties else { continue };
            let mut rest = value;
            members.push((key.trim_start_matches('"').to_owned(), read(&mut rest)));
        }
    }
    entries
}

fn read(rest: &mut &str) -> Value {
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        '"' => Value::Text(quoted(rest)),
        '<' => {
            let (inside, after) = rest[1..].split_once('>').expect("the end of data");
            *rest = after;
            if inside.starts_with('"') {
                // A list of texts, each of which ends in a 0.
                let texts = inside.trim_matches('"').split("\",\"");
                let texts = texts.flat_map(|text| text.bytes().chain([0]).collect::<Vec<u8>>());
                return Value::Data(texts.collect());
            }
            let byte = |place: usize| u8::from_str_radix(&inside[place..place + 2], 16);
            let places = (0..inside.len() / 2).map(|place| place * 2);
            Value::Data(places.map(|place| byte(place).expect("hexadecimal")).collect())
        }
        '(' | '{' => {
            *rest = &rest[1..];
            let (mut array, mut members) = (Vec::new(), Vec::new());
            while !rest.starts_with([')', '}']) {
                if rest.starts_with(',') {
                    *rest = &rest[1..];
                }
                if first == '{' {
                    let key = quoted(rest);
                    *rest = rest.strip_prefix('=').expect("a value after its key");
                    members.push((key, read(rest)));
                } else {
                    array.push(read(rest));
                }
            }
            *rest = &rest[1..];
            if first == '{' { Value::Dictionary(members) } else { Value::Array(array) }
        }
        _ => {
            let end = rest.find([',', ')', '}']).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            *rest = after;
            match word.trim() {
                "Yes" => Value::Bool(true),
                "No" => Value::Bool(false),
                word => word.parse::<u64>().map_or_else(
                    |_| Value::Text(word.to_owned()),
                    |number| Value::Integer(number.cast_signed()),
                ),
            }
        }
    }
}

fn quoted(rest: &mut &str) -> String {
    let inside = rest.strip_prefix('"').expect("a text");
    let (text, after) = inside.split_once('"').expect("the end of a text");
    *rest = after;
    text.to_owned()
}

/// A property list in XML as `powermetrics` writes it.
pub fn plist(text: &str) -> Value {
    let text = text.split("<plist").nth(1).expect("a property list");
    let mut rest = text.split_once('>').expect("its end").1;
    element(&mut rest).expect("a value")
}

fn element(rest: &mut &str) -> Option<Value> {
    *rest = rest.trim_start();
    let (tag, after) = rest.strip_prefix('<')?.split_once('>')?;
    if tag.starts_with('/') {
        return None;
    }
    *rest = after;
    match tag {
        "true/" => return Some(Value::Bool(true)),
        "false/" => return Some(Value::Bool(false)),
        "array/" => return Some(Value::Array(Vec::new())),
        "dict/" => return Some(Value::Dictionary(Vec::new())),
        _ => {}
    }
    let value = match tag {
        "dict" => {
            let mut members = Vec::new();
            loop {
                *rest = rest.trim_start();
                let Some(key) = rest.strip_prefix("<key>") else { break };
                let (key, after) = key.split_once("</key>")?;
                *rest = after;
                members.push((key.to_owned(), element(rest)?));
            }
            Value::Dictionary(members)
        }
        "array" => {
            let mut values = Vec::new();
            while let Some(value) = element(rest) {
                values.push(value);
            }
            Value::Array(values)
        }
        _ => {
            let (inside, _) = rest.split_once('<')?;
            *rest = &rest[inside.len()..];
            match tag {
                "integer" => Value::Integer(inside.trim().parse().ok()?),
                "real" => Value::Real(inside.trim().parse().ok()?),
                _ => Value::Text(inside.to_owned()),
            }
        }
    };
    let (_, after) = rest.split_once('>')?;
    *rest = after;
    Some(value)
}
