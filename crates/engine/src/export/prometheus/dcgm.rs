//! Series under the names, units and labels of `dcgm-exporter`, for dashboards made for it. Which
//! metric has which of its names stands in the declarations.

use std::fmt::Write;

use retop_model::family::{gpu, host};
use retop_model::{FamilyId, Row, Snapshot};

use super::{Escaped, Format, Page};

/// Appends them, of devices whose driver is NVIDIA's.
pub fn write(page: &mut Page<'_>, snapshot: &Snapshot) {
    let ours = |row: &Row<'_>| row.shown(gpu::driver).starts_with("nvidia");
    let rows = || snapshot.rows(FamilyId::Gpu).filter(ours);
    let hostname = snapshot.row(FamilyId::Host, 0).map_or("", |row| row.shown(host::name));
    let labels: Vec<String> = rows().map(|row| labels(row, hostname)).collect();
    for field in FamilyId::Gpu.get().fields() {
        let Some(alias) = field.alias() else { continue };
        let mut headed = false;
        for (row, labels) in rows().zip(&labels) {
            let Some(value) = row.get(field) else { continue };
            if !std::mem::replace(&mut headed, true) {
                head(page, alias.name, alias.is_counter, field.help());
            }
            let value = value * alias.scale;
            // Floats of whole numbers: 64, and not 64.00000000000001.
            let near = value.round();
            let value =
                if (value - near).abs() < 1e-6 * near.abs().max(1.0) { near } else { value };
            let _ = writeln!(page.out, "{}{{{labels}}} {value}", alias.name);
        }
    }
}

