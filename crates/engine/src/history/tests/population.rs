//! A made-up machine of many processes that changes as a real one was measured to: of 2,000, 467
//! rows and 1,426 numbers a second, and 5.4 births.

use std::sync::Arc;

use retop_model::family::{cpu, memory, process};
use retop_model::{
    FamilyId, Field, Key, RawSample, RawTable, Reading, Snapshot, Stamp, Text, Window, derive,
};

/// The columns that are read for every process.
const STEADY: [Field; 10] = [
    process::parent_pid,
    process::user_id,
    process::state,
    process::nice,
    process::priority,
    process::group_id,
    process::session_id,
    process::terminal,
    process::threads,
    process::kernel,
];
const MOVING: [Field; 10] = [
    process::user_seconds,
    process::system_seconds,
    process::minor_faults,
    process::resident_bytes,
    process::read_call_bytes,
    process::write_call_bytes,
    process::read_calls,
    process::write_calls,
    process::voluntary_switches,
    process::written_bytes,
];

/// Repeatable numbers without a pattern that a compressor would find: xorshift64*.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

struct Process {
    key: Key,
    readings: Vec<Reading>,
    texts: Vec<Option<Text>>,
    /// Of ten columns, how many move in a second in which the process does anything.
    busy: usize,
}

pub struct Population {
    random: Random,
    processes: Vec<Process>,
    next_pid: u64,
    stamp: Stamp,
    system: [i64; 40],
    last: Option<Snapshot>,
    births_owed: f64,
    /// Processes of a thousand that do something in a second.
    lively: u64,
}

impl Population {
    /// As `cargo xtask load 2000 --lively` was measured through retop: 175 rows and 660 numbers a
    /// second.
    pub fn of_the_bench(processes: usize) -> Population {
        Population { lively: 110, ..Population::new(processes) }
    }

    pub fn new(processes: usize) -> Population {
        let stamp =
            Stamp { wall_ms: 1_790_000_000_000, monotonic_ns: 1 << 45, boottime_ns: 1 << 45 };
        let mut population = Population {
            random: Random(0x9e37_79b9_7f4a_7c15),
            processes: Vec::new(),
            next_pid: 1,
            stamp,
            system: [1_000_000; 40],
            last: None,
            births_owed: 0.0,
            lively: 230,
        };
        for _ in 0..processes {
            population.birth();
        }
        population
    }

    fn birth(&mut self) {
        let pid = self.next_pid;
        self.next_pid += 1 + self.random.below(3);
        let start = self.stamp.boottime_ns / 10_000_000;
        let family = FamilyId::Process.get();
        let mut table = RawTable::new(FamilyId::Process);
        let mut row = table.push(Key(pid, start));
        row.set(process::pid, pid).set(process::start_seconds, start * 10_000);
        for field in STEADY {
            row.set(field, self.random.below(4));
        }
        // Most counters of most processes are small.
        for field in MOVING {
            let bits = self.random.below(20);
            row.set(field, self.random.below(1 << bits));
        }
        let name = format!("worker-{}", self.random.below(300));
        let command =
            format!("/usr/lib/{name} --shard={} --port {}", self.random.below(5_000), pid);
        row.text(process::name, name).text(process::command, command);
        row.text(process::user, ["root", "www-data", "postgres"][pid as usize % 3]);
        self.processes.push(Process {
            key: Key(pid, start),
            readings: table.readings(0).collect(),
            texts: table.texts(0).to_vec(),
            busy: 1 + self.random.below(5) as usize,
        });
        assert_eq!(family.raw.len(), table.readings(0).count());
    }

    /// One second later.
    pub fn next(&mut self) -> Snapshot {
        let passed = 1_000_000_000 + self.random.below(200_000);
        self.stamp.monotonic_ns += passed;
        self.stamp.boottime_ns += passed;
        self.stamp.wall_ms += (passed / 1_000_000) as i64;
        self.births_owed += 5.4 * self.processes.len() as f64 / 2_000.0;
        while self.births_owed >= 1.0 {
            self.births_owed -= 1.0;
            let gone = self.random.below(self.processes.len() as u64);
            self.processes.remove(gone as usize);
            self.birth();
        }
        let columns: Vec<usize> = MOVING.iter().map(|field| column(*field)).collect();
        for process in &mut self.processes {
            if self.random.below(1_000) >= self.lively {
                continue;
            }
            for _ in 0..process.busy {
                let place = columns[self.random.below(10) as usize];
                let bits = 2 + self.random.below(16);
                let by = 1 + self.random.below(1 << bits) as i64;
                let last = process.readings[place].get().unwrap_or(0);
                process.readings[place] = Reading::new(last + by);
            }
        }
        let mut sample = RawSample::new(self.stamp);
        sample.put(Arc::new(self.process_table()));
        for family in [FamilyId::Cpu, FamilyId::Memory] {
            sample.put(Arc::new(self.system_table(family)));
        }
        let moment = derive(self.last.as_ref(), Arc::new(sample));
        self.last = Some(moment.clone());
        moment
    }

    fn process_table(&mut self) -> RawTable {
        let mut table = RawTable::new(FamilyId::Process);
        for process in &self.processes {
            let mut row = table.push(process.key);
            row.fill(process.readings.iter().copied());
            row.texts().clone_from_slice(&process.texts);
        }
        table.finish(self.window(30_000_000));
        table
    }

    fn system_table(&mut self, family: FamilyId) -> RawTable {
        let mut table = RawTable::new(family);
        let mut row = table.push(Key::ONE);
        for value in self.system.iter_mut() {
            *value += self.random.below(900_000) as i64;
        }
        row.fill(self.system.iter().map(|&value| Reading::new(value)));
        let declared = [(cpu::logical, 16i64), (memory::total_bytes, 1 << 36)];
        for (field, value) in declared.into_iter().filter(|(field, _)| field.family == family) {
            row.set(field, value);
        }
        table.finish(self.window(200_000));
        table
    }

    fn window(&mut self, long_ns: u64) -> Window {
        let begin_ns = self.stamp.monotonic_ns + self.random.below(500_000);
        Window { begin_ns, end_ns: begin_ns + long_ns + self.random.below(100_000) }
    }
}

fn column(field: Field) -> usize {
    let raw = FamilyId::Process.get().raw;
    raw.iter().position(|column| column.name == field.name()).unwrap()
}
