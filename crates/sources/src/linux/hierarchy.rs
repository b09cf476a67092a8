//! Where the control groups of a machine are mounted, and which of them a process is in.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::sysfs;
use crate::roots::Roots;

/// A mounted hierarchy of control groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where it is mounted, below the machine's root.
    pub dir: PathBuf,
    /// Which group stands at the mount point: `/` unless a container was given a part of the tree.
    pub root: String,
    /// The controllers of a version 1 hierarchy; `None` for version 2.
    pub controllers: Option<Vec<String>>,
}

impl Hierarchy {
    /// True for a version 1 hierarchy with that controller.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().flatten().any(|name| name == controller)
    }

    /// True if the group is one of this hierarchy. The mount's options name more than controllers.
    pub fn holds(&self, group: &Membership) -> bool {
        match (&group.controllers, &self.controllers) {
            (None, None) => true,
            (Some(names), Some(_)) => names.iter().all(|name| self.has(name)),
            _ => false,
        }
    }

    /// The folder of a group that is named as in `/proc/PID/cgroup`. A group outside what is
    /// mounted gives the mount point: the nearest thing that can be seen.
    pub fn folder(&self, group: &str) -> PathBuf {
        let below = match self.root.trim_end_matches('/') {
            "" => Some(group),
            root => {
                group.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        };
        let inside = below.filter(|path| !path.split('/').any(|part| part == ".."));
        let folder = inside.map(|path| self.dir.join(path.trim_matches('/')));
        folder.filter(|folder| folder.is_dir()).unwrap_or_else(|| self.dir.clone())
    }
}

/// The mounted hierarchies, from `proc/self/mountinfo`.
pub fn mounted(roots: &Roots) -> Vec<Hierarchy> {
    let mut text = Vec::new();
    if sysfs::read_into(&roots.proc.join("self/mountinfo"), &mut text).is_err() {
        return Vec::new();
    }
    text.split(|&byte| byte == b'\n').filter_map(|line| parse_mount(line, &roots.base)).collect()
}

/// One line: `31 23 0:28 ROOT MOUNT_POINT OPTIONS [TAGS…] - TYPE SOURCE SUPER_OPTIONS`.
fn parse_mount(line: &[u8], base: &Path) -> Option<Hierarchy> {
    let mut fields = line.split(|&byte| byte == b' ');
    let root = fields.nth(3)?;
    let point = unescape(fields.next()?);
    let mut kind = fields.skip_while(|field| *field != b"-").skip(1);
    let controllers = match kind.next()? {
        b"cgroup2" => None,
        b"cgroup" => {
            let options = std::str::from_utf8(kind.nth(1)?).ok()?;
            Some(options.split(',').map(str::to_owned).collect())
        }
        _ => return None,
    };
    let below = point.strip_prefix(b"/")?;
    Some(Hierarchy {
        dir: base.join(OsStr::from_bytes(below)),
        root: String::from_utf8_lossy(&unescape(root)).into_owned(),
        controllers,
    })
}

/// The kernel writes space, tab, newline and backslash as `\` and three octal digits.
pub fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => plain.push(*first),
        }
    }
    plain
}

/// One line of `/proc/PID/cgroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Controllers of a version 1 hierarchy; `None` for version 2.
    pub controllers: Option<Vec<String>>,
    /// The group's path.
    pub path: String,
}

/// The groups of a process, from the text of its `cgroup` file.
pub fn memberships(text: &str) -> Vec<Membership> {
    let line = |line: &str| {
        let (number, rest) = line.split_once(':')?;
        number.parse::<u32>().ok()?;
        let (controllers, path) = rest.split_once(':')?;
        let version_2 = number == "0" && controllers.is_empty();
        let controllers = (!version_2).then(|| controllers.split(',').map(str::to_owned).collect());
        path.starts_with('/').then(|| Membership { controllers, path: path.to_owned() })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use retop_fake_machine::Scratch;

    #[test]
    fn mounts_are_told_by_type_and_options() {
        let base = Path::new("/made/up");
        let two = b"38 31 0:35 / /sys/fs/cgroup rw,nosuid shared:9 master:1 - cgroup2 cgroup2 rw";
        let one =
            b"11 32 0:29 /docker/ab /sys/fs/cgroup/cpu\\040x rw - cgroup cgroup rw,cpu,cpuacct";
        let two = parse_mount(two, base).expect("version 2");
        assert_eq!(two.dir, base.join("sys/fs/cgroup"));
        assert_eq!((two.root.as_str(), two.controllers), ("/", None));
        let one = parse_mount(one, base).expect("version 1");
        assert_eq!(one.dir, base.join("sys/fs/cgroup/cpu x"));
        assert_eq!(one.root, "/docker/ab");
        assert!(one.has("cpuacct") && one.has("cpu") && !one.has("memory"));
        for line in [
            "",
            "38",
            "38 31 0:35 / /sys/fs/cgroup rw",
            "38 31 0:35 / /sys/fs/cgroup rw -",
            "38 31 0:35 / /sys/fs/cgroup rw - cgroup",
            "38 31 0:35 / relative rw - cgroup2 none rw",
            "38 31 0:35 / / rw - ext4 /dev/sda1 rw",
        ] {
            assert_eq!(parse_mount(line.as_bytes(), base), None, "{line}");
        }
    }

    #[test]
    fn memberships_of_both_versions() {
        let groups = memberships("4:cpu,cpuacct:/a:b\n1:name=systemd:/init\n0::/user.slice\n");
        let paths: Vec<&str> = groups.iter().map(|group| group.path.as_str()).collect();
        assert_eq!(paths, ["/a:b", "/init", "/user.slice"]);
        assert_eq!(groups[0].controllers, Some(vec!["cpu".to_owned(), "cpuacct".to_owned()]));
        assert_eq!(groups[2].controllers, None);
        let options = ["rw", "cpu", "cpuacct"].map(str::to_owned).to_vec();
        let mount =
            |controllers| Hierarchy { dir: PathBuf::new(), root: "/".to_owned(), controllers };
        let held = |mount: &Hierarchy| groups.iter().map(|g| mount.holds(g)).collect::<Vec<_>>();
        assert_eq!(held(&mount(Some(options))), [true, false, false]);
        assert_eq!(held(&mount(None)), [false, false, true]);
        assert_eq!(memberships("garbage\n0:\n0::relative\nx::/a\n\n"), []);
    }

    #[test]
    fn a_folder_never_leaves_its_mount() {
        let scratch = Scratch::new();
        scratch.tree().folder("mount/a/b").expect("made");
        let dir = scratch.path().join("mount");
        let whole = Hierarchy { dir: dir.clone(), root: "/".to_owned(), controllers: None };
        let part = Hierarchy { root: "/docker/x".to_owned(), ..whole.clone() };
        assert_eq!(whole.folder("/a/b"), dir.join("a/b"));
        assert_eq!(part.folder("/docker/x/a"), dir.join("a"));
        for outside in ["/docker/xy/a", "/../a", "/docker/x/../a", "/gone"] {
            assert_eq!(part.folder(outside), dir, "{outside}");
        }
        assert_eq!(whole.folder("/../../a"), dir);
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange(line: Vec<u8>, text in ".{0,100}") {
            let _ = parse_mount(&line, Path::new("/"));
            let _ = memberships(&text);
            prop_assert!(unescape(&line).len() <= line.len());
        }
    }
}
