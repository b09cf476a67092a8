//! Processor time, topology, clocks, idle states and interrupts.

use std::fmt::Write as _;
use std::io;

use crate::spec::{Cpu, Spec, list};
use crate::tree::Tree;

/// A CPU has this many ticks a second.
const TICKS: u64 = 100;

pub fn write(spec: &Spec, tree: &Tree) -> io::Result<()> {
    let cpus = loaded(spec);
    tree.file("proc/stat", stat(spec, &cpus))?;
    tree.file("proc/cpuinfo", cpuinfo(spec))?;
    interrupts(spec, tree)?;
    let all = list(cpus.iter().map(|cpu| cpu.number));
    let online = list(cpus.iter().filter(|cpu| cpu.online).map(|cpu| cpu.number));
    let system = "sys/devices/system/cpu";
    tree.attributes(system, &[("possible", &all), ("present", &all), ("online", &online)])?;
    cpus.iter().try_for_each(|cpu| folder(spec, &cpus, cpu, tree))
}

/// The CPUs with the time of the processes poured in, each beginning with the CPU that it last ran
/// on and flowing over to the next: the machine is as busy as its processes.
fn loaded(spec: &Spec) -> Vec<Cpu> {
    let mut cpus = spec.cpus.clone();
    let count = cpus.len().max(1);
    for process in &spec.processes {
        let (mut user, mut system) = (process.user, process.system);
        for step in 0..count {
            let Some(cpu) = cpus.get_mut((process.last_cpu as usize + step) % count) else { break };
            if !cpu.online {
                continue;
            }
            let mut pour = |ticks: &mut u64, into: fn(&mut Cpu) -> &mut u64| {
                let poured = (*ticks).min(TICKS.saturating_sub(busy(cpu) + cpu.iowait));
                *into(cpu) += poured;
                *ticks -= poured;
            };
            pour(&mut user, |cpu| &mut cpu.user);
            pour(&mut system, |cpu| &mut cpu.system);
        }
    }
    cpus
}

fn busy(cpu: &Cpu) -> u64 {
    cpu.user + cpu.nice + cpu.system + cpu.irq + cpu.softirq + cpu.steal
}

/// user nice system idle iowait irq softirq steal guest guest_nice
fn times(cpu: &Cpu, now: u64) -> [u64; 10] {
    let idle = TICKS.saturating_sub(busy(cpu) + cpu.iowait);
    let rates =
        [cpu.user, cpu.nice, cpu.system, idle, cpu.iowait, cpu.irq, cpu.softirq, cpu.steal, 0, 0];
    rates.map(|rate| rate * now)
}

fn line(name: &str, times: [u64; 10]) -> String {
    let times: Vec<String> = times.iter().map(u64::to_string).collect();
    format!("{name} {}\n", times.join(" "))
}

fn stat(spec: &Spec, cpus: &[Cpu]) -> String {
    let now = spec.now();
    let online = || cpus.iter().filter(|cpu| cpu.online);
    let sum = online().map(|cpu| times(cpu, now)).fold([0; 10], |mut sum, times| {
        sum.iter_mut().zip(times).for_each(|(sum, time)| *sum += time);
        sum
    });
    let mut text = line("cpu ", sum);
    for cpu in online() {
        text += &line(&format!("cpu{}", cpu.number), times(cpu, now));
    }
    let count = online().count() as u64;
    let running = spec.processes.iter().filter(|process| process.state == 'R').count().max(1);
    let blocked = spec.processes.iter().filter(|process| process.state == 'D').count();
    let _ = write!(
        text,
        "intr {} 9 0 0 {}\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {running}\n\
         procs_blocked {blocked}\nsoftirq {} 0 {} 1 0\n",
        now * 250 * count,
        now * 3,
        now * 900 * count,
        spec.host.boot_time,
        5_000 + now * 3,
        now * 120 * count,
        now * 40 * count,
    );
    text
}

fn cpuinfo(spec: &Spec) -> String {
    let mut text = String::new();
    for cpu in spec.cpus.iter().filter(|cpu| cpu.online) {
        let megahertz = if cpu.kilohertz == 0 { 2_400_000 } else { cpu.kilohertz } as f64 / 1e3;
        let _ = write!(
            text,
            "processor\t: {}\nmodel name\t: {}\ncpu MHz\t\t: {megahertz:.3}\n\
             physical id\t: {}\ncore id\t\t: {}\nflags\t\t: fpu tsc sse2\n\n",
            cpu.number, spec.host.cpu_model, cpu.package, cpu.core,
        );
    }
    text
}

