//! amdgpu: attributes of the device, its instruments, and the table of its firmware.

use retop_model::RowMut;
use retop_model::counter::Unwrapped;
use retop_model::family::gpu;

use super::asked::Asked;
use super::dpm::{self, Levels};
use super::gpu_metrics::{Fault, HEAT_BITS, Held, Metrics, POWER_BITS};
use super::refused::{Refused, is_gone};
use super::told::{Missing, Told, milli};
use crate::linux::due::is_due;
use crate::linux::parse;
use crate::source::Problem;

/// How often what moves slowly is read: links, fans, the levels of clocks.
const SLOW_NS: u64 = 5_000_000_000;
/// No table is longer; a read in pieces may get pieces of two tables.
const TABLE_BYTES: usize = 8 << 10;

/// The 65,536 J of a counter of 32 bits last so long at 500 W.
const ROUND_NS: u64 = 131_000_000_000;

/// Raven and Raven2 always say that they are busy.
const ALWAYS_BUSY: [u64; 2] = [0x15d8, 0x15dd];
/// Granite Ridge states milliwatts where microwatts are meant, on some kernels.
const MILLIWATTS: u64 = 0x13c0;
/// No processor draws less while this program runs on it.
const LEAST_MICROWATTS: i64 = 1_000_000;

/// What is remembered of a device from read to read.
#[derive(Default)]
pub struct Amdgpu {
    slow_ns: Option<u64>,
    slow: Slow,
    slow_refused: Refused,
    /// It has no memory of its own. Learnt when it is first awake.
    unified: Option<bool>,
    held: Option<(u64, Held)>,
    /// Energy of a table that counts it in 32 bits, and when it was read last.
    energy: (Option<u64>, Unwrapped),
    /// Nanoseconds that clocks were held down: by power, by heat, by the board.
    sums: [u64; 3],
}

#[derive(Clone, Copy, Default)]
struct Slow {
    shader: Levels,
    memory: Levels,
    fan: Option<i64>,
    generation: Option<u32>,
    lanes: Option<i64>,
    limit: Option<i64>,
}

impl Amdgpu {
    pub fn read(&mut self, device: &Asked<'_>, now_ns: u64, row: &mut RowMut<'_>) -> Told {
        let table = metrics(device);
        let metrics = table.as_ref().ok().copied().unwrap_or_default();
        let unified = *self.unified.get_or_insert_with(|| match table {
            Ok(metrics) => metrics.is_processor(),
            // Processors have no limit of power of their own.
            Err(_) => device.measured("power1_cap").is_none(),
        });
        let model = device.ids.model();
        let is_stuck = model.is_some_and(|model| ALWAYS_BUSY.contains(&model));
        let busy = device.percent("gpu_busy_percent").or(metrics.graphics.map(u64::from));
        let mut told = Told {
            busy: busy.filter(|_| !is_stuck),
            unified,
            tells_used: true,
            missing: table.err().flatten().map(|problem| Missing {
                part: "gpu_metrics",
                feeds: "energy_joules power_capped",
                problem,
            }),
            video: device.percent("vcn_busy_percent").or(metrics.video.map(u64::from)),
            ..Told::default()
        };
        let memory_busy = device.percent("mem_busy_percent");
        row.set(gpu::memory_busy_ratio, memory_busy.or(metrics.memory_busy.map(u64::from)));
        memory(device, &mut told, row);
        self.instruments(device, &metrics, unified, row);
        row.set(gpu::energy_joules, self.energy(&metrics, now_ns));
        self.slow(device, now_ns);
        self.clocks(device, &metrics, row);
        self.throttled(&metrics, now_ns, row);
        row.set(gpu::fan_ratio, self.slow.fan)
            .set(gpu::limit_watts, self.slow.limit)
            .set(gpu::pcie_generation, self.slow.generation)
            .set(gpu::pcie_lanes, self.slow.lanes);
        told
    }

