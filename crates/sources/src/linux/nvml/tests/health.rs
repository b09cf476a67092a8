//! Parts of devices, links, and what is wrong with a device.

use super::*;

const DIVIDED: &str = r#"
driver = "580.159.03"
[[device]]
uuid = "GPU-a"
pci = "00000000:04:00.0"
gpm = true
mig = [[0, 1], [70, 1], [70.1, 0]]
[[device.part]]
uuid = "MIG-a"
instance = 1
shader_percent = 40
[[device.part]]
uuid = "MIG-b"
name = "NVIDIA H200 MIG 1g.18gb"
instance = 7
total_mib = 16384
multiprocessors = 16
[[device.process]]
pid = 71
part = 0
memory_mib = 1000
[[device.process]]
pid = 72
part = 1
memory_mib = 16000
[[device]]
uuid = "GPU-b"
pci = "00000000:05:00.0"
"#;

fn of<'a>(taken: &'a Taken, uuid: &str) -> Row<'a> {
    let mut rows = devices(taken).into_iter();
    rows.find(|row| row.shown(gpu::uuid) == uuid).unwrap_or_else(|| panic!("{uuid}"))
}

#[test]
fn parts_are_rows_of_their_own_with_memory_and_processes() {
    let mut gpus = Gpus::new(DIVIDED);
    gpus.tick();
    let taken = gpus.tick();
    assert_eq!(taken.result, Ok(()));
    assert_eq!(devices(&taken).len(), 4);
    let (first, second) = (of(&taken, "MIG-a"), of(&taken, "MIG-b"));
    assert_eq!(first.shown(gpu::parent), "GPU-a");
    assert_eq!(second.shown(gpu::name), "NVIDIA H200 MIG 1g.18gb");
    let numbers = [gpu::instance, gpu::compute_instance, gpu::multiprocessors, gpu::index];
    assert_eq!(all(second, &numbers), [Some(7.0), Some(0.0), Some(16.0), None]);
    let memory = [gpu::memory_total_bytes, gpu::memory_used_bytes];
    assert_eq!(all(second, &memory), [Some(16_384.0 * MIB), Some(16_024.0 * MIB)]);
    assert_eq!(first.get(gpu::shader_ratio), Some(0.4));
    assert_eq!(first.get(gpu::engine_ratio), Some(0.4), "a part has no other utilization");
    assert_eq!(of(&taken, "GPU-a").get(gpu::utilization_ratio), None, "a whole that is divided");
    assert_eq!(of(&taken, "GPU-b").get(gpu::utilization_ratio), Some(0.0));
    assert!(of(&taken, "GPU-b").text(gpu::parent).is_none());
    let places: Vec<_> = processes(&taken)
        .iter()
        .map(|row| (row.key().0, row.shown(gpu_process::uuid).to_owned()))
        .collect();
    let wanted = [(71, "MIG-a"), (72, "MIG-b")].map(|(pid, uuid)| (pid, uuid.to_owned()));
    assert!(wanted.iter().all(|wanted| places.contains(wanted)), "{places:?}");
    // What nobody holds is told of each part, and not once more of the whole.
    let rest: Vec<_> = places.iter().filter(|(pid, _)| *pid == 0).map(|(_, uuid)| uuid).collect();
    assert_eq!(rest.len(), 2, "{places:?}");
    assert!(rest.iter().all(|uuid| uuid.starts_with("MIG-")), "{places:?}");
    let full = of_pid(&taken, 72).and_then(|row| row.get(gpu_process::memory_ratio));
    assert_eq!(full, Some(16_000.0 / 16_384.0), "of its part");
}

#[test]
fn who_may_not_see_the_lists_of_the_whole_sees_those_of_the_parts() {
    let fault = "[[fault]]\nsymbol = \"SYMBOL\"\ndevice = 0\nparts = false\ncode = 4\n";
    let mut text = DIVIDED.to_owned();
    for list in ["Compute", "Graphics", "MPSCompute"] {
        text += &fault.replace("SYMBOL", &format!("nvmlDeviceGet{list}RunningProcesses_v3"));
    }
    let mut gpus = Gpus::new(&text);
    let taken = gpus.tick();
    let pids: Vec<_> = processes(&taken).iter().map(|row| row.key().0).collect();
    assert!(pids.contains(&71) && pids.contains(&72), "{pids:?}");
}

