//! The parts of the screen.

pub mod alerts;
pub mod cell;
pub mod chip;
pub mod cores;
pub mod cpu;
pub mod details;
pub mod dialog;
pub mod disk;
pub mod facts;
pub mod fields;
pub mod gpu;
pub mod header;
pub mod heat;
pub mod help;
pub mod lines;
pub mod memory;
pub mod meters;
pub mod network;
pub mod page;
mod page_cpu;
mod page_events;
mod page_gpu;
mod page_gpu_health;
mod page_gpu_past;
mod page_gpu_processes;
pub mod page_groups;
mod page_memory;
mod page_own;
mod page_power;
mod page_traffic;
pub mod palette;
pub mod scrubber;
pub mod setup;
pub mod table;
mod table_diff;
pub mod verdict;

use super::app::App;
use super::dialog::Overlay;
use super::layout::{Panel, SMALLEST};
use super::render::{Canvas, width};
use crate::short;

/// Draws everything.
pub fn draw(app: &App, canvas: &mut Canvas<'_>) {
    all(app, canvas);
    if let Some(background) = app.theme.background {
        canvas.underlay(background);
    }
}

fn all(app: &App, canvas: &mut Canvas<'_>) {
    let areas = &app.areas;
    if areas.too_small {
        let (w, h) = (canvas.width(), canvas.height());
        let size = short!("now {w}x{h}");
        // Half a sentence says less than its end.
        let texts = [short!("make the terminal larger ({})", &*size), short!("larger, {}", &*size)];
        let fits = texts.iter().find(|text| width(text) <= w);
        canvas.text(0, h.min(SMALLEST.1) / 2, fits.unwrap_or(&size), app.theme.text);
        return;
    }
    if let Some(area) = areas.header {
        header::draw(app, &mut canvas.region(area));
    }
    if let Some(now) = app.now.as_deref() {
        if let Some(area) = areas.meters {
            meters::draw(app, now, &mut canvas.region(area));
        }
        for &(panel, area) in areas.boxes.iter().flatten() {
            let mut canvas = canvas.region(area);
            match panel {
                Panel::Cpu => cpu::draw(app, now, &mut canvas),
                Panel::Memory => memory::draw(app, now, &mut canvas),
                Panel::Disk => disk::draw(app, now, &mut canvas),
                Panel::Network => network::draw(app, now, &mut canvas),
                Panel::Heat => heat::draw(app, now, &mut canvas),
                Panel::Gpu => gpu::draw(app, now, &mut canvas),
            }
        }
        if let Some(area) = areas.page {
            page::draw(app, now, &mut canvas.region(area));
        } else if areas.table.height > 0 {
            table::draw(app, now, &mut canvas.region(areas.table));
        }
        if let (Some(area), Some(key)) = (areas.details, app.details) {
            details::draw(app, key, &mut canvas.region(area));
        }
    } else {
        let text = "waiting for the first sample";
        canvas.region(areas.page.unwrap_or(areas.table)).text(1, 0, text, app.theme.dim);
    }
    let wrong = lines::message(app, &mut canvas.region(areas.message));
    if let (Some(area), Some(rewind)) = (areas.scrubber, app.rewind.as_deref()) {
        scrubber::draw(app, rewind, &mut canvas.region(area));
    }
    if let Some(area) = areas.keys {
        lines::keys(app, wrong, &mut canvas.region(area));
    }
    match &app.overlay {
        Overlay::Sort(at) => dialog::sort(app, *at, canvas),
        Overlay::Users(people) => dialog::users(app, people, canvas),
        Overlay::Columns(chooser) => dialog::columns(app, chooser, canvas),
        Overlay::Signal(signal) => dialog::signal(app, signal, canvas),
        Overlay::Io(io) => dialog::io(app, io, canvas),
        Overlay::Cpus(cpus) => dialog::cpus(app, cpus, canvas),
        Overlay::Help(help) => help::draw(app, help, canvas),
        Overlay::Setup(setup) => setup::draw(app, setup, canvas),
        Overlay::Palette(palette) => palette::draw(app, palette, canvas),
        Overlay::None | Overlay::Filter(..) | Overlay::Find(..) | Overlay::Ask(..) => {}
    }
}