fn folder(spec: &Spec, cpus: &[Cpu], cpu: &Cpu, tree: &Tree) -> io::Result<()> {
    let folder = format!("sys/devices/system/cpu/cpu{}", cpu.number);
    // The first CPU cannot be switched off and has no such file.
    if cpu.number > 0 {
        tree.file(&format!("{folder}/online"), if cpu.online { "1\n" } else { "0\n" })?;
    }
    if !cpu.online {
        return tree.folder(&folder);
    }
    let on = |same: &dyn Fn(&Cpu) -> bool| {
        list(cpus.iter().filter(|other| other.online && same(other)).map(|other| other.number))
    };
    let package = on(&|other| other.package == cpu.package);
    let threads = on(&|other| (other.package, other.core) == (cpu.package, cpu.core));
    let (core, socket) = (cpu.core.to_string(), cpu.package.to_string());
    let topology = [
        ("core_id", core.as_str()),
        ("physical_package_id", &socket),
        ("thread_siblings_list", &threads),
        ("core_cpus_list", &threads),
        ("package_cpus_list", &package),
    ];
    tree.attributes(&format!("{folder}/topology"), &topology)?;
    tree.folder(&format!("{folder}/node{}", cpu.node))?;
    if cpu.kilohertz > 0 {
        let [now, lowest, highest] =
            [cpu.kilohertz, cpu.lowest_kilohertz, cpu.highest_kilohertz].map(|f| f.to_string());
        let clocks = [
            ("scaling_cur_freq", now.as_str()),
            ("scaling_min_freq", &lowest),
            ("scaling_max_freq", &highest),
            ("cpuinfo_min_freq", &lowest),
            ("cpuinfo_max_freq", &highest),
            ("scaling_governor", "schedutil"),
        ];
        tree.attributes(&format!("{folder}/cpufreq"), &clocks)?;
    }
    let idle = TICKS.saturating_sub(busy(cpu));
    let share = cpu.idle_states.len().max(1) as u64;
    for (number, name) in cpu.idle_states.iter().enumerate() {
        // A tick is 10,000 microseconds.
        let time = (idle * 10_000 / share * spec.now()).to_string();
        let usage = (spec.now() * 20).to_string();
        let values = [("name", *name), ("time", &time), ("usage", &usage), ("disable", "0")];
        tree.attributes(&format!("{folder}/cpuidle/state{number}"), &values)?;
    }
    Ok(())
}

fn interrupts(spec: &Spec, tree: &Tree) -> io::Result<()> {
    let online: Vec<&Cpu> = spec.cpus.iter().filter(|cpu| cpu.online).collect();
    let mut head = String::from("      ");
    for cpu in &online {
        let _ = write!(head, "     CPU{:<3}", cpu.number);
    }
    let row = |name: &str, rate: u64, tail: &str| {
        let mut row = format!("{name:>4}:");
        for cpu in &online {
            let _ = write!(row, " {:>10}", rate * spec.now() + u64::from(cpu.number));
        }
        format!("{row} {tail}\n")
    };
    let lines = [
        row("1", 0, "IR-IO-APIC    1-edge      i8042"),
        row("24", 30, "IR-PCI-MSI 524288-edge      nvme0q1"),
        row("25", 12, "IR-PCI-MSI 1048576-edge      eth0-TxRx-0"),
        row("NMI", 0, "  Non-maskable interrupts"),
        row("LOC", 180, "  Local timer interrupts"),
        row("RES", 28, "  Rescheduling interrupts"),
    ];
    tree.file("proc/interrupts", format!("{head}\n{}ERR:          0\n", lines.concat()))?;
    let kinds =
        [("HI", 0), ("TIMER", 60), ("NET_TX", 1), ("NET_RX", 14), ("BLOCK", 9), ("SCHED", 36)];
    let lines: String =
        kinds.iter().map(|(name, rate)| row(name, *rate, "").replace(" \n", "\n")).collect();
    tree.file("proc/softirqs", format!("{head}\n{lines}"))
}