/// Its counters do not end in `_total`, which OpenMetrics has no word for.
fn head(page: &mut Page<'_>, name: &str, is_counter: bool, help: &str) {
    let help = Escaped(help, page.format == Format::OpenMetrics);
    let kind = match (is_counter, page.format) {
        (true, Format::Text) => "counter",
        (true, Format::OpenMetrics) => "unknown",
        (false, _) => "gauge",
    };
    let _ = match page.format {
        Format::Text => write!(page.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n"),
        Format::OpenMetrics => write!(page.out, "# TYPE {name} {kind}\n# HELP {name} {help}\n"),
    };
}

/// A part of a device has the number, name and identity of the whole, and a number and a profile of
/// its own.
fn labels(row: Row<'_>, hostname: &str) -> String {
    let parent = row.text(gpu::parent).and_then(|parent| {
        let mut rows = row.snapshot().rows(FamilyId::Gpu);
        rows.find(|whole| whole.shown(gpu::uuid) == parent.shown())
    });
    let whole = parent.unwrap_or(row);
    let index = whole.raw(gpu::index).map_or(String::new(), |index| index.to_string());
    let mut text = format!(
        "gpu=\"{index}\",UUID=\"{}\",pci_bus_id=\"{}\",device=\"nvidia{index}\",\
         modelName=\"{}\",Hostname=\"{}\"",
        Escaped(whole.shown(gpu::uuid), true),
        Escaped(whole.shown(gpu::pci_address), true),
        Escaped(whole.shown(gpu::name), true),
        Escaped(hostname, true),
    );
    if parent.is_some() {
        let profile = gpu::profile(row);
        let number = row.raw(gpu::instance).unwrap_or(0);
        let _ = write!(text, ",GPU_I_ID=\"{number}\",GPU_I_PROFILE=\"{}\"", Escaped(profile, true));
    }
    text
}

#[cfg(test)]
mod tests {
    use retop_model::{Key, RawSample};

    use super::super::{Options, write};
    use super::*;
    use crate::export::made;
    use crate::export::names::Names;

    fn page(format: Format, dcgm: bool) -> String {
        let mut sample = RawSample::new(made::stamp(0));
        sample.put(made::table(FamilyId::Host, 0, |t| {
            t.push(Key::ONE).text(host::name, "node\"1");
        }));
        sample.put(made::table(FamilyId::Gpu, 0, |t| {
            t.push(Key(1, 0))
                .text(gpu::uuid, "GPU-a")
                .text(gpu::name, "NVIDIA H200")
                .text(gpu::pci_address, "00000000:04:00.0")
                .text(gpu::driver, "nvidia 580.159.03")
                .set(gpu::index, 3)
                .set(gpu::utilization_ratio, 64)
                .set(gpu::memory_used_bytes, 20_i64 << 30)
                .set(gpu::energy_joules, 1_234_567)
                .set(gpu::shader_hertz, 1_980_000_000_i64)
                .set(gpu::tensor_ratio, 6_250);
            t.push(Key(2, 0))
                .text(gpu::uuid, "MIG-b")
                .text(gpu::parent, "GPU-a")
                .text(gpu::name, "NVIDIA H200 MIG 1g.18gb")
                .text(gpu::driver, "nvidia 580.159.03")
                .set(gpu::instance, 7)
                .set(gpu::memory_used_bytes, 1_i64 << 20);
            t.push(Key(3, 0))
                .text(gpu::uuid, "0000:03:00.0")
                .text(gpu::driver, "amdgpu")
                .set(gpu::utilization_ratio, 5);
        }));
        let mut out = String::new();
        let names = if dcgm { Names::Dcgm } else { Names::Retop };
        let options = Options { names, ..Options::default() };
        write(&mut out, format, &made::play([sample]), None, options);
        out
    }

    #[test]
    fn dashboards_find_their_names_units_and_labels() {
        let text = page(Format::Text, true);
        let whole = "gpu=\"3\",UUID=\"GPU-a\",pci_bus_id=\"00000000:04:00.0\",device=\"nvidia3\",\
                     modelName=\"NVIDIA H200\",Hostname=\"node\\\"1\"";
        for line in [
            format!("DCGM_FI_DEV_GPU_UTIL{{{whole}}} 64"),
            format!("DCGM_FI_DEV_FB_USED{{{whole}}} 20480"),
            format!("DCGM_FI_DEV_FB_USED{{{whole},GPU_I_ID=\"7\",GPU_I_PROFILE=\"1g.18gb\"}} 1"),
            format!("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{whole}}} 1234567"),
            format!("DCGM_FI_DEV_SM_CLOCK{{{whole}}} 1980"),
            format!("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{{{whole}}} 0.625"),
            "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter".to_owned(),
            // Its own names stand beside them.
            "retop_gpu_utilization_ratio{uuid=\"GPU-a\"} 0.64".to_owned(),
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
        assert_eq!(text.matches("DCGM_FI_DEV_GPU_UTIL{").count(), 1, "no other maker's device");
        assert!(!text.contains("DCGM_FI_DEV_GPU_TEMP"), "what is not known is absent");
        assert!(!page(Format::Text, false).contains("DCGM"));
        let open = page(Format::OpenMetrics, true);
        assert!(open.contains("# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION unknown\n"), "{open}");
    }

    /// What the dashboard of dcgm-exporter (12239 at grafana.com) asks for, and what the exporter gives
    /// unless it is told otherwise, but for what no driver tells: licences of virtual devices.
    const ASKED: [&str; 24] = [
        "DCGM_FI_DEV_GPU_TEMP",
        "DCGM_FI_DEV_POWER_USAGE",
        "DCGM_FI_DEV_SM_CLOCK",
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
        "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
        "DCGM_FI_DEV_FB_USED",
        "DCGM_FI_DEV_FB_FREE",
        "DCGM_FI_DEV_FB_RESERVED",
        "DCGM_FI_DEV_MEM_CLOCK",
        "DCGM_FI_DEV_MEMORY_TEMP",
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
        "DCGM_FI_DEV_PCIE_REPLAY_COUNTER",
        "DCGM_FI_DEV_GPU_UTIL",
        "DCGM_FI_DEV_MEM_COPY_UTIL",
        "DCGM_FI_DEV_ENC_UTIL",
        "DCGM_FI_DEV_DEC_UTIL",
        "DCGM_FI_DEV_XID_ERRORS",
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
        "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
        "DCGM_FI_DEV_ROW_REMAP_FAILURE",
        "DCGM_FI_PROF_DRAM_ACTIVE",
        "DCGM_FI_PROF_PCIE_TX_BYTES",
        "DCGM_FI_PROF_PCIE_RX_BYTES",
        "DCGM_FI_DEV_FB_TOTAL",
    ];

    #[test]
    fn no_query_of_the_usual_dashboard_is_in_vain() {
        let has = |name: &str| {
            let mut fields = FamilyId::Gpu.get().fields();
            fields.any(|field| field.alias().is_some_and(|alias| alias.name == name))
        };
        let missing: Vec<&str> = ASKED.into_iter().filter(|name| !has(name)).collect();
        assert_eq!(missing, [""; 0]);
    }
}
