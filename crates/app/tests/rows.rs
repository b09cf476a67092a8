//! The order of rows, and that no cell moves its neighbour.

mod deaf;
mod scene;

use std::collections::HashSet;
use std::sync::Arc;

use deaf::Deaf;
use proptest::prelude::*;
use retop::tui::app::App;
use retop::tui::filter::Filter;
use retop::tui::input::{Code, Event, Key as Press};
use retop::tui::render::{Depth, Screen};
use retop::tui::table::column::Col;
use retop::tui::table::order::{Line, Order, What, Wish, group_key};
use retop::tui::table::set;
use retop::tui::{Options, panel};
use retop_model::family::{process, thread};
use retop_model::{FamilyId, Key, RawSample, RawTable, Snapshot, Stamp, Window, derive};

/// Processes by number, parent and CPU time in hundredths.
fn snapshot(rows: &[(u64, i64, i64)]) -> Snapshot {
    let mut last = None;
    for tick in 0..2_u64 {
        let mut table = RawTable::new(FamilyId::Process);
        for &(pid, parent, share) in rows {
            table
                .push(Key(pid, pid % 7))
                .set(process::pid, pid)
                .set(process::parent_pid, parent)
                .set(process::user_seconds, share * 10_000 * tick as i64)
                .set(process::system_seconds, 0_i64)
                .text(process::name, if pid % 3 == 0 { "three" } else { "other" });
        }
        let begin_ns = (tick + 1) * 1_000_000_000;
        table.finish(Window { begin_ns, end_ns: begin_ns });
        let stamp = Stamp { wall_ms: 0, monotonic_ns: begin_ns, boottime_ns: begin_ns };
        let mut sample = RawSample::new(stamp);
        sample.put(Arc::new(table));
        last = Some(derive(last.as_ref(), Arc::new(sample)));
    }
    last.expect("two samples")
}

const WISH: Wish<'_> = Wish {
    sort: Col::CPU,
    then: Col::RESIDENT,
    descending: true,
    tree: false,
    pinned: false,
    group: None,
    threads: false,
    hold: false,
    filter: None,
    kernel: true,
    tagged: &[],
    folded: &[],
    unfolded: &[],
};

fn pids(now: &Snapshot, order: &Order) -> Vec<u64> {
    let row = |line: &retop::tui::table::order::Line| now.row(FamilyId::Process, line.row as usize);
    order.lines.iter().map(|line| row(line).expect("a row").key().0).collect()
}

fn machine() -> impl Strategy<Value = Vec<(u64, i64, i64)>> {
    // Parents that do not exist, that are themselves, and circles of parents.
    prop::collection::vec((1_u64..40, -2_i64..45, 0_i64..300), 0..40)
}

proptest! {
    #[test]
    fn a_list_is_sorted_and_holds_everybody_once(rows in machine(), descending: bool) {
        let now = snapshot(&rows);
        let mut order = Order::default();
        order.update(&now, &Wish { descending, ..WISH });
        let seen: HashSet<u32> = order.lines.iter().map(|line| line.row).collect();
        prop_assert_eq!(seen.len(), now.rows(FamilyId::Process).len());
        prop_assert_eq!(order.lines.len(), seen.len());
        let share = |line: &retop::tui::table::order::Line| {
            now.row(FamilyId::Process, line.row as usize).and_then(|row| row.get(process::cpu_ratio))
        };
        for pair in order.lines.windows(2) {
            let (a, b) = (share(&pair[0]), share(&pair[1]));
            let (upper, lower) = if descending { (a, b) } else { (b, a) };
            prop_assert!(upper >= lower, "{a:?} before {b:?}");
        }
    }

    #[test]
    fn a_tree_holds_everybody_once_below_the_parent(rows in machine()) {
        let now = snapshot(&rows);
        let mut order = Order::default();
        order.update(&now, &Wish { tree: true, ..WISH });
        let seen: HashSet<u32> = order.lines.iter().map(|line| line.row).collect();
        prop_assert_eq!(seen.len(), now.rows(FamilyId::Process).len());
        prop_assert_eq!(order.lines.len(), seen.len());
        // Whoever stands a step further right is a child of the last one a step further left.
        let mut path: Vec<u64> = Vec::new();
        for line in &order.lines {
            let row = now.row(FamilyId::Process, line.row as usize).expect("a row");
            path.truncate(usize::from(line.depth));
            prop_assert_eq!(path.len(), usize::from(line.depth));
            if let Some(&above) = path.last() {
                prop_assert_eq!(row.raw(process::parent_pid), Some(above as i64));
            }
            path.push(row.key().0);
        }
    }

    #[test]
    fn a_filtered_tree_keeps_ancestors_and_nobody_else(rows in machine()) {
        let now = snapshot(&rows);
        let filter = Filter::parse("three").expect("a filter");
        let mut order = Order::default();
        order.update(&now, &Wish { tree: true, filter: filter.as_ref(), ..WISH });
        for line in &order.lines {
            let row = now.row(FamilyId::Process, line.row as usize).expect("a row");
            prop_assert_eq!(line.beside, row.shown(process::name) != "three");
        }
        let shown = order.lines.iter().filter(|line| !line.beside).count();
        prop_assert_eq!(shown, order.all - order.hidden);
    }
}

