//! What goes wrong: lists that deceive, devices that come back as others, drivers that are replaced
//! or hang, clocks that jump.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;

fn eight(with: &str) -> String {
    let device = |number: usize| {
        format!(
            "[[device]]\nuuid = \"GPU-{number}\"\npci = \"00000000:{:02x}:00.0\"\n\
             power_watts = {}\n[[device.process]]\npid = {}\nmemory_mib = 100\n",
            number + 1,
            100 + number,
            500 + number
        )
    };
    (0..8).map(device).collect::<String>() + with
}

/// Watts of each device that tells them, by identity.
fn watts(taken: &Taken) -> Vec<(String, f64)> {
    let mut watts: Vec<_> = devices(taken)
        .iter()
        .filter_map(|row| Some((row.shown(gpu::uuid).to_owned(), row.get(gpu::reading_watts)?)))
        .collect();
    watts.sort_by(|a, b| a.0.cmp(&b.0));
    watts
}

#[test]
fn no_library_and_no_driver_say_so_whatever_the_code() {
    for (init, word) in [
        (9, "not loaded"),
        (12, "not found"),
        (15, "lost"),
        (17, "blocked"),
        (18, "different versions"),
        (999, "unknown error"),
    ] {
        let mut gpus = Gpus::new(&format!("init = {init}"));
        let problem = gpus.tick().result.expect_err("refused");
        assert!(problem.reason.contains(word), "{init}: {}", problem.reason);
    }
    let tree = Tree::new(&[("dev/nvidiactl", "")]);
    let problem = Bench::new().read(&mut Nvml::new(&tree.roots())).result.expect_err("absent");
    assert_eq!(problem.state, ABSENT);
    let mut gpus = Gpus::without(H200, &["nvmlInit_v2"]);
    let problem = gpus.tick().result.expect_err("no beginning");
    assert!(problem.reason.contains("lacks the function"), "{}", problem.reason);
}

#[test]
fn one_of_eight_that_refuses_or_is_lost_hides_none_of_the_others() {
    for (symbol, code, from, until) in [
        // From the start, by its handle.
        ("nvmlDeviceGetHandleByIndex_v2", 15, 0.0, 20.0),
        ("nvmlDeviceGetHandleByIndex_v2", 4, 0.0, 20.0),
        // At second 5, by everything.
        ("*", 15, 5.0, 20.0),
        ("*", 16, 5.0, 20.0),
    ] {
        let fault = format!(
            "[[fault]]\nsymbol = \"{symbol}\"\ndevice = 5\nfrom = {from}\nuntil = {until}\n\
             code = {code}\n"
        );
        let mut gpus = Gpus::new(&eight(&fault));
        gpus.bench.demand.gpu_cycles = false;
        let taken = gpus.ticks(8);
        let told = watts(&taken);
        assert_eq!(told.len(), 7, "{symbol} {code}: {told:?}");
        assert!(told.iter().all(|(uuid, _)| uuid != "GPU-5"), "{symbol} {code}: {told:?}");
        assert!(of_pid(&taken, 505).is_none(), "{symbol} {code}");
        assert!(taken.reports.iter().any(|report| report.problem.is_some()), "{symbol} {code}");
        let taken = gpus.ticks(20);
        assert_eq!(watts(&taken).len(), 8, "{symbol} {code}: it is back");
        assert_eq!(taken.reports, [], "{symbol} {code}");
    }
}

#[test]
fn a_device_comes_back_under_another_number() {
    let text = eight("[[fault]]\ndevice = 2\nfrom = 5\nuntil = 10\ncode = 15\n")
        .replace("uuid = \"GPU-2\"", "uuid = \"GPU-2\"\nindex = [[0, 2], [9, 2], [9.1, 8]]");
    let mut gpus = Gpus::new(&text);
    let number = |taken: &Taken| {
        let mut rows = devices(taken).into_iter();
        rows.find(|row| row.shown(gpu::uuid) == "GPU-2").and_then(|row| row.get(gpu::index))
    };
    assert_eq!(number(&gpus.ticks(4)), Some(2.0));
    // Found by its address: a driver that counts has no eighth of eight.
    for place in 1..=8 {
        gpus.plug(&format!("0000:{place:02x}:00.0"), "active", "on");
    }
    gpus.source = Nvml::new(&gpus.tree.roots());
    gpus.ticks(4);
    let taken = gpus.ticks(20);
    assert_eq!(number(&taken), Some(8.0));
    assert_eq!(watts(&taken).len(), 8);
}