    fn instruments(
        &self,
        device: &Asked<'_>,
        metrics: &Metrics,
        unified: bool,
        row: &mut RowMut<'_>,
    ) {
        let heat = |label, from: Option<u16>| device.degrees_of(label).or(from.map(i64::from));
        row.set(gpu::temperature_celsius, heat("edge", metrics.edge))
            .set(gpu::hotspot_celsius, heat("junction", metrics.hotspot))
            .set(gpu::memory_temperature_celsius, heat("mem", metrics.memory));
        let power = if unified {
            // The instrument measures the whole processor; that of its graphics is in the table.
            metrics.graphics_milliwatts.map(i64::from)
        } else {
            let stated = device.measured("power1_average").or(device.measured("power1_input"));
            milli(stated.map(|power| self.corrected(device, power)))
        };
        row.set(gpu::reading_watts, power);
    }

    /// Millijoules that only grow. After a pause in which the counter may have gone round unseen there
    /// is no number, and then it begins anew.
    fn energy(&mut self, metrics: &Metrics, now_ns: u64) -> Option<i64> {
        let now = i64::try_from(metrics.energy_millijoules?).ok()?;
        let Some(range) = metrics.energy_range else { return Some(now) };
        let (last_ns, unwrapped) = &mut self.energy;
        let paused =
            last_ns.replace(now_ns).is_some_and(|last| now_ns.saturating_sub(last) > ROUND_NS);
        if paused {
            *unwrapped = Unwrapped::default();
        }
        let energy = unwrapped.advance(now, range);
        (!paused).then_some(energy)
    }

    fn corrected(&self, device: &Asked<'_>, power: i64) -> i64 {
        let wrong = device.ids.model() == Some(MILLIWATTS) && power < LEAST_MICROWATTS;
        if wrong { power.saturating_mul(1_000) } else { power }
    }

    fn clocks(&self, device: &Asked<'_>, metrics: &Metrics, row: &mut RowMut<'_>) {
        let clock = |input, levels: Levels, from: Option<u16>| {
            let measured = device.measured(input).and_then(|hertz| u64::try_from(hertz).ok());
            let tabled = from.map(|megahertz| u64::from(megahertz) * 1_000_000);
            measured.filter(|&hertz| hertz > 0).or(tabled).or(levels.now)
        };
        let (shader, memory) = (self.slow.shader, self.slow.memory);
        row.set(gpu::shader_hertz, clock("freq1_input", shader, metrics.shader_megahertz))
            .set(gpu::memory_hertz, clock("freq2_input", memory, metrics.memory_megahertz))
            .set(gpu::shader_limit_hertz, shader.highest);
    }

    fn slow(&mut self, device: &Asked<'_>, now_ns: u64) {
        if !is_due(self.slow_ns, now_ns, SLOW_NS) {
            return device.still(&self.slow_refused);
        }
        self.slow_ns = Some(now_ns);
        let own = self.unified == Some(false);
        self.slow = device.seldom(&mut self.slow_refused, || slow(device, own));
    }

    fn throttled(&mut self, metrics: &Metrics, now_ns: u64, row: &mut RowMut<'_>) {
        let has = |bits: u64| metrics.throttled.map(|throttled| throttled & bits != 0);
        row.set(gpu::power_capped, has(POWER_BITS)).set(gpu::heat_capped, has(HEAT_BITS));
        let Some(held) = metrics.held else { return };
        if let Some((last_ns, last)) = self.held.replace((now_ns, held)) {
            let passed_ns = now_ns.saturating_sub(last_ns);
            // The counts go round after months; what is taken is what they grew by.
            let looks = held.looks.wrapping_sub(last.looks);
            let counts = [
                held.by_power.wrapping_sub(last.by_power),
                held.by_heat.wrapping_sub(last.by_heat),
                held.by_board.wrapping_sub(last.by_board),
            ];
            for (sum, count) in self.sums.iter_mut().zip(counts) {
                // One that was reset grew by more than there were looks.
                if looks > 0 && count <= looks {
                    let ns = u128::from(passed_ns) * u128::from(count) / u128::from(looks);
                    *sum += u64::try_from(ns).unwrap_or(0);
                }
            }
        }
        let [power, heat, board] = self.sums;
        row.set(gpu::power_capped_seconds, power)
            .set(gpu::thermal_seconds, heat)
            .set(gpu::hardware_thermal_seconds, board);
    }
}

