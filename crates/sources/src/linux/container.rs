//! What the path of a control group tells of a container or a systemd unit. Pure.

/// Who made a control group, as its path tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A container runtime or a machine manager: the identifier's first 12 digits, or the name.
    Container(String),
    /// systemd: the unit's name.
    Unit(String),
}

/// The container's short identifier or name, else the systemd unit.
pub fn of(path: &str) -> Option<String> {
    origin(path).map(|origin| match origin {
        Origin::Container(name) | Origin::Unit(name) => name,
    })
}

/// The innermost container that the path names, else the innermost unit.
pub fn origin(path: &str) -> Option<Origin> {
    let parts = || path.split('/').filter(|part| !part.is_empty() && *part != "..");
    let outer = std::iter::once("").chain(parts());
    let containers = parts().zip(outer).filter_map(|(part, outer)| container(part, outer));
    containers.last().map(Origin::Container).or_else(|| unit(path).map(Origin::Unit))
}

/// What one part of the path, below `outer`, tells of a container.
fn container(part: &str, outer: &str) -> Option<String> {
    let name = part.strip_suffix(".scope").or_else(|| part.strip_suffix(".service"));
    let stem = name.unwrap_or(part);
    if let Some(id) = identifier(stem) {
        return Some(id.to_owned());
    }
    for prefix in ["lxc.payload.", "lxc.monitor."] {
        if let Some(name) = stem.strip_prefix(prefix) {
            return Some(name.to_owned());
        }
    }
    if matches!(outer, "lxc" | "lxc.payload") {
        return Some(part.to_owned());
    }
    let machine = stem.strip_prefix("machine-").filter(|_| part.ends_with(".scope"));
    machine.or_else(|| stem.strip_prefix("systemd-nspawn@")).map(unescape)
}

/// The first 12 digits of the 64 that Docker, containerd, CRI-O, Podman and Kubernetes end a name
/// with, or of the 32 that ECS begins one with. `conmon` watches a container from outside.
fn identifier(stem: &str) -> Option<&str> {
    let is_hex =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if let Some((prefix, id)) = stem.len().checked_sub(64).and_then(|at| stem.split_at_checked(at))
        && is_hex(id)
        && (prefix.is_empty() || prefix.ends_with(['-', ':', '_']))
    {
        return if prefix.ends_with("conmon-") { None } else { id.get(..12) };
    }
    let (id, number) = stem.split_once('-')?;
    let ecs = id.len() == 32 && is_hex(id) && number.len() >= 9;
    (ecs && number.bytes().all(|b| b.is_ascii_digit())).then(|| id.get(..12)).flatten()
}

/// The innermost unit. Inside a service manager of its own (`user@1000.service`) `init.scope` is
/// that manager's own process: the manager's unit says more. Slices only group others, so they
/// count only where nothing else is named.
fn unit(path: &str) -> Option<String> {
    let parts = || path.split('/').rev();
    let ends = |part: &str, endings: &[&str]| endings.iter().any(|ending| part.ends_with(ending));
    let task = |part: &&str| ends(part, &[".service", ".scope", ".socket", ".mount", ".swap"]);
    parts()
        .find(|part| task(part) && *part != "init.scope")
        .or_else(|| parts().find(task))
        .or_else(|| parts().find(|part| part.ends_with(".slice") && part.len() > ".slice".len()))
        .map(unescape)
}

/// Undoes systemd's `\x2d`. What comes out is no cleaner than any other name.
fn unescape(name: &str) -> String {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'\\', b'x', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                plain.push(high << 4 | low);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn containers_are_told_from_paths() {
        let pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5f_1.slice";
        for (path, expected) in [
            (format!("/system.slice/docker-{ID}.scope"), "0123456789ab"),
            (format!("/system.slice/docker-{ID}.scope/system.slice/a.service"), "0123456789ab"),
            (format!("/docker/{ID}"), "0123456789ab"),
            (format!("{pod}/cri-containerd-{ID}.scope"), "0123456789ab"),
            (format!("{pod}/crio-{ID}.scope/container"), "0123456789ab"),
            (format!("/kubepods/besteffort/pod12-34/{ID}"), "0123456789ab"),
            (
                format!("/system.slice/containerd.service/kubepods-x.slice:cri-containerd:{ID}"),
                "0123456789ab",
            ),
            (format!("/machine.slice/libpod-{ID}.scope/container"), "0123456789ab"),
            (
                format!(
                    "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"
                ),
                "0123456789ab",
            ),
            (format!("/docker/{}/docker/{ID}", "f".repeat(64)), "0123456789ab"),
            (format!("/../../docker-{ID}.scope"), "0123456789ab"),
            ("/ecs/task/0123456789abcdef0123456789abcdef-1234567890".to_owned(), "0123456789ab"),
            ("/lxc/web".to_owned(), "web"),
            ("/lxc.payload.web/system.slice/cron.service".to_owned(), "web"),
            ("/lxc.payload/web".to_owned(), "web"),
            (
                r"/machine.slice/machine-qemu\x2d1\x2ddb.scope/libvirt/emulator".to_owned(),
                "qemu-1-db",
            ),
            (r"/machine.slice/systemd-nspawn@build\x2dbox.service/payload".to_owned(), "build-box"),
        ] {
            assert_eq!(origin(&path), Some(Origin::Container(expected.to_owned())), "{path}");
        }
    }

    #[test]
    fn units_are_told_from_paths() {
        for (path, expected) in [
            ("/system.slice/nginx.service", "nginx.service"),
            ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
            ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
            ("/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service"),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope", "a.scope"),
            ("/init.scope", "init.scope"),
            ("/user.slice", "user.slice"),
            (r"/system.slice/dev-disk-a\x20b.swap", "dev-disk-a b.swap"),
        ] {
            assert_eq!(origin(path), Some(Origin::Unit(expected.to_owned())), "{path}");
        }
        let conmon = format!("/machine.slice/libpod-conmon-{ID}.scope");
        assert_eq!(of(&conmon), Some(format!("libpod-conmon-{ID}.scope")));
    }

    #[test]
    fn other_paths_tell_nothing() {
        let upper = format!("/docker/{}", ID.to_uppercase());
        let glued = format!("/app{ID}");
        for path in ["", "/", "/..", "/../..", "/jobs/7", "/.slice", "//", &upper, &glued] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_is_too_strange(
            path in ".{0,200}",
            tail in r"(/|\\x[0-9a-g]{0,2}|é|[0-9a-f]{60,70}){0,5}",
        ) {
            let _ = of(&format!("{path}{tail}.scope"));
        }
    }
}
