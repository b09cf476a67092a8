//! Values that not every chip has, and what stands in for them.

use retop_model::family::{display, held_down};

use super::*;

#[test]
fn each_core_and_cluster_has_its_own_energy() {
    // Core and its watts; cluster and its own. Names are of another kind on each chip.
    type Wanted = (&'static str, &'static [(u64, f64)], &'static [(&'static str, f64)]);
    let chips: [Wanted; 4] = [
        ("m1", &[(0, 0.25), (7, 2.0)], &[("E0", 1.0)]),
        ("m1-ultra", &[(0, 0.125), (2, 2.25), (9, 0.5), (19, 0.5)], &[("P0", 9.0)]),
        (
            "m4-max",
            &[(3, 0.25), (4, 20.0 / 6.0), (15, 0.5)],
            &[("E0", 1.0), ("P0", 20.0), ("P1", 3.0)],
        ),
        ("m5-max", &[(0, 0.5), (11, 0.125), (12, 1.0)], &[("M0", 3.0), ("M1", 1.0), ("P0", 6.0)]),
    ];
    for (name, cores, clusters) in chips {
        let mut mac = Mac::of(name);
        mac.ticks(2);
        let earlier = mac.ticks(4);
        let now = mac.ticks(6);
        for &(number, watts) in cores {
            let what = format!("{name} core {number}");
            let of = |at: &Snapshot, field| at.find(FamilyId::Core, Key(number, 0))?.get(field);
            near(of(&now, core::watts), watts, &what);
            // Six seconds lie between the two, and three batches where there are batches.
            let used = of(&now, core::energy_joules).zip(of(&earlier, core::energy_joules));
            near(used.map(|(now, then)| now - then), watts * 6.0, &what);
        }
        for &(cluster, watts) in clusters {
            near(
                cluster_of(&now, cluster).get(cluster::watts),
                watts,
                &format!("{name} {cluster}"),
            );
        }
        mac.end(name);
    }
    // Nobody counts them on this one; a beta that counts nothing draws nothing that is known.
    for (name, what) in [("m4", "not counted"), ("m4-pro", "at 0 since boot")] {
        let mut mac = Mac::of(name);
        let now = mac.ticks(4);
        let known = now.rows(FamilyId::Core).filter(|row| row.get(core::watts).is_some());
        assert_eq!(known.count(), 0, "{name}: {what}");
        mac.end(name);
    }
}

#[test]
fn the_graphics_processor_has_bands_states_and_the_drivers_word() {
    let mut mac = Mac::of("m4-max");
    let now = mac.ticks(4);
    let row = now.rows(FamilyId::Gpu).next().expect("a device");
    let bands = [gpu::idle_ratio, gpu::low_ratio, gpu::middle_ratio, gpu::high_ratio];
    for (band, wanted) in bands.into_iter().zip([0.25, 0.0, 0.0, 0.75]) {
        near(row.get(band), wanted, band.name());
    }
    let told = [gpu::driver_ratio, gpu::renderer_ratio, gpu::tiler_ratio].map(|of| row.get(of));
    assert_eq!(told, [Some(0.78), Some(0.39), Some(0.19)]);
    let states: Vec<Row<'_>> = now
        .rows(FamilyId::PerformanceState)
        .filter(|row| row.shown(performance_state::domain) == "GPU")
        .collect();
    assert_eq!(states.len(), 16);
    near(states.iter().map(|row| row.get(performance_state::share_ratio)).sum(), 1.0, "all");
    let top = states.last().expect("states");
    assert_eq!(top.shown(performance_state::state), "P15");
    near(top.get(performance_state::frequency_hertz), 1578e6, "clock");
    near(top.get(performance_state::share_ratio), 0.75, "share");
    mac.end("m4-max");
    // A lower clock: 720 of 1278 MHz are the middle.
    let mut mac = Mac::of("m1");
    let now = mac.ticks(4);
    let row = now.rows(FamilyId::Gpu).next().expect("a device");
    near(row.get(gpu::middle_ratio), 0.4, "middle");
    near(row.get(gpu::idle_ratio), 0.6, "idle");
    mac.end("m1");
    // Without a table shares are not told apart by clock, and the time is known all the same.
    let mut mac =
        Mac::new(&changed("m4-max", "thermal = 1", "thermal = 1\nwrong = [\"half tables\"]"));
    let now = mac.ticks(4);
    let row = now.rows(FamilyId::Gpu).next().expect("a device");
    assert_eq!(row.get(gpu::high_ratio), None);
    near(row.get(gpu::utilization_ratio), 0.75, "busy");
    mac.end("half tables");
}

