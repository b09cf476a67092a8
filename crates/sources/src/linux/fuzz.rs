//! Every parser of this platform behind one signature, for the fuzzer and the replay of its corpus.

use super::{
    container, drm, hierarchy, inspect, mounts, parse, pressure, process, taskstats, users,
};

/// Name and entry of a parser.
pub type Parser = (&'static str, fn(&[u8]));

/// New ones go to the end: the corpus chooses by number.
pub const PARSERS: &[Parser] = &[
    ("process/stat", |bytes| {
        let _ = process::Stat::parse(bytes);
    }),
    ("process/detail", process::fuzz_details),
    ("process/texts", process::fuzz_texts),
    ("taskstats", taskstats::fuzz_messages),
    ("users", |bytes| drop(users::passwd(bytes))),
    ("mounts", |bytes| drop(mounts::file_systems(bytes))),
    ("cgroups", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        drop(hierarchy::memberships(&text));
        drop(container::of(&text));
    }),
    ("pressure", |bytes| {
        let _ = pressure::Stalls::parse(bytes);
    }),
    ("numbers", |bytes| {
        for line in parse::lines(bytes) {
            let _ = (parse::decimal(line), parse::signed(line), parse::hexadecimal(line));
            let _ = (parse::fixed(line, 2), parse::keyed(line), parse::kilobytes(line));
            let mut fields = parse::Fields::new(line);
            while fields.number().is_some() {}
            drop(parse::list(line));
        }
    }),
    ("inspect", inspect::fuzz),
    ("drm/fdinfo", drm::fuzz_fdinfo),
    ("drm/gpu_metrics", drm::fuzz_gpu_metrics),
    ("drm/pp_dpm", drm::fuzz_levels),
];
