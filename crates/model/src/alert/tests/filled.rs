//! Who filled a disk.

use super::*;

/// A disk or a file system in memory that is full to so many percent, and what processes wrote so far.
fn filling(
    device: &str,
    percent: u64,
    running: &[(u64, u64, u64)],
) -> impl FnOnce(&mut Vec<RawTable>) {
    let mut table = RawTable::new(FamilyId::Filesystem);
    table
        .push(Key(1, 0))
        .text(filesystem::mountpoint, "/srv")
        .text(filesystem::device, device)
        .set(filesystem::size_bytes, 100_u64 << 20)
        .set(filesystem::free_bytes, (100 - percent) << 20)
        .set(filesystem::avail_bytes, (100 - percent) << 20);
    let mut rows = RawTable::new(FamilyId::Process);
    for &(pid, written, handed) in running {
        rows.push(Key(pid, 1))
            .text(process::name, format!("p{pid}"))
            .set(process::written_bytes, written << 20)
            .set(process::write_call_bytes, handed << 20);
    }
    move |tables| tables.extend([table, rows])
}

#[test]
fn who_filled_a_disk_is_known_though_it_has_ended() {
    for (device, named) in [("/dev/sda1", "by p5 (5)"), ("tmpfs", "probably p6 (6)")] {
        let mut alerts = Alerts::new(builtin());
        let mut scene = Scene::new();
        let mut run = |percent, running: &[_]| {
            alerts.advance(&scene.step(filling(device, percent, running)));
            (alerts.wants().io, alerts.active().first().map(|active| active.culprit.clone()))
        };
        assert!(!run(50, &[(5, 0, 0), (6, 0, 0), (7, 900, 900)]).0);
        assert!(run(51, &[(5, 1, 1), (6, 0, 0), (7, 900, 900)]).0, "full in a minute");
        assert!(run(70, &[(5, 40, 40), (6, 1, 60), (7, 901, 901)]).0);
        assert!(run(90, &[(7, 902, 902)]).0);
        let (wanted, culprit) = run(96, &[(7, 903, 903)]);
        let culprit = culprit.flatten().expect("named");
        let mut text = String::new();
        alerts.active()[0].describe(&mut text).expect("a string takes all");
        assert_eq!(text, format!("/srv 96% used, limit 95%, {named}"), "{culprit:?}");
        assert!(wanted, "it still fills");
        alerts.advance(&scene.step(filling(device, 96, &[])));
        assert!(!alerts.wants().io, "a full disk that rests is no reason to read more");
    }
}

/// A second: how full the disk is in percent of 100 MiB; who runs, by pid, start and MiB written; who
/// has ended, by pid, name and MiB written.
type Second<'a> = (u64, &'a [(u64, u64, u64)], &'a [(u64, &'a str, u64)]);

