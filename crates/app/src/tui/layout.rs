//! Where everything stands: measured by the room there is, not by presets.
//!
//! Plain arithmetic on the stack, cheap enough to be done for each frame, so that nothing kept can
//! be out of date.

use super::render::Rect;

/// What somebody chose; sizes decide otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// By the room there is.
    #[default]
    Auto,
    /// Lines of meters, never boxes.
    Stack,
    /// The table alone.
    Table,
}

impl Choice {
    /// Every one, in the order of the key.
    pub const ALL: [Choice; 3] = [Choice::Auto, Choice::Stack, Choice::Table];

    /// The next one, around.
    #[must_use]
    pub fn next(self) -> Choice {
        match self {
            Choice::Auto => Choice::Stack,
            Choice::Stack => Choice::Table,
            Choice::Table => Choice::Auto,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Choice::Auto => "by size",
            Choice::Stack => "stacked",
            Choice::Table => "table only",
        }
    }
}

/// A box of the overview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Panel {
    Cpu,
    Memory,
    Disk,
    Network,
    Heat,
    Gpu,
}

/// What the machine has, and what somebody wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// One-line meters that have something to say.
    pub meters: u16,
    /// CPU time is known.
    pub cpu: bool,
    /// Memory is known.
    pub memory: bool,
    /// There are disks.
    pub disk: bool,
    /// There are network interfaces.
    pub network: bool,
    /// There are sensors, power domains or batteries.
    pub heat: bool,
    /// There are graphics processors.
    pub gpu: bool,
    /// The layout that was chosen.
    pub choice: Choice,
    /// No table: boxes take its room.
    pub hidden: bool,
    /// A page stands in the place of the table.
    pub page: bool,
    /// The details of a process are shown.
    pub details: bool,
    /// The header is shown.
    pub header: bool,
    /// The past is shown.
    pub rewind: bool,
}

/// The smallest screen that shows anything.
pub const SMALLEST: (u16, u16) = (40, 8);
/// The smallest screen with boxes.
const BOXES: (u16, u16) = (100, 30);
/// From this width on, details stand beside the table.
const BESIDE: u16 = 160;
/// No more boxes than this.
const MOST: usize = 6;

/// Where everything stands. Areas never overlap and never leave the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    /// The screen is too small for anything.
    pub too_small: bool,
    /// The header line.
    pub header: Option<Rect>,
    /// Lines of meters.
    pub meters: Option<Rect>,
    /// Columns of meters.
    pub meter_columns: u16,
    /// Boxes.
    pub boxes: [Option<(Panel, Rect)>; MOST],
    /// The table.
    pub table: Rect,
    /// The table stands in a frame.
    pub framed: bool,
    /// A page instead of the table, which then has no room.
    pub page: Option<Rect>,
    /// Details of a process.
    pub details: Option<Rect>,
    /// The line of messages; the last line of the table where there is no room for one.
    pub message: Rect,
    /// The message line stands by itself.
    pub message_apart: bool,
    /// The past over time, above the key line.
    pub scrubber: Option<Rect>,
    /// The key line.
    pub keys: Option<Rect>,
}

/// Divides a screen.
#[must_use]
pub fn arrange(width: u16, height: u16, shape: &Shape) -> Areas {
    let mut areas = Areas::default();
    if width < SMALLEST.0 || height < SMALLEST.1 {
        areas.too_small = true;
        return areas;
    }
    let (mut top, mut bottom) = (0, height);
    // Without its header the past could be taken for now.
    if shape.header || shape.rewind {
        areas.header = Some(Rect::new(0, 0, width, 1));
        top = 1;
    }
    if height >= 24 && width >= 60 {
        bottom -= 1;
        areas.keys = Some(Rect::new(0, bottom, width, 1));
    }
    if shape.rewind {
        // A small screen shows the axis alone; the header says the rest.
        let rows = match height {
            0..10 => 0,
            10..16 => 1,
            _ => 3,
        };
        bottom -= rows;
        areas.scrubber = (rows > 0).then(|| Rect::new(0, bottom, width, rows));
    }
    if height >= 20 {
        bottom -= 1;
        areas.message = Rect::new(0, bottom, width, 1);
        areas.message_apart = true;
    } else {
        areas.message = Rect::new(0, bottom - 1, width, 1);
    }
    let boxes = shape.choice == Choice::Auto && width >= BOXES.0 && height >= BOXES.1;
    if shape.hidden && place_all(&mut areas, Rect::new(0, top, width, bottom - top), shape) {
        areas.table = Rect::new(0, bottom, width, 0);
        return areas;
    }
    if boxes {
        top = place_boxes(&mut areas, width, height, top, shape);
    } else if shape.choice != Choice::Table {
        let columns = match width {
            0..60 => 1,
            60..150 => 2,
            _ => 3,
        };
        // Two fifths of the height; on a small screen the table needs its share, which is fourteen
        // processes, heads and a status line.
        let most = match height {
            0..12 => 1,
            12..18 => 2,
            18..24 => 4,
            _ => (height * 2 / 5).min(8).min((bottom - top).saturating_sub(16).max(5)),
        };
        let rows = shape.meters.div_ceil(columns).min(most);
        if rows > 0 {
            areas.meters = Some(Rect::new(0, top, width, rows));
            areas.meter_columns = columns;
            top += rows;
        }
    }
    areas.framed = boxes;
    areas.table = Rect::new(0, top, width, bottom.saturating_sub(top));
    if shape.page {
        areas.page = Some(areas.table);
        areas.table.height = 0;
    } else if shape.details {
        place_details(&mut areas);
    }
    areas
}

