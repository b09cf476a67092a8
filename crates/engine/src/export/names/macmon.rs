//! The keys and series of macmon 0.8.

use retop_model::family::{chip, core, gpu, memory};
use retop_model::{FamilyId, Row, Snapshot};

use super::{Object, Series, Side, cores, fans, list, mean, number};
use crate::export::prometheus::Escaped;

const MEGA: f64 = 1e6;

/// What macmon calls a ratio: time at work, and the same times the clock as a share of the highest.
struct Unit {
    mhz: Option<f64>,
    active: Option<f64>,
    scaled: Option<f64>,
}

fn core_unit(row: Row<'_>) -> Unit {
    let (hertz, highest) = (row.get(core::frequency_hertz), row.get(core::frequency_maximum_hertz));
    // A core that did not run is at its lowest clock, as macmon has it.
    let hertz = hertz.or_else(|| row.get(core::frequency_minimum_hertz));
    let active = row.get(core::utilization_ratio);
    let share = hertz.zip(highest.filter(|&highest| highest > 0.0)).map(|(now, top)| now / top);
    Unit {
        mhz: hertz.map(|hertz| hertz / MEGA),
        active,
        scaled: active.zip(share).map(|(active, share)| active * share),
    }
}

fn side(snapshot: &Snapshot, side: Side) -> Unit {
    let units: Vec<Unit> = cores(snapshot, side).into_iter().map(core_unit).collect();
    Unit {
        mhz: mean(units.iter().map(|unit| unit.mhz)),
        active: mean(units.iter().map(|unit| unit.active)),
        scaled: mean(units.iter().map(|unit| unit.scaled)),
    }
}

fn whole_cpu(snapshot: &Snapshot) -> Unit {
    let units: Vec<Unit> = [Side::Slow, Side::Fast]
        .iter()
        .flat_map(|&side| cores(snapshot, side))
        .map(core_unit)
        .collect();
    Unit {
        mhz: None,
        active: mean(units.iter().map(|unit| unit.active)),
        scaled: mean(units.iter().map(|unit| unit.scaled)),
    }
}

fn graphics(snapshot: &Snapshot) -> Unit {
    let Some(row) = snapshot.rows(FamilyId::Gpu).next() else {
        return Unit { mhz: None, active: None, scaled: None };
    };
    let active = row.get(gpu::utilization_ratio);
    let (hertz, top) = (row.get(gpu::shader_hertz), row.get(gpu::shader_limit_hertz));
    let scaled = active.zip(hertz.zip(top)).map(|(active, (hertz, top))| active * hertz / top);
    Unit { mhz: hertz.map(|hertz| hertz / MEGA), active, scaled }
}

fn samples(snapshot: &Snapshot, of: Side) -> String {
    list(cores(snapshot, of).into_iter().map(|row| {
        let unit = core_unit(row);
        // Clusters of further dies have the number of the die behind a point.
        let die = row.shown(core::cluster).split_once('.').and_then(|(_, die)| die.parse().ok());
        let mut object = Object::new();
        object
            .number("die_id", Some(die.unwrap_or(0.0)))
            .number("core_id", row.get(core::index))
            .whole("freq_mhz", unit.mhz)
            .number("scaled_ratio", unit.scaled)
            .number("active_ratio", unit.active);
        object.end()
    }))
}

struct Watts {
    cpu: Option<f64>,
    gpu: Option<f64>,
    ane: Option<f64>,
    all: Option<f64>,
    system: Option<f64>,
    ram: Option<f64>,
    gpu_ram: Option<f64>,
}

impl Watts {
    fn of(snapshot: &Snapshot) -> Watts {
        let chip = |field| snapshot.row(FamilyId::Chip, 0)?.get(field);
        let (all, system) = (chip(chip::package_watts), chip(chip::system_watts));
        Watts {
            cpu: chip(chip::cpu_watts),
            gpu: chip(chip::gpu_watts),
            ane: chip(chip::ane_watts),
            all,
            // Never less than its parts.
            system: system.map(|system| all.map_or(system, |all| all.max(system))),
            ram: chip(chip::dram_watts),
            gpu_ram: chip(chip::gpu_sram_watts),
        }
    }
}

