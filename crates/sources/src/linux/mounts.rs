//! `/proc/self/mountinfo`: which mounts are file systems of their own.

use std::collections::HashMap;

use super::hierarchy::unescape;
use super::parse::{self, Fields};

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Device number, major in the upper half; made up by the kernel where there is no device.
    pub(crate) number: u64,
    pub(crate) mountpoint: Vec<u8>,
    pub(crate) fstype: Vec<u8>,
    pub(crate) device: Vec<u8>,
    pub(crate) readonly: bool,
}

/// File systems that store nothing. They are not even asked for their size: asking an automounter
/// mounts what it stands for.
const PSEUDO: [&[u8]; 31] = [
    b"autofs",
    b"binfmt_misc",
    b"bpf",
    b"cgroup",
    b"cgroup2",
    b"configfs",
    b"debugfs",
    b"devpts",
    b"efivarfs",
    b"fuse.gvfsd-fuse",
    b"fuse.lxcfs",
    b"fuse.portal",
    b"fusectl",
    b"hugetlbfs",
    b"ipathfs",
    b"mqueue",
    b"nfsd",
    b"none",
    b"nsfs",
    b"proc",
    b"pstore",
    b"ramfs",
    b"resctrl",
    b"rootfs",
    b"rpc_pipefs",
    b"securityfs",
    b"selinuxfs",
    b"smackfs",
    b"sysfs",
    b"tracefs",
    b"usbfs",
];

/// File systems whose server is elsewhere: asking for their size can take for ever.
const REMOTE: [&[u8]; 18] = [
    b"9p",
    b"afs",
    b"beegfs",
    b"ceph",
    b"cifs",
    b"coda",
    b"davfs",
    b"gfs2",
    b"glusterfs",
    b"gpfs",
    b"lustre",
    b"ncpfs",
    b"nfs",
    b"nfs4",
    b"ocfs2",
    b"smb3",
    b"smbfs",
    b"virtiofs",
];

impl Mount {
    /// `36 35 98:0 /root /mountpoint options optional... - fstype device superblock-options`
    fn parse(line: &[u8]) -> Option<Mount> {
        let mut fields = Fields::new(line);
        let (_id, _parent) = (fields.number()?, fields.number()?);
        let mut number = fields.next()?.splitn(2, |&byte| byte == b':').map(parse::decimal);
        let (major, minor) = (number.next()??, number.next()??);
        let _root = fields.next()?;
        let mountpoint = unescape(fields.next()?);
        let options = fields.next()?;
        fields.find(|&field| field == b"-")?;
        let (fstype, device) = (unescape(fields.next()?), unescape(fields.next()?));
        let superblock = fields.next().unwrap_or(b"");
        let has_ro = |options: &[u8]| options.split(|&byte| byte == b',').any(|one| one == b"ro");
        Some(Mount {
            number: major << 32 | minor & 0xffff_ffff,
            mountpoint,
            fstype,
            device,
            readonly: has_ro(options) || has_ro(superblock),
        })
    }

    fn is_shown(&self) -> bool {
        // An overlay repeats the numbers of the file system below it. A host has one for each of
        // its containers; inside one it is the root, and all there is.
        let repeats = self.fstype == b"overlay" && self.mountpoint != b"/";
        !repeats && !PSEUDO.contains(&&self.fstype[..])
    }

    /// True if its numbers come from another machine, or from a program, and may never come.
    pub(crate) fn is_remote(&self) -> bool {
        self.fstype.starts_with(b"fuse.")
            || self.fstype == b"fuse"
            || REMOTE.contains(&&self.fstype[..])
    }

    /// True if files in it carry a device number of their own instead of the mount's.
    pub(crate) fn has_subvolumes(&self) -> bool {
        matches!(&self.fstype[..], b"btrfs" | b"bcachefs")
    }
}