/// One or two rows of boxes; the row below them.
fn place_boxes(areas: &mut Areas, width: u16, height: u16, top: u16, shape: &Shape) -> u16 {
    let budget = height * 2 / 5;
    let wide = width >= BESIDE;
    let (upper, lower): (&[Panel], &[Panel]) = match (shape.gpu, wide) {
        (false, true) => {
            (&[Panel::Cpu, Panel::Memory, Panel::Heat], &[Panel::Disk, Panel::Network])
        }
        (false, false) => {
            (&[Panel::Cpu, Panel::Memory], &[Panel::Disk, Panel::Network, Panel::Heat])
        }
        (true, true) => {
            let lower = &[Panel::Disk, Panel::Network, Panel::Heat];
            (&[Panel::Cpu, Panel::Gpu, Panel::Memory], lower)
        }
        // What is warm gives way: the box of the devices has their power and their heat.
        (true, false) => (&[Panel::Cpu, Panel::Gpu], &[Panel::Memory, Panel::Disk, Panel::Network]),
    };
    let (upper, uppers) = present(upper, shape);
    let (lower, lowers) = present(lower, shape);
    let lower_height = if lowers > 0 { (budget * 3 / 8).clamp(5, 8) } else { 0 };
    let upper_height = if uppers > 0 { (budget - lower_height).min(height / 3) } else { 0 };
    // The CPU box has the most to say.
    place_row(areas, &upper[..uppers], 4, Rect::new(0, top, width, upper_height));
    place_row(areas, &lower[..lowers], 3, Rect::new(0, top + upper_height, width, lower_height));
    top + upper_height + lower_height
}

/// Boxes in the whole of an area, those that say most first; false if there is nothing to place.
fn place_all(areas: &mut Areas, area: Rect, shape: &Shape) -> bool {
    const ALL: [Panel; MOST] =
        [Panel::Cpu, Panel::Gpu, Panel::Memory, Panel::Heat, Panel::Disk, Panel::Network];
    let columns = match (shape.choice, area.width) {
        (Choice::Stack, _) | (_, 0..64) => 1,
        (_, 64..150) => 2,
        _ => 3,
    };
    // A box of fewer lines says nothing; the last ones give way.
    let most = usize::from(area.height / 4) * columns;
    let mut panels = [Panel::Cpu; MOST];
    let mut count = 0;
    let (upper, uppers) = present(&ALL[..3], shape);
    let (lower, lowers) = present(&ALL[3..], shape);
    for &panel in upper[..uppers].iter().chain(&lower[..lowers]).take(most) {
        panels[count] = panel;
        count += 1;
    }
    let rows = count.div_ceil(columns) as u16;
    let mut y = area.y;
    for (place, row) in panels[..count].chunks(columns).enumerate() {
        let end = area.y + (u32::from(area.height) * (place as u32 + 1) / u32::from(rows)) as u16;
        place_row(areas, row, 3, Rect::new(area.x, y, area.width, end - y));
        y = end;
    }
    areas.framed = count > 0;
    count > 0
}

/// The panels that are there, and how many: no box stands for a missing thing.
fn present(panels: &[Panel], shape: &Shape) -> ([Panel; 3], usize) {
    let mut found = [Panel::Cpu; 3];
    let there = panels.iter().filter(|&&panel| match panel {
        Panel::Cpu => shape.cpu,
        Panel::Memory => shape.memory,
        Panel::Disk => shape.disk,
        Panel::Network => shape.network,
        Panel::Heat => shape.heat,
        Panel::Gpu => shape.gpu,
    });
    let mut count = 0;
    for (place, &panel) in found.iter_mut().zip(there) {
        *place = panel;
        count += 1;
    }
    (found, count)
}