#[test]
fn held_rows_stay_and_new_ones_come_last() {
    let mut order = Order::default();
    let before = snapshot(&[(1, 0, 10), (2, 0, 30), (3, 0, 20)]);
    order.update(&before, &WISH);
    assert_eq!(pids(&before, &order), [2, 3, 1]);
    let after = snapshot(&[(1, 0, 90), (3, 0, 20), (4, 0, 99), (2, 0, 1)]);
    order.update(&after, &Wish { hold: true, ..WISH });
    assert_eq!(pids(&after, &order), [2, 3, 1, 4]);
    order.update(&after, &WISH);
    assert_eq!(pids(&after, &order), [4, 1, 3, 2]);
}

#[test]
fn a_folded_process_hides_its_descendants() {
    let now = snapshot(&[(1, 0, 0), (2, 1, 0), (3, 2, 0), (4, 1, 0), (5, 0, 0)]);
    let mut order = Order::default();
    order.update(&now, &Wish { tree: true, folded: &[Key(2, 2)], ..WISH });
    let here: HashSet<u64> = pids(&now, &order).into_iter().collect();
    assert_eq!(here, HashSet::from([1, 2, 4, 5]));
    let folded = order.lines.iter().find(|line| line.folded).expect("one is folded");
    assert_eq!(now.row(FamilyId::Process, folded.row as usize).expect("a row").key().0, 2);
}

/// Whatever a process is called and however much it uses, the blank before each column is blank.
#[test]
fn no_cell_moves_its_neighbour() {
    for number in 0..set::builtin().len() {
        for width in [60, 80, 97] {
            let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
            for snapshot in scene::HOSTILE.run(3) {
                app.update(&snapshot);
            }
            app.table.set = number;
            let height = 70;
            app.arrange(width, height);
            let mut screen = Screen::new(width, height, false);
            let paint = |canvas: &mut retop::tui::render::Canvas<'_>| panel::draw(&app, canvas);
            screen.draw(&mut Vec::new(), app.glyphs, paint).expect("drawn");
            let table = app.areas.table;
            let set = app.table.shown_set();
            let (placed, count) = app.table.columns(width - 1, |_| 0);
            for row in 0..app.table.visible().len() as u16 {
                let y = table.y + 1 + row;
                for placed in placed[..count].iter().flatten().filter(|placed| placed.x > 1) {
                    let blank = screen.shown()[(placed.x - 1, y)];
                    assert!(blank.is_blank(), "{:?} of {} in row {row}", placed.col, set.name);
                }
                let cells: u16 = screen.shown().row(y).iter().map(|cell| cell.width()).sum();
                assert_eq!(cells, width, "row {row}");
            }
        }
    }
}

