//! A kind of process, as data.

/// What processes of a kind are called, and what they use.
#[derive(Clone, Debug)]
pub struct Program {
    /// The kernel's name for it; bytes, since names need not be text.
    pub name: Vec<u8>,
    /// Command line; `{n}` stands for the number of the instance. Empty for kernel threads.
    pub command: Vec<u8>,
    /// Number and name of the user.
    pub user: (u32, &'static str),
    /// Path of the control group; `{n}` stands for the number of the instance.
    pub group: String,
    /// Container or unit that the path tells.
    pub container: Option<String>,
    /// Name of the program whose first process is the parent; empty for pid 1 (2 in the kernel).
    pub parent: &'static str,
    /// Processes at the start. Programs with none are started by the script.
    pub count: u64,
    /// Threads of each.
    pub threads: u64,
    /// CPU that each uses on average, in thousandths of one CPU.
    pub cpu: u64,
    /// The kernel's part of that, in percent.
    pub system: u64,
    /// Nice value.
    pub nice: i64,
    /// Memory that is its own, in bytes.
    pub own_bytes: u64,
    /// Memory that files stand behind, in bytes.
    pub shared_bytes: u64,
    /// Bytes read from disks per second, on average.
    pub read: u64,
    /// Bytes written to disks per second, on average.
    pub written: u64,
    /// True if its load follows the requests that come in.
    pub serves: bool,
    /// A state that it never leaves, such as that of a zombie.
    pub stuck: Option<i64>,
    /// How long it has run when the simulation begins, in seconds; 0 is since boot.
    pub age: u64,
}

const MIB: u64 = 1 << 20;

impl Program {
    /// One idle process of root that takes 4 MiB.
    pub fn new(name: impl AsRef<[u8]>) -> Program {
        let name = name.as_ref();
        Program {
            name: name.to_vec(),
            command: name.to_vec(),
            user: (0, "root"),
            group: "/system.slice".into(),
            container: None,
            parent: "",
            count: 1,
            threads: 1,
            cpu: 0,
            system: 25,
            nice: 0,
            own_bytes: 4 * MIB,
            shared_bytes: 3 * MIB,
            read: 0,
            written: 0,
            serves: false,
            stuck: None,
            age: 0,
        }
    }

    /// Threads of the kernel: no command, no memory, no group.
    pub fn kernel(name: &str, count: u64, cpu: u64) -> Program {
        let command = Vec::new();
        Program { command, group: "/".into(), own_bytes: 0, shared_bytes: 0, ..Program::new(name) }
            .count(count)
            .cpu(cpu)
            .system(100)
    }

    /// A unit of systemd with its usual path.
    pub fn service(name: &'static str, unit: &str) -> Program {
        let container = Some(format!("{unit}.service"));
        Program { group: format!("/system.slice/{unit}.service"), container, ..Program::new(name) }
    }

    /// Sets the command line.
    pub fn command(mut self, command: impl AsRef<[u8]>) -> Program {
        self.command = command.as_ref().to_vec();
        self
    }

    /// Sets the user.
    pub fn user(mut self, id: u32, name: &'static str) -> Program {
        self.user = (id, name);
        self
    }

    /// Sets the control group and what it tells.
    pub fn group(mut self, path: impl Into<String>, container: impl Into<String>) -> Program {
        self.group = path.into();
        self.container = Some(container.into()).filter(|name| !name.is_empty());
        self
    }

    /// Sets the program whose first process is the parent.
    pub fn parent(mut self, name: &'static str) -> Program {
        self.parent = name;
        self
    }

    /// Sets the number of processes.
    pub fn count(mut self, count: u64) -> Program {
        self.count = count;
        self
    }

    /// Sets the number of threads of each.
    pub fn threads(mut self, threads: u64) -> Program {
        self.threads = threads;
        self
    }

    /// Sets the CPU use, in thousandths of one CPU.
    pub fn cpu(mut self, permille: u64) -> Program {
        self.cpu = permille;
        self
    }

    /// Sets the kernel's part of the CPU use, in percent.
    pub fn system(mut self, percent: u64) -> Program {
        self.system = percent;
        self
    }

    /// Sets the nice value.
    pub fn nice(mut self, nice: i64) -> Program {
        self.nice = nice;
        self
    }

    /// Sets its own and its shared memory, in MiB.
    pub fn memory(mut self, own_mib: u64, shared_mib: u64) -> Program {
        (self.own_bytes, self.shared_bytes) = (own_mib * MIB, shared_mib * MIB);
        self
    }

    /// Sets bytes read from and written to disks per second.
    pub fn io(mut self, read: u64, written: u64) -> Program {
        (self.read, self.written) = (read, written);
        self
    }

    /// Lets its load follow the requests that come in.
    pub fn serves(mut self) -> Program {
        self.serves = true;
        self
    }

    /// Holds it in a state of the process family.
    pub fn stuck(mut self, state: i64) -> Program {
        self.stuck = Some(state);
        self
    }

    /// Sets how long it has run, in seconds.
    pub fn age(mut self, seconds: u64) -> Program {
        self.age = seconds;
        self
    }
}