/// What the alert says of a disk, or of a file system in memory, when nobody is looked for any more.
fn blamed(device: &str, seconds: &[Second<'_>]) -> String {
    let mut alerts = Alerts::new(builtin());
    let mut scene = Scene::new();
    let last = seconds.last().map(|&(full, running, _)| (full, running, &[][..]));
    let mut sequence = 0;
    let rests = std::iter::repeat_n(last, 12).flatten();
    for (full, running, ended) in seconds.iter().copied().chain(rests) {
        let memory = device == "tmpfs";
        let mib = |bytes: u64| (if memory { 0 } else { bytes << 20 }, bytes << 20);
        alerts.advance(&scene.step(|tables| {
            filling(device, full, &[])(tables);
            tables.retain(|table| table.family() == FamilyId::Filesystem);
            let mut rows = RawTable::new(FamilyId::Process);
            for &(pid, start, bytes) in running {
                rows.push(Key(pid, start))
                    .text(process::name, format!("p{pid}"))
                    .set(process::start_seconds, start * 1_000_000)
                    .set(process::written_bytes, mib(bytes).0)
                    .set(process::write_call_bytes, mib(bytes).1);
            }
            tables.push(rows);
            let mut rows = RawTable::new(FamilyId::Exit);
            for &(pid, name, bytes) in ended {
                sequence += 1;
                rows.push(Key(pid, sequence))
                    .text(exit::name, name)
                    .set(exit::pid, pid)
                    .set(exit::written_bytes, mib(bytes).0)
                    .set(exit::write_call_bytes, mib(bytes).1);
            }
            tables.push(rows);
        }));
    }
    let mut text = String::new();
    alerts.active()[0].describe(&mut text).expect("a string takes all");
    text.split_once(", limit 95%").expect("its limit").1.to_owned()
}

#[test]
fn who_filled_a_disk_explains_by_how_much_it_grew_or_is_not_named() {
    const UNSEEN: &str = ", by none of the processes that were seen";
    // A journal that wrote much in its life, and goes on writing.
    const J: [&[(u64, u64, u64)]; 4] =
        [&[(7, 0, 900)], &[(7, 0, 900)], &[(7, 0, 901)], &[(7, 0, 902)]];
    type Case<'a> = (&'a str, &'a [Second<'a>], &'a str);
    let cases: [Case<'_>; 14] = [
        // It filled the disk and ended between two samples: the kernel told of its end.
        (
            "/dev/a",
            &[(10, J[0], &[]), (99, J[1], &[(5, "dd", 89)]), (99, J[2], &[])],
            ", by dd (5), which has ended",
        ),
        // The kernel told too late for the first look.
        (
            "/dev/a",
            &[(10, J[0], &[]), (99, J[1], &[]), (99, J[2], &[(5, "dd", 89)])],
            ", by dd (5), which has ended",
        ),
        // Nobody told: whoever writes a little now is not the one.
        ("/dev/a", &[(10, J[0], &[]), (99, J[1], &[]), (99, J[2], &[]), (99, J[3], &[])], UNSEEN),
        // Nor is whoever else has ended.
        ("/dev/a", &[(10, J[0], &[]), (99, J[1], &[(6, "cron", 2)]), (99, J[2], &[])], UNSEEN),
        // It ended long before the disk grew.
        ("/dev/a", &[(10, J[0], &[(5, "dd", 89)]), (10, J[0], &[]), (99, J[1], &[])], UNSEEN),
        // Many small ones.
        (
            "/dev/a",
            &[(10, J[0], &[]), (99, J[1], &[(5, "cp", 30), (6, "cp", 35), (8, "cp", 20)])],
            ", probably cp (6), which has ended",
        ),
        // Two who explain it: the nearer.
        (
            "/dev/a",
            &[(10, &[], &[]), (99, &[], &[(5, "cp", 50), (6, "dd", 85)])],
            ", by dd (6), which has ended",
        ),
        // Born since the look before, and still there.
        ("/dev/a", &[(10, J[0], &[]), (99, &[(7, 0, 900), (9, 2, 88)], &[])], ", by p9 (9)"),
        // Its shell has the bytes of who ended as its own.
        (
            "/dev/a",
            &[(10, &[], &[]), (99, &[(9, 2, 89)], &[(5, "dd", 89)])],
            ", by dd (5), which has ended",
        ),
        // Files in memory: the bytes handed over.
        (
            "tmpfs",
            &[(10, &[], &[]), (99, &[], &[(5, "dd", 89)])],
            ", probably dd (5), which has ended",
        ),
        // Ten times as much: it wrote elsewhere.
        ("/dev/a", &[(10, &[], &[]), (99, &[], &[(5, "rsync", 900)])], UNSEEN),
        // Nobody wrote at all: space that was set aside.
        ("/dev/a", &[(10, &[], &[]), (99, &[], &[])], UNSEEN),
        // Full before anybody looked: nothing is known, so nothing is said.
        ("/dev/a", &[(99, J[0], &[]), (99, J[1], &[]), (99, J[2], &[])], ""),
        // It fills for a while by somebody who is seen all the time.
        (
            "/dev/a",
            &[
                (50, &[(4, 0, 500)], &[]),
                (60, &[(4, 0, 510)], &[]),
                (70, &[(4, 0, 520)], &[]),
                (80, &[(4, 0, 530)], &[]),
                (97, &[(4, 0, 547)], &[]),
            ],
            ", by p4 (4)",
        ),
    ];
    for (device, seconds, want) in cases {
        assert_eq!(blamed(device, seconds), want, "{device} {seconds:?}");
    }
}

proptest! {
    #[test]
    fn whatever_is_said_of_bytes_nobody_is_blamed_for_much_more_or_less(
        grown in 6_u64..90,
        ended in prop::collection::vec((0_u64..9, 0_u64..200), 0..5),
    ) {
        let ended: Vec<(u64, &str, u64)> =
            ended.into_iter().enumerate().map(|(place, (pid, bytes))| {
                (pid, ["a", "b", "c", "d", "e"][place], bytes)
            }).collect();
        let said = blamed("/dev/a", &[(99 - grown, &[], &[]), (99, &[], &ended)]);
        let near = |bytes: u64| bytes.min(grown) as f64 / bytes.max(grown) as f64 >= 0.75;
        let near = ended.iter().any(|(.., bytes)| near(*bytes));
        prop_assert_eq!(said.contains("which has ended"), near, "{} {:?}", said, ended);
    }
}

#[test]
fn somebody_is_looked_for_a_while_and_not_for_ever() {
    let mut alerts = Alerts::new(builtin());
    let mut scene = Scene::new();
    let mut wanted = 0;
    for _ in 0..40 {
        alerts.advance(&scene.step(disk_at(99)));
        wanted += usize::from(alerts.wants().io);
    }
    assert_eq!(wanted, usize::from(LOOKED_FOR));
    assert!(alerts.wants().groups, "there are rules for groups");
    assert_eq!(Alerts::new(vec![zombies()]).wants(), Wants::default());
}