#[test]
fn equals_stay_in_the_order_that_they_are_in() {
    let mut order = Order::default();
    let busy = |pid: u64| snapshot(&[1, 2, 3, 4].map(|n| (n, 0, i64::from(n == pid) * 50)));
    let idle = snapshot(&[1, 2, 3, 4].map(|n| (n, 0, 0)));
    for (now, wanted) in [
        (&idle, [1, 2, 3, 4]),
        (&busy(3), [3, 1, 2, 4]),
        // What looks the same does not move, not even back to its number.
        (&idle, [3, 1, 2, 4]),
        (&busy(2), [2, 3, 1, 4]),
        (&idle, [2, 3, 1, 4]),
    ] {
        order.update(now, &WISH);
        assert_eq!(pids(now, &order), wanted);
    }
}

#[test]
fn among_equals_the_column_sorted_by_before_decides_then_the_order_so_far() {
    const MIB: i64 = 1 << 20;
    let moment = |memory: &[i64]| {
        let mut table = RawTable::new(FamilyId::Process);
        for (pid, &bytes) in (1_u64..).zip(memory) {
            let mut row = table.push(Key(pid, 1));
            row.set(process::pid, pid).set(process::threads, pid as i64 % 2);
            if bytes >= 0 {
                row.set(process::resident_bytes, bytes);
            }
        }
        table.finish(Window { begin_ns: 1, end_ns: 2 });
        let mut sample = RawSample::new(Stamp::default());
        sample.put(Arc::new(table));
        derive(None, Arc::new(sample))
    };
    let mut order = Order::default();
    // Nobody has a rate: memory decides. What is missing comes last, of equals the first.
    let now = moment(&[5 * MIB, 90 * MIB, -1, 5 * MIB, 7 * MIB]);
    order.update(&now, &WISH);
    assert_eq!(pids(&now, &order), [2, 5, 1, 4, 3]);
    // A few pages more move nobody; a tenth more does.
    let now = moment(&[5 * MIB, 90 * MIB, -1, 5 * MIB + 4096, 7 * MIB]);
    order.update(&now, &WISH);
    assert_eq!(pids(&now, &order), [2, 5, 1, 4, 3]);
    let now = moment(&[5 * MIB, 90 * MIB, -1, 6 * MIB, 7 * MIB]);
    order.update(&now, &WISH);
    assert_eq!(pids(&now, &order), [2, 5, 4, 1, 3]);
    // Turning the first column round leaves the second as it is.
    let threads = Col::Number(process::threads);
    order.update(&now, &Wish { sort: threads, descending: false, ..WISH });
    assert_eq!(pids(&now, &order), [2, 4, 5, 1, 3]);
    let mut table = retop::tui::table::Table::default();
    table.sort_by(Col::PID);
    assert_eq!((table.sort, table.then, table.descending), (Col::PID, Col::CPU, false));
    table.sort_by(Col::PID);
    assert_eq!((table.sort, table.then, table.descending), (Col::PID, Col::CPU, true));
}