#[test]
fn the_scheduler_tells_why_clocks_were_held_down() {
    let mut mac = Mac::of("m4-max");
    let now = mac.ticks(4);
    let shares = |domain: &str| -> Vec<(String, f64)> {
        let rows =
            now.rows(FamilyId::HeldDown).filter(|row| row.shown(held_down::domain) == domain);
        rows.map(|row| {
            let share = row.get(held_down::share_ratio).expect("known");
            (row.shown(held_down::reason).to_owned(), (share * 1e3).round() / 1e3)
        })
        .filter(|(_, share)| *share > 0.0)
        .collect()
    };
    let wanted = |of: &[(u32, f64)]| -> Vec<(String, f64)> {
        of.iter().map(|(number, share)| (format!("reason {number}"), *share)).collect()
    };
    assert_eq!(shares("all"), wanted(&[(0, 0.5), (4, 0.5)]));
    assert_eq!(shares("cluster 0"), wanted(&[(0, 1.0)]));
    assert_eq!(shares("cluster 1"), wanted(&[(0, 0.25), (4, 0.5), (7, 0.25)]));
    assert!(mac.problem("performance/reasons").is_none());
    mac.end("m4-max");
    let mut mac = Mac::of("m5");
    let now = mac.ticks(3);
    assert_eq!(now.rows(FamilyId::HeldDown).len(), 0);
    assert_eq!(mac.problem("performance/reasons").map(|problem| problem.state), Some(ABSENT));
    mac.end("m5");
}

#[test]
fn displays_count_their_pictures() {
    for (name, wanted) in [
        ("m1", &[("DCP", 60.0)][..]),
        ("m1-ultra", &[("DCPEXT0", 60.0), ("DCPEXT1", 144.0)]),
        ("m4-max", &[("DCP0", 120.0), ("DCPEXT0", 60.0)]),
    ] {
        let mut mac = Mac::of(name);
        let now = mac.ticks(4);
        let found: BTreeMap<&str, f64> = now
            .rows(FamilyId::Display)
            .map(|row| {
                let rate = row.get(display::frames_per_second).expect("known").round();
                (row.shown(display::display), rate)
            })
            .collect();
        assert_eq!(found, wanted.iter().copied().collect(), "{name}");
        mac.end(name);
    }
    // A display that is listed and fills nothing in shows no pictures, not none per second.
    let mut mac = Mac::new(&changed("m1", "rusage_version = 4", "unfilled = [\"DCP\"]"));
    let now = mac.ticks(3);
    assert_eq!(now.rows(FamilyId::Display).len(), 0);
    mac.end("unfilled");
    let mut mac = Mac::of("virtual");
    let now = mac.ticks(3);
    assert_eq!(now.rows(FamilyId::Display).len(), 0);
    assert_eq!(mac.problems["display"].state, ABSENT);
    mac.end("virtual");
}

#[test]
fn an_a18_counts_the_bytes_of_its_memory_by_clock() {
    let mut mac = Mac::of("a18-pro");
    let now = mac.ticks(4);
    near(now.one(memory::traffic_bytes_per_second), 15e9, "both");
    let all = now.rows(FamilyId::Traffic).next().expect("a controller");
    assert_eq!(all.get(traffic::resolution_bytes_per_second), None, "bytes have no steps");
    near(now.one(memory::traffic_limit_bytes_per_second), 60e9, "stated");
    mac.end("a18-pro");
    let mut mac = Mac::new(&changed("a18-pro", "levels", "unfilled = [\"PMP\"]\nlevels"));
    let now = mac.ticks(3);
    assert_eq!(now.one(memory::traffic_bytes_per_second), None);
    assert_eq!(mac.problem("memory/traffic").map(|problem| problem.state), Some(ABSENT));
    mac.end("unfilled");
}