/// `own` says that the device has memory of its own, and a link of its own.
fn slow(device: &Asked<'_>, own: bool) -> Slow {
    let levels = |name| {
        let text = device.bytes(name);
        let levels = dpm::levels(&text);
        if levels == Levels::default() && !text.is_empty() {
            device.doubt(name);
        }
        levels
    };
    let pwm = device.measured("pwm1").filter(|pwm| (0..=255).contains(pwm));
    let speed = own.then(|| device.text("current_link_speed")).flatten();
    let lanes = own.then(|| device.number("current_link_width")).flatten();
    Slow {
        shader: levels("pp_dpm_sclk"),
        memory: levels("pp_dpm_mclk"),
        fan: pwm.map(|pwm| (pwm * 100 + 127) / 255),
        generation: speed.as_deref().and_then(generation),
        lanes: lanes.filter(|&lanes| lanes > 0),
        limit: milli(device.measured("power1_cap")).filter(|&limit| limit > 0),
    }
}

/// Memory of a processor with graphics is what it was given and what it may borrow: of a machine with
/// 24 GB for graphics the first is 512 MB.
fn memory(device: &Asked<'_>, told: &mut Told, row: &mut RowMut<'_>) {
    let pair = |kind: &str| {
        let of = |what| device.count(&format!("mem_info_{kind}_{what}"));
        let (total, used) = (of("total").filter(|&total| total > 0), of("used"));
        if used.zip(total).is_some_and(|(used, total)| used > total) {
            device.doubt(&format!("mem_info_{kind}_used"));
        }
        (total, used.filter(|&used| total.is_some_and(|total| used <= total)))
    };
    let ((own, own_used), (shared, shared_used)) = (pair("vram"), pair("gtt"));
    if told.unified {
        // Without one of the two the sum would be too small.
        let both = |(own, shared): (u64, u64)| own.checked_add(shared);
        told.total = own.zip(shared).and_then(both);
        told.used = own_used.zip(shared_used).and_then(both);
    } else {
        (told.total, told.used) = (own, own_used);
        if own.is_none() && device.count("mem_info_vram_total") == Some(0) {
            device.doubt("mem_info_vram_total");
        }
        row.set(gpu::system_total_bytes, shared).set(gpu::system_used_bytes, shared_used);
        let (visible, visible_used) = pair("vis_vram");
        row.set(gpu::visible_total_bytes, visible).set(gpu::visible_used_bytes, visible_used);
    }
    let free = told.total.zip(told.used).and_then(|(total, used)| total.checked_sub(used));
    row.set(gpu::memory_total_bytes, told.total)
        .set(gpu::memory_used_bytes, told.used)
        .set(gpu::memory_free_bytes, free);
}

/// The table, or why there is none. One that refuses is told with the other files.
fn metrics(device: &Asked<'_>) -> Result<Metrics, Option<Problem>> {
    let path = device.folder.join("gpu_metrics");
    let table = device.table("gpu_metrics", TABLE_BYTES).map_err(|error| {
        let absent = is_gone(&error).then(|| Problem::io(&path, &error));
        device.refuse("gpu_metrics", error);
        absent
    })?;
    let of = |fault: &str| Problem::failing(format!("{}: {fault}", path.display()));
    let instead = "temperatures, power and clocks come from other files; a newer retop may know it";
    match Metrics::parse(&table) {
        Ok(metrics) if metrics.is_empty() => Err(Some(Problem::absent(format!(
            "{}: it has nothing that this device supports",
            path.display()
        )))),
        Ok(metrics) => Ok(metrics),
        Err(Fault::Short) => Err(Some(of("cut short").hint("sudo dmesg, if it stays so"))),
        Err(Fault::Unknown(format, content)) => {
            let version = format!("version {format}.{content} is not known here");
            Err(Some(of(&version).hint(instead)))
        }
    }
}

/// `16.0 GT/s PCIe`.
fn generation(text: &str) -> Option<u32> {
    let tenths = parse::fixed(text.split_ascii_whitespace().next()?.as_bytes(), 1)?;
    let speeds = [25, 50, 80, 160, 320, 640];
    let place = speeds.iter().position(|&speed| speed == tenths)?;
    u32::try_from(place + 1).ok()
}