proptest! {
    #[test]
    fn groups_hold_everybody_that_the_filter_lets_through_once(
        rows in machine(), open: bool, filtered: bool
    ) {
        let now = snapshot(&rows);
        let filter = Filter::parse("pid>10").expect("a filter").filter(|_| filtered);
        let unfolded = if open { vec![group_key(Some("three"))] } else { Vec::new() };
        let wish = Wish {
            group: Some(process::name),
            filter: filter.as_ref(),
            unfolded: &unfolded,
            tree: true,
            ..WISH
        };
        let mut order = Order::default();
        order.update(&now, &wish);
        let row = |row: u32| now.row(FamilyId::Process, row as usize).expect("a row");
        let mut seen = HashSet::new();
        let mut group = None;
        for line in &order.lines {
            match line.what {
                What::Group(key) => {
                    group = Some((key, order.members(line)));
                    for &member in order.members(line) {
                        prop_assert!(seen.insert(member), "in two groups");
                        let name = row(member).shown(process::name);
                        prop_assert_eq!(group_key(Some(name)), key);
                        prop_assert!(!filtered || row(member).key().0 > 10);
                    }
                }
                What::Process => {
                    let (key, members) = group.expect("below a group");
                    prop_assert!(members.contains(&line.row) && line.depth == 1);
                    prop_assert_eq!(Some(&key), unfolded.first());
                }
                What::Thread | What::Gone => prop_assert!(false, "nobody asked for threads"),
            }
        }
        prop_assert_eq!(seen.len(), order.shown_count);
        prop_assert_eq!(seen.len(), order.all - order.hidden);
        // Sorted by their sums.
        let sum = |line: &Line| {
            now.whole(FamilyId::Process, order.members(line)).get(process::cpu_ratio).value
        };
        let groups: Vec<_> = order
            .lines
            .iter()
            .filter(|line| matches!(line.what, What::Group(_)))
            .map(|line| (sum(line).unwrap_or(-1.0) * 1e3).round())
            .collect();
        prop_assert!(groups.is_sorted_by(|a, b| a >= b), "{groups:?}");
    }

    #[test]
    fn a_sorted_tree_has_siblings_in_order(rows in machine(), fold in 0_usize..40) {
        let now = snapshot(&rows);
        let folded: Vec<Key> =
            now.rows(FamilyId::Process).nth(fold).map(retop_model::Row::key).into_iter().collect();
        let mut order = Order::default();
        order.update(&now, &Wish { tree: true, pinned: true, folded: &folded, ..WISH });
        // The last line of each generation above the present one.
        let mut path: Vec<f64> = Vec::new();
        let mut held = 0;
        for line in &order.lines {
            let depth = usize::from(line.depth);
            let value = said(&now, &order, line);
            if path.len() > depth {
                path.truncate(depth + 1);
                // A circle stands at the left too, where nobody is whose sibling it is.
                prop_assert!(depth == 0 || path[depth] >= value, "{path:?} {value}");
                path.pop();
            }
            path.push(value);
            held += order.members(line).len().max(1);
        }
        prop_assert_eq!(held, now.rows(FamilyId::Process).len(), "everybody once");
    }

    #[test]
    fn a_folded_branch_stands_for_all_below_it(rows in machine(), fold in 0_usize..40) {
        let now = snapshot(&rows);
        let mut open = Order::default();
        open.update(&now, &Wish { tree: true, ..WISH });
        let Some(at) = open.lines.get(fold).copied() else { return Ok(()) };
        let key = now.row(FamilyId::Process, at.row as usize).expect("a row").key();
        let below = open.lines[fold + 1..].iter().take_while(|line| line.depth > at.depth);
        let branch: HashSet<u32> = below.map(|line| line.row).chain([at.row]).collect();
        let mut order = Order::default();
        order.update(&now, &Wish { tree: true, folded: &[key], ..WISH });
        let line = order.lines.iter().find(|line| line.row == at.row).expect("still there");
        let members: HashSet<u32> = order.members(line).iter().copied().collect();
        prop_assert_eq!(members.len(), order.members(line).len());
        if branch.len() > 1 {
            prop_assert!(line.folded);
            prop_assert_eq!(members, branch);
        } else {
            prop_assert!(!line.folded && members.is_empty(), "nothing below it");
        }
    }
}

/// What a line of a tree says of its CPU time: of a folded branch the sum.
fn said(now: &Snapshot, order: &Order, line: &Line) -> f64 {
    let own = now.row(FamilyId::Process, line.row as usize).expect("a row");
    let share = match order.members(line) {
        [] => own.get(process::cpu_ratio),
        members => now.whole(FamilyId::Process, members).get(process::cpu_ratio).value,
    };
    (share.expect("counted") * 1e3).round()
}

/// A tree rests, the eldest first, until somebody sorts it; then siblings stand in the order of what
/// their lines say.
#[test]
fn siblings_are_sorted_by_what_their_lines_say_once_somebody_asks() {
    // 1 has 3, 4 and 5; 4 does little itself, and its children most of all. Key: (pid, start).
    let now = snapshot(&[(1, 0, 1), (3, 1, 20), (4, 1, 2), (5, 1, 10), (8, 4, 90), (9, 4, 30)]);
    let update = |wish: Wish<'_>| {
        let mut order = Order::default();
        order.update(&now, &Wish { tree: true, ..wish });
        pids(&now, &order)
    };
    assert_eq!(update(WISH), [1, 3, 4, 8, 9, 5], "the eldest first");
    let pinned = Wish { pinned: true, ..WISH };
    assert_eq!(update(pinned), [1, 3, 5, 4, 8, 9], "by what each does itself");
    assert_eq!(update(Wish { descending: false, ..pinned }), [1, 4, 9, 8, 5, 3]);
    assert_eq!(update(Wish { folded: &[Key(4, 4)], ..pinned }), [1, 4, 3, 5], "by the sum");
    let mut order = Order::default();
    order.update(&now, &Wish { tree: true, ..pinned });
    let later = snapshot(&[(1, 0, 1), (3, 1, 2), (4, 1, 9), (5, 1, 5), (8, 4, 1), (9, 4, 30)]);
    order.update(&later, &Wish { tree: true, hold: true, ..pinned });
    assert_eq!(pids(&later, &order), [1, 3, 5, 4, 8, 9], "held");
}