#[test]
fn lists_that_grow_or_claim_more_than_they_hold() {
    let list = "nvmlDeviceGetComputeRunningProcesses_v3";
    let mut gpus = Gpus::new(&eight(&format!("[[fault]]\nsymbol = \"{list}\"\ngrows = 2\n")));
    let taken = gpus.ticks(3);
    assert_eq!(processes(&taken).iter().filter(|row| row.key().0 > 0).count(), 8);
    assert_eq!(gpus.calls_of(list), 3 * 3 * 8, "twice too long, then not");
    // One that never stops growing is given up, for this read alone.
    let fault = format!("[[fault]]\nsymbol = \"{list}\"\ngrows = 1000000\nuntil = 5\n");
    let mut gpus = Gpus::new(&eight(&fault));
    let taken = gpus.ticks(3);
    assert_eq!(processes(&taken).iter().filter(|row| row.key().0 > 0).count(), 0);
    assert_eq!(watts(&taken).len(), 8);
    let taken = gpus.ticks(3);
    assert_eq!(processes(&taken).iter().filter(|row| row.key().0 > 0).count(), 8);
    // One that claims a thousand more has written what it has.
    let mut gpus = Gpus::new(&eight(&format!("[[fault]]\nsymbol = \"{list}\"\noverfull = true\n")));
    let taken = gpus.ticks(2);
    assert_eq!(processes(&taken).iter().filter(|row| row.key().0 > 0).count(), 8);
}

#[test]
fn processes_that_nobody_knows_are_named_for_what_they_are() {
    let mut gpus = Gpus::new(H200);
    let name =
        |taken: &Taken| of_pid(taken, 4300).map(|row| row.shown(gpu_process::name).to_owned());
    gpus.process(4242, "python", 777);
    gpus.tree
        .write("proc/4242/cgroup", format!("0::/system.slice/docker-{}.scope", "ab".repeat(32)));
    let taken = gpus.tick();
    assert_eq!(name(&taken).as_deref(), Some("host pid 4300"));
    let python = of_pid(&taken, 4242).expect("there");
    assert_eq!(python.shown(gpu_process::container), "abababababab");
    // Where all processes can be seen, it has ended.
    std::fs::create_dir_all(gpus.tree.roots().proc.join("self/ns")).expect("a folder");
    let space = gpus.tree.roots().proc.join("self/ns/pid");
    std::os::unix::fs::symlink("pid:[4026531836]", space).expect("a link");
    assert_eq!(name(&gpus.tick()).as_deref(), Some("gone (4300)"));
}

#[test]
fn counters_of_32_bits_wrap_without_a_spike() {
    let mut gpus =
        Gpus::new("[[device]]\npcie_wraps = true\npcie_sent_bytes_per_second = 1000000000\n");
    for second in 1..12 {
        let taken = gpus.tick();
        let rate = devices(&taken)[0].get(gpu::pcie_sent_bytes_per_second);
        assert!(rate.is_none_or(|rate| (rate - 1e9).abs() < 1e6), "{second}: {rate:?}");
    }
}

#[test]
fn a_driver_that_is_replaced_is_said_in_words_until_it_is_whole() {
    // The calls know of nothing, and the library that is opened then is not the module's.
    let faults = "[[fault]]\nfrom = 5\nuntil = 9\ncode = 1\n\
                  [[fault]]\nsymbol = \"nvmlInit_v2\"\nfrom = 9\nuntil = 21\ncode = 18\n";
    let mut gpus = Gpus::new(&format!("{H200}{faults}"));
    gpus.ticks(4);
    assert!(gpus.ticks(2).result.is_err());
    let problem = gpus.ticks(6).result.expect_err("two versions");
    assert!(problem.reason.contains("different versions"), "{}", problem.reason);
    assert!(problem.hint.is_some_and(|hint| hint.contains("reboot")));
    let taken = gpus.ticks(20);
    assert_eq!(taken.result, Ok(()));
    assert_eq!(devices(&taken)[0].get(gpu::reading_watts), Some(630.0));
}