/// The mounts that are file systems of their own: no pseudo file systems, of each file system the
/// mount with the shortest path, of each path the mount on top.
pub(crate) fn file_systems(mountinfo: &[u8]) -> Vec<Mount> {
    let mut by_path: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut mounts: Vec<Option<Mount>> = Vec::new();
    for mount in parse::lines(mountinfo).filter_map(Mount::parse) {
        // A later mount on the same path hides the earlier one, be it a pseudo file system.
        if let Some(hidden) = by_path.insert(mount.mountpoint.clone(), mounts.len())
            && let Some(hidden) = mounts.get_mut(hidden)
        {
            *hidden = None;
        }
        mounts.push(Some(mount));
    }
    let mut chosen: Vec<Mount> = mounts.into_iter().flatten().filter(Mount::is_shown).collect();
    chosen.sort_by(|one, other| {
        let identity = |mount: &Mount| (mount.number, mount.fstype.clone());
        let length = |mount: &Mount| mount.mountpoint.len();
        (identity(one), length(one)).cmp(&(identity(other), length(other)))
    });
    chosen.dedup_by(|other, first| (other.number, &other.fstype) == (first.number, &first.fstype));
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths(mountinfo: &str) -> Vec<String> {
        let mut paths: Vec<String> = file_systems(mountinfo.as_bytes())
            .into_iter()
            .map(|mount| String::from_utf8(mount.mountpoint).unwrap())
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn a_line_is_read_whole() {
        let line = br"36 35 8:17 /sub /mnt/my\040disk\134x rw,noatime master:1 shared:2 - ext4 /dev/sd\041 ro,errors=continue";
        let mounts = file_systems(line);
        assert_eq!(
            mounts,
            [Mount {
                number: 8 << 32 | 17,
                mountpoint: br"/mnt/my disk\x".to_vec(),
                fstype: b"ext4".to_vec(),
                device: b"/dev/sd!".to_vec(),
                readonly: true,
            }]
        );
        assert!(!mounts[0].is_remote());
    }

    #[test]
    fn one_row_for_each_file_system() {
        let text = "22 27 0:21 / /proc rw - proc proc rw\n\
            27 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            28 27 8:1 /srv /srv/bind rw - ext4 /dev/sda1 rw\n\
            29 27 8:2 / /data/long rw - xfs /dev/sda2 rw\n\
            30 27 8:2 / /data rw - xfs /dev/sda2 rw\n\
            31 27 0:40 / /run rw - tmpfs tmpfs rw\n\
            32 27 0:41 / /run rw - tmpfs tmpfs rw\n\
            33 27 0:50 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n\
            34 27 0:51 / /net rw - autofs systemd-1 rw\n\
            35 27 0:52 / /net/home rw - nfs4 server:/home rw\n\
            36 27 0:53 / /covered rw - tmpfs tmpfs rw\n\
            37 27 0:54 / /covered rw - autofs auto rw\n";
        assert_eq!(paths(text), ["/", "/data", "/net/home", "/run"]);
        assert_eq!(paths("27 1 0:30 / / rw - overlay overlay rw\n"), ["/"]);
        let mounts = file_systems(text.as_bytes());
        let run = mounts.iter().find(|mount| mount.mountpoint == b"/run").unwrap();
        assert_eq!(run.number, 41);
        let remote: Vec<bool> = mounts.iter().map(Mount::is_remote).collect();
        assert_eq!(remote.into_iter().filter(|&remote| remote).count(), 1);
    }

    #[test]
    fn escapes() {
        for (escaped, plain) in [
            (r"a\040b", &b"a b"[..]),
            (r"\011\012\134", b"\t\n\\"),
            (r"\04", br"\04"),
            (r"\", br"\"),
            (r"\999\400", br"\999\400"),
            (r"\377", b"\xff"),
        ] {
            assert_eq!(unescape(escaped.as_bytes()), plain, "{escaped}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            bytes: Vec<u8>,
            line in "[0-9]{0,3} [0-9]{0,3} [0-9]{0,22}:[0-9]{0,22} / /[a-z\\\\0-9]{0,4} r[ow] (- )?[a-z]{1,3} x( ro)?",
        ) {
            file_systems(&bytes);
            for mount in file_systems(line.as_bytes()) {
                prop_assert!(mount.mountpoint.len() < 8);
            }
        }
    }
}