#[test]
fn the_heads_say_what_a_tree_is_sorted_by() {
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    for snapshot in scene::SERVER.run(3) {
        app.update(&snapshot);
    }
    let drawn = |app: &mut App, key: Press| {
        app.event(Event::Key(key), &Deaf);
        app.arrange(120, 40);
        let mut screen = Screen::new(120, 40, false);
        screen.draw(&mut Vec::new(), app.glyphs, |canvas| panel::draw(app, canvas)).expect("drawn");
        let cells = (0..40).flat_map(|y| (0..120).map(move |x| (x, y)));
        cells.map(|place| screen.shown()[place].symbol().to_owned()).collect::<String>()
    };
    let text = drawn(&mut app, Press::f(5));
    assert!(text.contains("by age · tree") && text.contains("S  CPU% MEM%"), "{text}");
    let text = drawn(&mut app, Press::char('P'));
    assert!(text.contains("sort CPU%▼ · tree") && text.contains("CPU%▼ MEM%"), "sorted");
    assert!(drawn(&mut app, Press::char('P')).contains("sort CPU%▲ · tree"), "turned round");
    // Another tree rests again.
    drawn(&mut app, Press::f(5));
    assert!(drawn(&mut app, Press::f(5)).contains("by age · tree"));
    assert!(drawn(&mut app, Press::char('I')).contains("sort CPU%▲ · tree"), "as it was last");
}

/// Sums are made of what was read; what is missing in one part is told of the whole.
#[test]
fn a_folded_branch_shows_sums_and_says_what_they_lack() {
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    for snapshot in scene::LAPTOP.run(30) {
        app.update(&snapshot);
    }
    let now = app.now.clone().expect("a moment");
    app.table.sets = vec![
        set::Set::read(
            "x",
            ["pid", "user", "cpu", "rss", "thr", "nice", "wr", "age", "user_ratio"],
        )
        .expect("valid"),
    ];
    app.table.tree = true;
    app.table.folded = vec![Key(1, 101)];
    let (width, height) = (120, 30);
    app.event(Event::Key(Press::char('N')), &Deaf);
    app.arrange(width, height);
    let mut screen = Screen::new(width, height, false);
    screen.draw(&mut Vec::new(), app.glyphs, |canvas| panel::draw(&app, canvas)).expect("drawn");
    let text = |y: u16| -> String {
        (0..width).map(|x| screen.shown()[(x, y)].symbol().to_owned()).collect()
    };
    let line = (0..height).map(text).find(|line| line.contains("/sbin/init")).expect("shown");
    let line = line.trim_matches(['│', ' ', '>', '┃']).to_owned();
    let branch = app.table.order.lines.iter().find(|line| line.folded).expect("folded");
    let members = app.table.order.members(branch);
    let now = &now;
    let of = |field| {
        members.iter().filter_map(move |&row| now.row(FamilyId::Process, row as usize)?.get(field))
    };
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells[0], "1", "{line}");
    assert_eq!(cells[1], "root", "its own user: {line}");
    let cpu = of(process::cpu_ratio).sum::<f64>() * 100.0;
    assert_eq!(cells[2], format!("{cpu:.1}"), "{line}");
    let bytes = of(process::resident_bytes).sum::<f64>();
    assert_eq!(cells[3], retop_model::human::Size(bytes).to_string(), "{line}");
    let threads = of(process::threads).sum::<f64>();
    assert_eq!(cells[4], retop_model::human::Count(threads).to_string(), "{line}");
    assert_eq!(cells[5], "0", "its own nice value: {line}");
    // Nobody may read what root's processes write.
    assert!(of(process::written_bytes_per_second).count() < members.len());
    let written = of(process::written_bytes_per_second).sum::<f64>();
    assert_eq!(cells[6], format!("≥{}", retop_model::human::Size(written)), "{line}");
    assert_eq!(cells[8], cells[2], "its parts: {line}");
    assert!(line.contains(&format!("+ Σ{} /sbin/init", members.len())), "{line}");
}