#[test]
fn cycles_fail_alone() {
    let shares = [gpu::tensor_ratio, gpu::occupancy_ratio, gpu::bandwidth_ratio];
    // One metric of them.
    let mut gpus = Gpus::new(&H200.replace("gpm = true", "gpm = true\ngpm_missing = [\"5\"]"));
    let taken = gpus.ticks(3);
    assert_eq!(all(devices(&taken)[0], &shares), [None, Some(0.48), Some(0.33)]);
    // The sample, for a while.
    let fault = "[[fault]]\nsymbol = \"nvmlGpmSampleGet\"\nfrom = 3\nuntil = 6\ncode = 999\n";
    let mut gpus = Gpus::new(&format!("{H200}{fault}"));
    let taken = gpus.ticks(4);
    assert_eq!(all(devices(&taken)[0], &shares), [None; 3]);
    assert_eq!(devices(&taken)[0].get(gpu::reading_watts), Some(630.0));
    let taken = gpus.ticks(6);
    assert_eq!(all(devices(&taken)[0], &shares), [Some(0.625), Some(0.48), Some(0.33)]);
}

#[test]
fn an_optional_metric_that_fails_for_now_is_asked_for_again() {
    for code in [10, 21, 27, 999] {
        let symbol = "nvmlDeviceGetTemperature";
        let fault =
            format!("[[fault]]\nsymbol = \"{symbol}\"\nfrom = 2\nuntil = 5\ncode = {code}\n");
        let mut gpus = Gpus::new(&format!("{H200}{fault}"));
        let heat = |taken: &Taken| devices(taken)[0].get(gpu::temperature_celsius);
        assert_eq!(heat(&gpus.tick()), Some(64.0), "{code}");
        let taken = gpus.ticks(2);
        assert_eq!(heat(&taken), None, "{code}");
        assert_eq!(devices(&taken)[0].get(gpu::reading_watts), Some(630.0), "{code}");
        assert_eq!(heat(&gpus.ticks(3)), Some(64.0), "{code}");
    }
}

#[test]
fn a_clock_that_jumps_makes_no_rate() {
    let mut gpus = Gpus::new(H200);
    gpus.ticks(3);
    // An hour passes that nobody saw, and the driver counted on.
    gpus.bench.clock.pass(3600);
    gpus.second += 3600.0;
    let watts = devices(&gpus.tick())[0].get(gpu::watts);
    assert!(watts.is_none_or(|watts| (watts - 630.0).abs() < 1.0), "{watts:?}");
    // The driver's own clock goes back: what it sampled then is not taken for new.
    gpus.second = 1.0;
    let taken = gpus.tick();
    let share = of_pid(&taken, 4242).and_then(|row| row.get(gpu_process::utilization_ratio));
    assert_eq!(share, Some(0.0));
}

#[test]
fn a_call_that_never_comes_back_holds_the_thread_that_made_it_and_no_other() {
    let fault = "[[fault]]\nsymbol = \"nvmlDeviceGetPowerUsage\"\nfrom = 3\nblock = true\n";
    let mut gpus = Gpus::new(&format!("{H200}{fault}"));
    gpus.ticks(2);
    let folder = gpus.tree.roots().base;
    let (sent, came) = channel();
    // The thread stays, as it would in the kernel.
    std::thread::spawn(move || {
        gpus.tick();
        let _ = sent.send(());
    });
    let hangs = came.recv_timeout(Duration::from_millis(100)).is_err();
    // Nobody else will.
    std::fs::remove_dir_all(folder).expect("there");
    assert!(hangs, "it came back");
}

#[test]
fn memory_that_grew_between_two_calls_is_believed() {
    // The device was asked a moment before: it knew of one MiB less.
    let mut gpus =
        Gpus::new("[[device]]\nother_mib = -1\n[[device.process]]\npid = 7\nmemory_mib = 512\n");
    let taken = gpus.tick();
    let process = of_pid(&taken, 7).expect("listed");
    assert_eq!(process.get(gpu_process::memory_bytes), Some(512.0 * MIB));
    assert!(of_pid(&taken, 0).is_none(), "nothing is left over");
    // More than there is at all is not.
    let mut gpus = Gpus::new(
        "[[device]]\nother_mib = -200000\n[[device.process]]\npid = 7\nmemory_mib = 200000\n",
    );
    let taken = gpus.tick();
    assert_eq!(of_pid(&taken, 7).expect("listed").get(gpu_process::memory_bytes), None);
}