#[test]
fn the_controller_stands_in_for_cores_that_count_nothing() {
    let mut mac = Mac::of("a18-pro");
    mac.tick();
    let now = mac.ticks(10);
    near(now.one(chip::cpu_watts), 2.5, "by the controller");
    near(now.one(chip::package_watts), 3.0, "with graphics, the neural engine at 0");
    near(now.one(chip::package_joules), 30.0, "ten seconds of it");
    assert_eq!(rail(&now, "ioreport/cpu", power::used_joules), None, "0 since boot is no energy");
    assert!(mac.problem("power/cpu").is_some(), "and the reason is told");
    mac.end("a18-pro");
    // The same key is something else on another chip.
    let text = changed("m4-pro", "[memory]", "[[smc]]\nkey = \"PZC0\"\nvalue = 9.0\n\n[memory]");
    let mut mac = Mac::new(&text);
    let now = mac.ticks(4);
    assert_eq!(now.one(chip::cpu_watts), None);
    mac.end("m4-pro");
    // On an M3 Max five keys together; one of them alone says nothing.
    let keys = ["PC02", "PC03", "PC42", "PC43", "PP5b"];
    let rails = |keys: &[&str]| {
        let keys = keys.iter().map(|key| format!("[[smc]]\nkey = \"{key}\"\nvalue = 2.0\n"));
        let text = changed("m3-pro", "Apple M3 Pro", "Apple M3 Max");
        let text = text.replacen("vm_words", "energy_zero = true\nvm_words", 1);
        text.replacen("[memory]", &(keys.collect::<String>() + "[memory]"), 1)
    };
    for (keys, watts) in [(&keys[..], Some(10.0)), (&keys[..4], None)] {
        let mut mac = Mac::new(&rails(keys));
        let now = mac.ticks(4);
        assert_eq!(now.one(chip::cpu_watts), watts);
        mac.end("m3-max");
    }
}

#[test]
fn the_neural_engine_is_told_by_either_floor() {
    for (name, wanted) in [("m4-max", Some(0.2)), ("m5", Some(0.1)), ("m1", None)] {
        let mut mac = Mac::of(name);
        let now = mac.ticks(3);
        match wanted {
            Some(wanted) => near(now.one(chip::ane_active_ratio), wanted, name),
            None => assert_eq!(now.one(chip::ane_active_ratio), None, "{name}"),
        }
        mac.end(name);
    }
}

#[test]
fn an_app_answers_for_its_processes() {
    let mut mac = Mac::of("m4-max");
    let now = mac.ticks(2);
    assert_eq!(process_of(&now, 4242).get(process::responsible_pid), Some(900.0));
    assert_eq!(process_of(&now, 900).get(process::responsible_pid), None, "for itself");
    mac.end("m4-max");
}

#[test]
fn fans_have_limits_and_a_target() {
    let mut mac = Mac::of("m4-max");
    let now = mac.ticks(2);
    let mut fans = now.rows(FamilyId::Sensor).filter(|row| row.get(sensor::fan_rpm).is_some());
    let fan = fans.find(|row| row.shown(sensor::sensor) == "fan 0").expect("a fan");
    let told = [sensor::fan_target_rpm, sensor::fan_maximum_rpm].map(|of| fan.get(of));
    assert_eq!(told, [Some(2600.0), Some(5777.0)]);
    assert!(fan.get(sensor::fan_minimum_rpm).is_some());
    let other = fans.next().expect("another");
    assert_eq!(other.get(sensor::fan_target_rpm), None);
    mac.end("m4-max");
}

#[test]
fn a_long_command_line_is_whole() {
    let long = "word ".repeat(600);
    let mut mac = Mac::new(&changed("m5-max", "\"a b\"", &format!("\"{long}\"")));
    let now = mac.ticks(2);
    let command = process_of(&now, 4242).shown(process::command).to_owned();
    assert_eq!(command, format!("ollama serve --model {long}"));
    mac.end("m5-max");
}
