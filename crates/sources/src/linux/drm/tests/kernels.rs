//! What drivers of older kernels tell, and those of boards.

use super::*;

#[test]
fn a_processor_with_graphics_of_linux_6_1() {
    let outcome = watch("amd-handheld");
    device(
        &outcome,
        "amdgpu 1002:163f",
        &[
            (gpu::utilization_ratio, Some(0.92)),
            (gpu::graphics_ratio, Some(0.90)),
            (gpu::compute_ratio, Some(0.0)),
            (gpu::video_ratio, Some(0.07)),
            (gpu::memory_total_bytes, Some((1_024.0 + 8_192.0) * MIB)),
            (gpu::memory_used_bytes, Some((768.0 + 2_048.0) * MIB)),
            (gpu::system_used_bytes, None),
            (gpu::reading_watts, None),
            (gpu::temperature_celsius, Some(61.0)),
            (gpu::shader_hertz, Some(1_240e6)),
            (gpu::power_capped, Some(0.0)),
            (gpu::heat_capped, Some(0.0)),
        ],
    );
    process(
        &outcome,
        "game",
        &[
            (gpu_process::utilization_ratio, Some(0.85)),
            (gpu_process::memory_bytes, Some(2_400.0 * MIB)),
            (gpu_process::shared_bytes, None),
            (gpu_process::evicted_bytes, None),
        ],
    );
}

#[test]
fn i915_before_clients_told_time_and_before_they_told_memory() {
    let outcome = watch("intel-lts");
    device(
        &outcome,
        "i915 8086:9a49",
        &[
            (gpu::utilization_ratio, Some(0.18)),
            (gpu::graphics_ratio, Some(0.15)),
            (gpu::video_ratio, Some(0.18)),
            (gpu::awake_ratio, Some(0.30)),
            (gpu::shader_hertz, Some(650e6)),
            (gpu::heat_capped, Some(0.0)),
            (gpu::memory_used_bytes, None),
        ],
    );
    process(
        &outcome,
        "mpv",
        &[(gpu_process::video_ratio, Some(0.18)), (gpu_process::memory_bytes, None)],
    );

    // Two processes are on it, and what they do is not told: that is not nothing.
    let outcome = watch("intel-old");
    device(
        &outcome,
        "i915 8086:9a49",
        &[
            (gpu::utilization_ratio, None),
            (gpu::graphics_ratio, None),
            (gpu::awake_ratio, Some(0.30)),
            (gpu::shader_hertz, Some(650e6)),
            (gpu::shader_limit_hertz, Some(1_300e6)),
            (gpu::heat_capped, None),
        ],
    );
    assert_eq!(outcome.rows(FamilyId::GpuProcess), 0);
    let problem = outcome.report("drm/clients 0000:00:02.0").expect("told");
    assert_eq!(problem.state, ABSENT);
    assert!(problem.reason.contains("2 openings"), "{}", problem.reason);
}

#[test]
fn boards_tell_in_ways_of_their_own() {
    let outcome = watch("boards");
    device(
        &outcome,
        "qcom,adreno-690.0",
        &[
            (gpu::utilization_ratio, Some(0.32)),
            (gpu::graphics_ratio, Some(0.32)),
            (gpu::shader_hertz, Some(480e6)),
            (gpu::memory_used_bytes, Some(116.0 * MIB)),
        ],
    );
    // Its queue for the processor is 0.88 busy, which is no work of the device.
    device(
        &outcome,
        "brcm,2712-v3d",
        &[
            (gpu::utilization_ratio, Some(0.41)),
            (gpu::graphics_ratio, Some(0.41)),
            (gpu::compute_ratio, Some(0.26)),
            (gpu::copy_ratio, Some(0.015)),
        ],
    );
    process(&outcome, "labwc", &[(gpu_process::graphics, Some(1.0))]);
    device(&outcome, "arm,mali-valhall-csf", &[(gpu::utilization_ratio, None)]);
    let problem = outcome.report("drm/engines fb000000.gpu").expect("told");
    assert!(problem.hint.as_deref().is_some_and(|hint| hint.ends_with("/profiling")));
    process(&outcome, "cage", &[(gpu_process::memory_bytes, Some(16.0 * MIB))]);
    device(
        &outcome,
        "vivante,gc",
        &[
            (gpu::utilization_ratio, Some(0.53)),
            (gpu::graphics_ratio, Some(0.53)),
            (gpu::copy_ratio, Some(0.04)),
        ],
    );
    process(
        &outcome,
        "kiosk",
        &[(gpu_process::graphics, Some(1.0)), (gpu_process::compute, Some(0.0))],
    );
    device(&outcome, "arm,mali-bifrost", &[(gpu::utilization_ratio, Some(0.25))]);
    process(&outcome, "inference", &[(gpu_process::memory_bytes, Some(8.0 * MIB))]);
}
