//! Name, kernel, uptime, users, limits.

use std::io;

use crate::spec::Spec;
use crate::tree::Tree;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
messagebus:x:101:102::/nonexistent:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
postgres:x:110:118:PostgreSQL:/var/lib/postgresql:/bin/bash
ada:x:1000:1000:Ada:/home/ada:/bin/bash
";

pub fn write(spec: &Spec, tree: &Tree) -> io::Result<()> {
    let host = &spec.host;
    let now = spec.now();
    let running = spec.processes.iter().filter(|process| process.state == 'R').count();
    let tasks: u32 = spec.processes.iter().map(|process| process.threads).sum();
    let newest = spec.processes.iter().map(|process| process.pid).max().unwrap_or(1);
    let [one, five, fifteen] = host.load;
    let online = spec.cpus.iter().filter(|cpu| cpu.online).count() as u64;
    let os = format!("NAME=\"{0}\"\nID=made-up\nPRETTY_NAME=\"{0}\"\n", host.os);
    let version = format!("Linux version {} (build@made.up) (gcc 14) #1 SMP\n", host.kernel);
    let load = format!("{one} {five} {fifteen} {running}/{tasks} {newest}\n");
    for (path, text) in [
        ("proc/uptime", format!("{now}.25 {}.50\n", now * online * 8 / 10)),
        ("proc/loadavg", load),
        ("proc/version", version),
        ("proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet\n".to_owned()),
        ("proc/sys/kernel/hostname", format!("{}\n", host.name)),
        ("proc/sys/kernel/ostype", "Linux\n".to_owned()),
        ("proc/sys/kernel/osrelease", format!("{}\n", host.kernel)),
        ("proc/sys/kernel/random/boot_id", format!("{}\n", host.boot_id)),
        ("proc/sys/kernel/pid_max", "4194304\n".to_owned()),
        ("proc/sys/kernel/threads-max", "127452\n".to_owned()),
        ("proc/sys/kernel/task_delayacct", "0\n".to_owned()),
        ("proc/sys/fs/file-nr", format!("{}\t0\t9223372036854775807\n", 2_048 + now % 64)),
        ("etc/hostname", format!("{}\n", host.name)),
        ("etc/os-release", os),
        ("etc/passwd", PASSWD.to_owned()),
    ] {
        tree.file(path, text)?;
    }
    Ok(())
}