#[test]
fn threads_stand_below_their_process_and_bring_the_cursor_to_it() {
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    let moments = scene::THREADED.run(4);
    for snapshot in &moments {
        app.update(snapshot);
    }
    app.arrange(120, 40);
    let press = |app: &mut App, key: Press| app.event(Event::Key(key), &Deaf);
    assert!(!app.demand().wants(FamilyId::Thread), "nobody sees them");
    press(&mut app, Press::char('H'));
    app.arrange(120, 40);
    let retop_engine::Rows::Keys(asked) = app.demand().processes.threads else {
        panic!("only of those on the screen");
    };
    assert!(asked.contains(&Key(14447, 14547)), "on the screen with several: {asked:?}");
    assert!(!asked.contains(&Key(2210, 2310)), "it has one");
    let now = app.now.clone().expect("a moment");
    let lines = &app.table.order.lines;
    let first = lines.iter().position(|line| line.what == What::Thread).expect("a thread");
    assert_eq!(first, 1, "below the busiest process");
    let threads: Vec<&Line> =
        lines[1..].iter().take_while(|line| line.what == What::Thread).collect();
    assert_eq!(threads.len(), 18);
    let share = |line: &Line| {
        let row = now.row(FamilyId::Thread, line.row as usize).expect("a row");
        row.get(retop_model::family::thread::cpu_ratio).expect("two samples")
    };
    assert!(threads.is_sorted_by(|a, b| (share(a) * 1e3).round() >= (share(b) * 1e3).round()));
    assert!(threads[..17].iter().all(|line| !line.last) && threads[17].last);
    // A signal on a thread is one to its process.
    press(&mut app, Press::of(Code::Down));
    assert_eq!(app.table.selected(), Some(Key(14447, 14547)));
    press(&mut app, Press::char('H'));
    assert_eq!(app.table.selected(), Some(Key(14447, 14547)), "the cursor goes to the process");
}

/// The number of a thread may be longer than that of any process.
#[test]
fn numbers_of_threads_are_not_cut() {
    let now = |threads: &[u64]| {
        let mut processes = RawTable::new(FamilyId::Process);
        processes.push(Key(812, 1)).set(process::pid, 812_i64).text(process::name, "p");
        let mut table = RawTable::new(FamilyId::Thread);
        for &tid in threads {
            table.push(Key(tid, 1)).set(thread::tid, tid).set(thread::pid, 812_i64);
        }
        let mut sample = RawSample::new(Stamp::default());
        for mut table in [processes, table] {
            table.finish(Window { begin_ns: 0, end_ns: 1 });
            sample.put(Arc::new(table));
        }
        Arc::new(derive(None, Arc::new(sample)))
    };
    let mut app = App::new(&Options { threads: true, ..Options::default() });
    app.update(&now(&[812, 3_712_345]));
    let mut screen = Screen::new(120, 40, false);
    let mut bytes = Vec::new();
    app.arrange(120, 40);
    screen.draw(&mut bytes, app.glyphs, |canvas| panel::draw(&app, canvas)).expect("taken");
    assert!(String::from_utf8(bytes).expect("UTF-8").contains("3712345"));
    // Who does not see threads needs no room for their numbers.
    let mut alone = App::new(&Options::default());
    alone.update(&now(&[812, 3_712_345]));
    assert_eq!((app.table.pid_digits, alone.table.pid_digits), (7, 5));
}

