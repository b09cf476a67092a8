//! Puts one setting into `config.toml` and leaves everything else as it stands there: comments,
//! order, blank lines.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, Value};

use crate::config::lower;

/// Sets a key of the file, below `table` if that is not empty. The file and its folder are made if
/// they are not there. Whoever reads it meanwhile sees the old text or the new one, never half.
///
/// # Errors
///
/// Why it could not be written, in one line with the path.
pub fn set(path: &Path, table: &str, key: &str, value: Value) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {}", path.display(), lower(&error.to_string()));
    let real = target(path);
    let before = match fs::read_to_string(&real) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let text =
        changed(&before, table, key, value).map_err(|why| format!("{}: {why}", path.display()))?;
    if text == before {
        return Ok(());
    }
    // A new file can be put in the place of one that may not be written: who made it so meant it.
    if fs::metadata(&real).is_ok_and(|facts| facts.permissions().readonly()) {
        return Err(format!("{}: is read-only", path.display()));
    }
    if let Some(folder) = real.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    replace(&real, &text).map_err(failed)
}

/// What a link stands for. A link stays one: configurations are often links into a folder under
/// version control, and what one points to may not be there yet.
fn target(path: &Path) -> PathBuf {
    let there = fs::canonicalize(path).or_else(|_| {
        let to = fs::read_link(path)?;
        io::Result::Ok(path.parent().unwrap_or(Path::new("")).join(to))
    });
    there.unwrap_or_else(|_| path.to_owned())
}

/// Writes a file beside the old one and puts it in its place.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside: PathBuf = path.with_file_name(name);
    // For its owner alone until it has the rights of the old one. What somebody put there under that
    // name is not written to.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let mut put = || {
        file.write_all(text.as_bytes())?;
        if let Ok(facts) = fs::metadata(path) {
            file.set_permissions(facts.permissions())?;
        }
        // The name may reach the disk before the text does, and then a power cut leaves neither.
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    put().inspect_err(|_| {
        // Nothing was there before; what is left of it is of no use.
        let _ = fs::remove_file(&beside);
    })
}

/// The text with that key set.
///
/// # Errors
///
/// The text is no valid TOML, or `table` is something else in it.
pub fn changed(text: &str, table: &str, key: &str, value: Value) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        lower(error.message().lines().next().unwrap_or("no valid TOML"))
    })?;
    let place = match table {
        "" => document.as_table_mut() as &mut dyn toml_edit::TableLike,
        table => document
            .entry(table)
            .or_insert_with(|| Item::Table(Table::new()))
            .as_table_like_mut()
            .ok_or_else(|| format!("'{table}' is no table there"))?,
    };
    match place.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            // The comment behind the value stays.
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        None => {
            place.insert(key, Item::Value(value));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn everything_else_stays_as_it_is() {
        let cases = [
            ("", "", "a = 1\n"),
            ("# mine\n\nb = 2 # two\n", "", "# mine\n\nb = 2 # two\na = 1\n"),
            (
                "# before\na = 7 # behind\n\n[t]\nx = 1\n",
                "",
                "# before\na = 1 # behind\n\n[t]\nx = 1\n",
            ),
            ("b = 2\n", "t", "b = 2\n\n[t]\na = 1\n"),
            ("[t] # why\nx = 1\n\n[u]\n", "t", "[t] # why\nx = 1\na = 1\n\n[u]\n"),
            ("[t]\na = [\n  \"x\", # odd\n]\n", "t", "[t]\na = 1\n"),
            ("t = { x = 1 }\n", "t", "t = { x = 1 , a = 1 }\n"),
            ("[[alert]]\nname = \"X\"\n", "", "a = 1\n[[alert]]\nname = \"X\"\n"),
        ];
        for (text, table, wanted) in cases {
            let got = changed(text, table, "a", Value::from(1)).expect("valid");
            assert_eq!(got, wanted, "{text}");
            assert_eq!(changed(&got, table, "a", Value::from(1)).as_deref(), Ok(wanted), "twice");
        }
        for (text, table) in [("a = ", ""), ("t = 1", "t"), ("[[t]]\n", "t"), ("a\u{0}", "")] {
            let message = changed(text, table, "a", Value::from(1)).expect_err(text);
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn the_file_is_made_or_replaced_and_a_link_stays_a_link() {
        let folder = std::env::temp_dir().join(format!("retop-write-{}", std::process::id()));
        let path = folder.join("deep/config.toml");
        set(&path, "t", "a", Value::from(1)).expect("made");
        assert_eq!(fs::read_to_string(&path).expect("there"), "[t]\na = 1\n");
        let link = folder.join("link.toml");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        set(&link, "t", "a", Value::from(2)).expect("replaced");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read_to_string(&path).expect("there"), "[t]\na = 2\n");
        assert_eq!(fs::read_dir(folder.join("deep")).expect("there").count(), 1, "nothing beside");
        let dangling = folder.join("dangling.toml");
        std::os::unix::fs::symlink("deep/later.toml", &dangling).expect("linked");
        set(&dangling, "t", "a", Value::from(3)).expect("made");
        assert!(fs::symlink_metadata(&dangling).expect("there").is_symlink());
        assert_eq!(
            fs::read_to_string(folder.join("deep/later.toml")).expect("there"),
            "[t]\na = 3\n"
        );
        // A file that was readable for some stays so; one with that name beside it is let be.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        set(&path, "t", "a", Value::from(4)).expect("replaced");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
        let beside = path.with_file_name(format!("config.toml.{}", std::process::id()));
        std::os::unix::fs::symlink(folder.join("victim"), &beside).expect("linked");
        assert!(set(&path, "t", "a", Value::from(5)).is_err());
        assert!(!folder.join("victim").exists());
        fs::remove_file(&beside).expect("still there");
        fs::write(&path, "a = ").expect("written");
        let message = set(&path, "", "a", Value::from(3)).expect_err("no TOML");
        assert!(message.starts_with(&path.display().to_string()), "{message}");
        assert_eq!(fs::read_to_string(&path).expect("there"), "a = ", "left alone");
        fs::remove_dir_all(&folder).expect("removed");
        let message = set(Path::new("/proc/none/config.toml"), "", "a", Value::from(1));
        assert!(message.is_err(), "{message:?}");
    }
}
