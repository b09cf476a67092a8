//! The order of rows, and that no cell moves its neighbour.

mod scene;

use std::collections::HashSet;
use std::sync::Arc;

use proptest::prelude::*;
use ratatui_core::buffer::CellWidth;
use retop::tui::app::App;
use retop::tui::filter::Filter;
use retop::tui::render::{Depth, Screen};
use retop::tui::table::column::{Col, place};
use retop::tui::table::order::{Order, Wish};
use retop::tui::table::set;
use retop::tui::{Options, panel};
use retop_model::family::process;
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
    hold: false,
    filter: None,
    kernel: true,
    folded: &[],
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
            let (placed, count) = place(set, width - 1, app.table.pid_digits);
            for row in 0..app.table.visible().len() as u16 {
                let y = table.y + 1 + row;
                for placed in placed[..count].iter().flatten().filter(|placed| placed.x > 1) {
                    let blank = &screen.shown()[(placed.x - 1, y)];
                    assert_eq!(
                        blank.symbol(),
                        " ",
                        "{:?} of {} in row {row}",
                        placed.col,
                        set.name
                    );
                }
                let cells: u16 = (0..width)
                    .filter(|&x| !screen.shown()[(x, y)].symbol().is_empty())
                    .map(|x| screen.shown()[(x, y)].cell_width())
                    .sum();
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