/// Boxes side by side: the first takes `first` parts, the others three each.
fn place_row(areas: &mut Areas, panels: &[Panel], first: u16, row: Rect) {
    let parts = |place: usize| if place == 0 { first } else { 3 };
    let all: u16 = (0..panels.len()).map(parts).sum();
    let (mut x, mut taken) = (row.x, 0);
    for (place, &panel) in panels.iter().enumerate() {
        taken += parts(place);
        let end = row.x + (u32::from(row.width) * u32::from(taken) / u32::from(all)) as u16;
        let area = Rect::new(x, row.y, end - x, row.height);
        if let Some(free) = areas.boxes.iter_mut().find(|free| free.is_none()) {
            *free = Some((panel, area));
        }
        x = end;
    }
}

/// Details beside the table, else below it, else instead of it.
fn place_details(areas: &mut Areas) {
    let table = areas.table;
    if table.width >= BESIDE {
        let details = (table.width * 3 / 10).clamp(56, 80);
        areas.table.width -= details;
        areas.details = Some(Rect { x: table.x + areas.table.width, width: details, ..table });
    } else if table.height >= 18 {
        let details = (table.height / 2).clamp(9, 14);
        areas.table.height -= details;
        areas.details = Some(Rect { y: table.y + areas.table.height, height: details, ..table });
    } else {
        areas.table.height = 0;
        areas.details = Some(table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(areas: &Areas) -> Vec<Rect> {
        let boxes = areas.boxes.iter().flatten().map(|(_, area)| *area);
        let (details, page) = (areas.details, areas.page);
        let lone = [areas.header, areas.meters, details, page, areas.keys, areas.scrubber];
        let lone = lone.into_iter().chain([Some(areas.table)]);
        let message = areas.message_apart.then_some(areas.message);
        boxes.chain(lone.flatten()).chain(message).collect()
    }

    #[test]
    fn areas_never_overlap_and_never_leave_the_screen() {
        let flags = [false, true];
        for choice in [Choice::Auto, Choice::Stack, Choice::Table] {
            for bits in 0..1024 {
                let bit = |n: u32| flags[(bits >> n & 1) as usize];
                let (disk, network, heat) = (bit(0), bit(1), bit(2));
                let (details, header) = (bit(3), bit(4));
                let (cpu, memory, page, rewind) = (bit(5), bit(6), bit(7), bit(8));
                // Each third, so that it goes together with all the others.
                let (gpu, hidden) = (bit(9), bits % 3 == 0);
                let shape = Shape {
                    meters: 9,
                    cpu,
                    memory,
                    disk,
                    network,
                    heat,
                    gpu,
                    choice,
                    hidden,
                    page,
                    details,
                    header,
                    rewind,
                };
                for width in (1..=300).step_by(if bits % 128 == 127 { 1 } else { 23 }) {
                    for height in 1..=100 {
                        check(width, height, &shape);
                    }
                }
            }
        }
    }

    fn check(width: u16, height: u16, shape: &Shape) {
        let areas = arrange(width, height, shape);
        let all = all(&areas);
        let screen = Rect::new(0, 0, width, height);
        for (place, &area) in all.iter().enumerate() {
            let inside = area.is_empty() || screen.intersection(area) == area;
            assert!(inside, "{area:?} leaves {width}x{height} {shape:?}");
            for &other in &all[place + 1..] {
                let apart = area.intersection(other).is_empty();
                assert!(apart, "{area:?} and {other:?} at {width}x{height} {shape:?}");
            }
        }
        if !areas.too_small {
            let cells: u32 = all.iter().map(|area| area.area()).sum();
            assert_eq!(cells, screen.area(), "gaps at {width}x{height} {shape:?}");
            let meters = areas.meters.map_or(0, |area| area.height);
            assert!(meters * 5 <= height * 2 + 5, "{meters} rows of meters in {height}");
            if !shape.details && !shape.page && !shape.hidden {
                assert!(areas.table.height >= 5, "table {} in {height}", areas.table.height);
            }
        }
    }

    #[test]
    fn a_small_screen_gives_the_table_fourteen_processes() {
        for meters in [10, 13] {
            let shape = Shape { meters, header: true, ..Shape::default() };
            let areas = arrange(80, 24, &shape);
            // Heads and status line belong to the table.
            assert_eq!(areas.table.height - 2, 14, "{meters} meters");
        }
    }
}