#[test]
fn a_device_that_is_divided_no_more_is_whole_again() {
    let mut gpus = Gpus::new(DIVIDED);
    gpus.bench.demand.gpu_cycles = false;
    let taken = gpus.ticks(69);
    assert_eq!(devices(&taken).len(), 4);
    // Their handles mean nothing now.
    let taken = gpus.ticks(2);
    assert!(taken.reports.iter().any(|report| report.name == "nvml/MIG-a"), "{:?}", taken.reports);
    assert_eq!(of(&taken, "MIG-a").get(gpu::memory_used_bytes), None);
    let taken = gpus.ticks(8);
    assert_eq!(devices(&taken).len(), 2);
    assert_eq!(of(&taken, "GPU-a").get(gpu::utilization_ratio), Some(0.0));
    assert!(taken.reports.is_empty(), "{:?}", taken.reports);
    let of_whole = of_pid(&taken, 72).map(|row| row.shown(gpu_process::uuid).to_owned());
    assert_eq!(of_whole.as_deref(), Some("GPU-a"));
}

#[test]
fn links_have_rates_and_a_limit() {
    for name in ["NVIDIA H200", "NVIDIA B200"] {
        let mut gpus = Gpus::new(&format!(
            "[[device]]\nname = \"{name}\"\nnvlinks = 18\nnvlinks_down = [[0, 0], [8, 0], [8.1, 2]]\n\
             nvlink_sent_bytes_per_second = 2048000000\n\
             nvlink_received_bytes_per_second = 1024000000\n"
        ));
        gpus.tick();
        let taken = gpus.tick();
        let [row] = devices(&taken)[..] else { panic!("one device") };
        let links = [gpu::nvlink_links, gpu::nvlink_active_links];
        assert_eq!(all(row, &links), [Some(18.0); 2], "{name}");
        let limit = row.get(gpu::nvlink_limit_bytes_per_second);
        assert_eq!(limit, Some(18.0 * 26_562e6), "{name}");
        let rates = [gpu::nvlink_sent_bytes_per_second, gpu::nvlink_received_bytes_per_second];
        assert_eq!(all(row, &rates), [Some(2.048e9), Some(1.024e9)], "{name}");
        let taken = gpus.ticks(14);
        assert_eq!(devices(&taken)[0].get(gpu::nvlink_active_links), Some(16.0), "{name}");
    }
    let mut without = Gpus::new("[[device]]\n");
    let taken = without.ticks(2);
    assert_eq!(all(devices(&taken)[0], &[gpu::nvlink_links, gpu::nvlink_sent_bytes]), [None; 2]);
}

#[test]
fn errors_that_the_driver_reports_are_counted_without_a_wait() {
    let mut gpus = Gpus::new(&format!(
        "{TWO}xids = [[3.5, 31], [3.6, 79], [9, 63]]\nremapped_uncorrected = 2\n\
         remap_pending = 1\nrecovery = 1\npcie_replays = 12\n\
         [[fault]]\ndevice = 1\nfrom = 4\nuntil = 12\ncode = 15\n"
    ));
    let seen = |taken: &Taken| {
        let xids = |uuid| all(of(taken, uuid), &[gpu::xids, gpu::last_xid]);
        [xids("GPU-a"), xids("GPU-b")]
    };
    let taken = gpus.ticks(3);
    assert_eq!(seen(&taken), [[Some(0.0), None], [Some(0.0), None]]);
    let row = of(&taken, "GPU-b");
    let health = [
        gpu::remapped_corrected_rows,
        gpu::remapped_uncorrected_rows,
        gpu::remap_pending,
        gpu::remap_failed,
        gpu::pcie_replays,
    ];
    assert_eq!(all(row, &health), [0.0, 2.0, 1.0, 0.0, 12.0].map(Some));
    assert_eq!(row.state(gpu::recovery), Some("reset"));
    assert_eq!(of(&taken, "GPU-a").state(gpu::recovery), Some("none"));
    // Told of a device that is lost with them, too.
    let taken = gpus.ticks(3);
    assert_eq!(of(&taken, "GPU-b").state(gpu::state), Some("lost"));
    assert_eq!(seen(&taken), [vec![Some(0.0), None], vec![Some(2.0), Some(79.0)]]);
    let taken = gpus.ticks(6);
    assert_eq!(seen(&taken)[1], [Some(3.0), Some(63.0)]);
    assert_eq!(gpus.calls_of("nvmlEventSetWait_v2:waits"), 0);
    assert!(gpus.calls_of("nvmlEventSetWait_v2") >= 12);
}

#[test]
fn links_that_are_up_are_known_at_each_read() {
    let device = |number: usize| {
        format!(
            "[[device]]\nuuid = \"GPU-{number}\"\npci = \"00000000:0{number}:00.0\"\nnvlinks = 18\n"
        )
    };
    let mut gpus = Gpus::new(&(device(1) + &device(2)));
    for second in 1..=130 {
        let taken = gpus.tick();
        for row in devices(&taken) {
            let up = row.get(gpu::nvlink_active_links);
            assert_eq!(up, Some(18.0), "{} at {second}", row.shown(gpu::uuid));
        }
    }
}