#[test]
fn groups_are_opened_closed_and_tagged_whole() {
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    for snapshot in scene::LAPTOP.run(4) {
        app.update(&snapshot);
    }
    app.arrange(120, 40);
    let press = |app: &mut App, key: Press| {
        app.event(Event::Key(key), &Deaf);
        app.arrange(120, 40);
    };
    press(&mut app, Press::char('G'));
    press(&mut app, Press::char('G'));
    assert_eq!(app.table.group, Some(process::user));
    press(&mut app, Press::of(Code::Down));
    let now = app.now.clone().expect("a moment");
    let mut members: Vec<u64> = app.table.group_members(&now).map(|key| key.0).collect();
    members.sort_unstable();
    assert_eq!(members, [9071, 9133], "those of svc-vllm");
    assert_eq!(app.table.selected(), None, "a group is no process");
    press(&mut app, Press::char('k'));
    let message = app.message.as_ref().map(|message| message.text.as_str());
    assert_eq!(message, Some("this is a group: Space tags its processes, Enter opens it"));
    let count = app.table.order.lines.len();
    press(&mut app, Press::of(Code::Enter));
    assert_eq!(app.table.order.lines.len(), count + 2);
    press(&mut app, Press::of(Code::Down));
    assert_eq!(app.table.selected().map(|key| key.0), Some(9071));
    press(&mut app, Press::char('-'));
    assert_eq!(app.table.order.lines.len(), count);
    assert!(app.table.selected_group().is_some(), "the cursor is on the group again");
    press(&mut app, Press::char(' '));
    assert_eq!(app.table.tagged.len(), 2);
    press(&mut app, Press::of(Code::Up));
    press(&mut app, Press::char(' '));
    assert_eq!(app.table.tagged.len(), 0, "once more unties them");
    press(&mut app, Press::char('*'));
    assert_eq!(app.table.order.lines.len(), count + 412);
    press(&mut app, Press::char('t'));
    assert!(app.table.tree && app.table.group.is_none(), "a tree has no groups");
}

fn typed(app: &mut App, text: &str) {
    for c in text.chars() {
        app.event(Event::Key(Press::char(c)), &Deaf);
    }
}

fn shown_pids(app: &App) -> std::collections::BTreeSet<u64> {
    let now = app.now.as_ref().expect("a moment");
    pids(now, &app.table.order).into_iter().collect()
}

/// A filter means the same rows on the command line, typed after `/`, and in the stream.
#[test]
fn a_filter_means_the_same_rows_everywhere() {
    use retop_engine::export::Limit;
    use retop_engine::export::json::{JsonView, Options as JsonOptions};
    let moments = scene::LAPTOP.run(4);
    let now = moments.last().expect("a moment");
    let mut sizes = HashSet::new();
    for text in [
        "cpu>10 && user=bob",
        "cpu>1",
        "python|ollama|vllm",
        "ctr=vllm or py(thon|2)",
        "state=D,Z",
        "pid=1000..2000",
        "!user=root rss>50M",
        "rd>0",
        "!rd>0",
        "has:rd wr<10K",
        "thr>=18 user~^al",
        "nice=0 ppid=1",
        "age>10m time>1s",
        "new=no gone=no tag=no",
        "tty=pts/*",
        "cmd~worker-1[0-4]",
        "mem>5 or MEM",
        "resident_bytes>1G",
        "\"ray::\"",
        "prio=20 vsz>1G !(sshd)",
        "nobody-is-called-this",
    ] {
        let mut at_start = App::new(&Options {
            filter: Some(text.to_owned()),
            depth: Depth::True,
            ..Options::default()
        });
        let mut by_hand = App::new(&Options { depth: Depth::True, ..Options::default() });
        for moment in &moments {
            at_start.update(moment);
            by_hand.update(moment);
        }
        typed(&mut by_hand, "/");
        typed(&mut by_hand, text);
        assert_eq!(by_hand.filter_error, None, "{text}");
        let typing = shown_pids(&by_hand);
        by_hand.event(Event::Key(Press::of(Code::Enter)), &Deaf);
        let filter = retop_model::Filter::parse(text).expect("a filter");
        let keep = |row: retop_model::Row<'_>| filter.test(row) == retop_model::Verdict::Yes;
        let options =
            JsonOptions { processes: Limit::All, keep: Some(&keep), ..JsonOptions::default() };
        let (mut buffer, mut line) = (Vec::new(), Vec::new());
        JsonView { snapshot: now, options }.write_ndjson(&mut buffer, &mut line).expect("written");
        let json: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
        let stream = json["processes"].as_array().expect("an array");
        let stream: std::collections::BTreeSet<u64> =
            stream.iter().map(|row| row["pid"].as_u64().expect("a number")).collect();
        assert_eq!(shown_pids(&at_start), stream, "--filter and --json: {text}");
        assert_eq!(shown_pids(&by_hand), stream, "typed and --json: {text}");
        assert_eq!(typing, stream, "while typing: {text}");
        let order = &by_hand.table.order;
        assert_eq!(stream.len() + order.hidden + order.unknown, order.all, "{text}");
        // Among groups and in trees the same processes are there.
        typed(&mut by_hand, "G*");
        assert_eq!(by_hand.table.order.shown_count, stream.len(), "{text}");
        sizes.insert(stream.len());
    }
    assert!(sizes.len() > 8 && sizes.contains(&0), "they differ: {sizes:?}");
}