/// The line of `macmon pipe`.
pub fn json(snapshot: &Snapshot) -> String {
    let chip = |field| snapshot.row(FamilyId::Chip, 0)?.get(field);
    let timestamp = retop_model::civil::Rfc3339(snapshot.stamp().wall_ms).to_string();
    let mut temp = Object::new();
    temp.number("cpu_temp_avg", chip(chip::cpu_mean_celsius))
        .number("gpu_temp_avg", chip(chip::gpu_mean_celsius));
    let mut ram = Object::new();
    ram.number("ram_total", snapshot.one(memory::total_bytes))
        .number("ram_usage", snapshot.one(memory::used_bytes))
        .number("swap_total", snapshot.one(memory::swap_total_bytes))
        .number("swap_usage", snapshot.one(memory::swap_used_bytes));
    let fans = list(fans(snapshot).into_iter().enumerate().map(|(place, (rpm, max))| {
        let mut object = Object::new();
        object.text("name", &format!("fan{place}")).number("rpm", Some(rpm)).number("max_rpm", max);
        object.end()
    }));
    let cpu = whole_cpu(snapshot);
    let units = [
        ("ecpu", side(snapshot, Side::Slow)),
        ("pcpu", side(snapshot, Side::Fast)),
        ("gpu", graphics(snapshot)),
    ];
    let watts = Watts::of(snapshot);
    let mut out = Object::new();
    out.text("timestamp", &timestamp)
        .raw("temp", &temp.end())
        .raw("memory", &ram.end())
        .raw("fans", &fans)
        .number("cpu_scaled_ratio", cpu.scaled)
        .number("cpu_active_ratio", cpu.active);
    for (name, unit) in &units {
        out.whole(&format!("{name}_freq_mhz"), unit.mhz)
            .number(&format!("{name}_scaled_ratio"), unit.scaled)
            .number(&format!("{name}_active_ratio"), unit.active);
    }
    out.raw("ecpu_cores", &samples(snapshot, Side::Slow))
        .raw("pcpu_cores", &samples(snapshot, Side::Fast))
        .number("cpu_power", watts.cpu)
        .number("gpu_power", watts.gpu)
        .number("ane_power", watts.ane)
        .number("all_power", watts.all)
        .number("sys_power", watts.system)
        .number("ram_power", watts.ram)
        .number("gpu_ram_power", watts.gpu_ram);
    for (name, unit) in &units {
        let pair = format!("[{},{}]", number(unit.mhz.map(f64::round)), number(unit.scaled));
        out.raw(&format!("{name}_usage"), &pair);
    }
    out.end()
}

/// The page of `macmon serve`.
pub fn series(snapshot: &Snapshot) -> String {
    let chip_row = snapshot.row(FamilyId::Chip, 0);
    let chip = |field| chip_row?.get(field);
    let name = chip_row.map_or("", |row| row.shown(chip::chip));
    let mut out = Series::new("macmon_", format!("chip=\"{}\"", Escaped(name, true)));
    let watts = Watts::of(snapshot);
    out.put("cpu_temp_celsius", "", chip(chip::cpu_mean_celsius))
        .put("gpu_temp_celsius", "", chip(chip::gpu_mean_celsius))
        .put("memory_ram_total_bytes", "", snapshot.one(memory::total_bytes))
        .put("memory_ram_used_bytes", "", snapshot.one(memory::used_bytes))
        .put("memory_swap_total_bytes", "", snapshot.one(memory::swap_total_bytes))
        .put("memory_swap_used_bytes", "", snapshot.one(memory::swap_used_bytes));
    let cpu = whole_cpu(snapshot);
    let units = [
        ("cpu", cpu),
        ("ecpu", side(snapshot, Side::Slow)),
        ("pcpu", side(snapshot, Side::Fast)),
        ("gpu", graphics(snapshot)),
    ];
    for (name, unit) in &units {
        out.put(&format!("{name}_scaled_ratio"), "", unit.scaled)
            .put(&format!("{name}_active_ratio"), "", unit.active)
            .put(&format!("{name}_usage_ratio"), "", unit.scaled)
            .put(&format!("{name}_freq_mhz"), "", unit.mhz.map(f64::round));
    }
    out.put("cpu_power_watts", "", watts.cpu)
        .put("gpu_power_watts", "", watts.gpu)
        .put("ane_power_watts", "", watts.ane)
        .put("all_power_watts", "", watts.all)
        .put("sys_power_watts", "", watts.system)
        .put("ram_power_watts", "", watts.ram)
        .put("gpu_ram_power_watts", "", watts.gpu_ram);
    for (fan, (rpm, _)) in fans(snapshot).into_iter().enumerate() {
        out.put("fan_speed_rpm", &format!("fan=\"fan{fan}\""), Some(rpm));
    }
    out.page
}
