//! As many processes as asked for, with no more than a listing reads.

use std::io;
use std::path::Path;

use crate::process;
use crate::spec::{Process, Spec};
use crate::tree::Tree;

use super::small_server;

/// Names that real machines have much of; no two neighbours sort together.
const NAMES: [&str; 8] =
    ["postgres", "nginx", "worker", "java", "bash", "python3", "sshd", "Isolated Web Co"];

/// Writes the small server with `count` processes in place of its own, each with `stat`, `cmdline`
/// and `status`. One of eight uses CPU time.
///
/// # Errors
///
/// What the file system says.
pub fn many(dir: &Path, count: u32, second: u64) -> io::Result<()> {
    let tree = Tree::new(dir);
    let processes = (0..count).map(process).collect();
    let spec = Spec { processes, ..small_server::spec(second) }.settle();
    spec.write_machine(&tree)?;
    for process in &spec.processes {
        let folder = format!("proc/{}", process.pid);
        let times = process::used(process, second);
        let stat = process::stat(process, process.pid, process.threads, times);
        tree.folder(&folder)?;
        tree.file(&format!("{folder}/stat"), stat)?;
        tree.file(&format!("{folder}/cmdline"), &process.command)?;
        tree.file(&format!("{folder}/status"), process::status(process, spec.now()))?;
    }
    Ok(())
}

fn process(number: u32) -> Process {
    let pid = number + 1;
    let name = NAMES[number as usize % NAMES.len()];
    let parent = if number == 0 { 0 } else { 1 + number / 16 };
    let parent = if parent == pid { 0 } else { parent };
    let process = Process::new(pid, parent, name).command(&format!("/opt/{name} --id {number}"));
    let busy = if number % 8 == 3 { u64::from(number % 5) } else { 0 };
    process.size(1 + number % 4, 8 + u64::from(number % 200)).load(busy, busy / 2)
}