#[test]
fn the_menu_of_users_narrows_what_is_shown() {
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    for snapshot in scene::LAPTOP.run(4) {
        app.update(&snapshot);
    }
    app.arrange(120, 40);
    let text = |app: &App| app.table.filter.as_ref().map(|filter| filter.text().to_owned());
    let choose = |app: &mut App, downs: usize| {
        typed(app, "u");
        for _ in 0..downs {
            app.event(Event::Key(Press::of(Code::Down)), &Deaf);
        }
        app.event(Event::Key(Press::of(Code::Enter)), &Deaf);
    };
    choose(&mut app, 1);
    assert_eq!(text(&app).as_deref(), Some("user=alice"), "who uses most");
    let now = app.now.clone().expect("a moment");
    let of = |name: &str| {
        now.rows(FamilyId::Process).filter(|row| row.shown(process::user) == name).count()
    };
    assert_eq!(app.table.order.lines.len(), of("alice"));
    // Another one takes the place of the first, and everybody is everybody.
    choose(&mut app, 2);
    assert_eq!(text(&app).as_deref(), Some("user=svc-vllm"));
    choose(&mut app, 0);
    assert_eq!(text(&app), None);
    // What was typed stays in force beside it.
    typed(&mut app, "/py|post");
    app.event(Event::Key(Press::of(Code::Enter)), &Deaf);
    choose(&mut app, 2);
    assert_eq!(text(&app).as_deref(), Some("(py|post ) user=svc-vllm"));
    assert_eq!(shown_pids(&app).into_iter().collect::<Vec<_>>(), [9071]);
    typed(&mut app, "u");
    app.event(Event::Key(Press::of(Code::Esc)), &Deaf);
    assert_eq!(text(&app).as_deref(), Some("(py|post ) user=svc-vllm"), "nothing chosen");
    choose(&mut app, 0);
    assert_eq!(text(&app).as_deref(), Some("py|post"));
}

#[test]
fn a_process_is_tagged_with_its_descendants_and_tags_can_be_filtered_by() {
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    let moments = scene::LAPTOP.run(4);
    app.update(&moments[3]);
    app.arrange(120, 40);
    typed(&mut app, "N");
    typed(&mut app, "/pid=9702");
    app.event(Event::Key(Press::of(Code::Enter)), &Deaf);
    typed(&mut app, "c");
    let mut tagged: Vec<u64> = app.table.tagged.iter().map(|key| key.0).collect();
    tagged.sort_unstable();
    assert_eq!(tagged, [9702, 14447], "firefox, and rustc below it");
    typed(&mut app, "/");
    app.event(Event::Key(Press::ctrl('u')), &Deaf);
    typed(&mut app, "tag=yes");
    app.event(Event::Key(Press::of(Code::Enter)), &Deaf);
    assert_eq!(shown_pids(&app).into_iter().collect::<Vec<_>>(), [9702, 14447]);
    typed(&mut app, "U");
    assert_eq!(shown_pids(&app).len(), 0);
    // Older filters come back, the newest first.
    typed(&mut app, "/");
    app.event(Event::Key(Press::of(Code::Up)), &Deaf);
    app.event(Event::Key(Press::of(Code::Up)), &Deaf);
    assert_eq!(shown_pids(&app).into_iter().collect::<Vec<_>>(), [9702]);
}
