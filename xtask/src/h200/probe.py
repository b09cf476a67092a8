"""Asks NVIDIA's library what retop never asks, or asks otherwise, and times it.

    probe.py LIBRARY PROBE [NUMBERS]

prints one object of JSON. It reads only: no clock, limit or mode is set. Python 3 and nothing else.
"""

import ctypes
import json
import os
import sys
import time
from ctypes import byref, c_double, c_int, c_longlong, c_uint, c_ulonglong, c_void_p


class Field(ctypes.Structure):
    _fields_ = [
        ("id", c_uint), ("scope", c_uint), ("time_us", c_longlong), ("latency_us", c_longlong),
        ("kind", c_uint), ("code", c_uint), ("value", c_ulonglong),
    ]

    def number(self):
        if self.code:
            return None
        if self.kind == 0:
            return ctypes.cast(byref(ctypes.c_ulonglong(self.value)), ctypes.POINTER(c_double))[0]
        return self.value & 0xFFFFFFFF if self.kind == 1 else self.value


class Process(ctypes.Structure):
    _fields_ = [("pid", c_uint), ("used", c_ulonglong), ("gi", c_uint), ("ci", c_uint)]


class Detail(ctypes.Structure):
    _fields_ = Process._fields_ + [("protected", c_ulonglong)]


class Details(ctypes.Structure):
    _fields_ = [
        ("version", c_uint), ("mode", c_uint), ("count", c_uint), ("list", ctypes.POINTER(Detail)),
    ]


class Sample(ctypes.Structure):
    _fields_ = [
        ("pid", c_uint), ("time_us", c_ulonglong), ("sm", c_uint), ("memory", c_uint),
        ("encoder", c_uint), ("decoder", c_uint),
    ]


class Info(ctypes.Structure):
    _fields_ = [
        ("time_us", c_ulonglong), ("pid", c_uint), ("sm", c_uint), ("memory", c_uint),
        ("encoder", c_uint), ("decoder", c_uint), ("jpeg", c_uint), ("ofa", c_uint),
    ]


class Infos(ctypes.Structure):
    _fields_ = [
        ("version", c_uint), ("count", c_uint), ("last_us", c_ulonglong),
        ("samples", ctypes.POINTER(Info)),
    ]


class Metric(ctypes.Structure):
    _fields_ = [("id", c_uint), ("code", c_uint), ("value", c_double), ("names", c_void_p * 3)]


class Metrics(ctypes.Structure):
    _fields_ = [
        ("version", c_uint), ("count", c_uint), ("samples", c_void_p * 2), ("metrics", Metric * 1024),
    ]


class Support(ctypes.Structure):
    _fields_ = [("version", c_uint), ("supported", c_uint)]


class Memory(ctypes.Structure):
    _fields_ = [("total", c_ulonglong), ("free", c_ulonglong), ("used", c_ulonglong)]


class MemoryV2(ctypes.Structure):
    _fields_ = [
        ("version", c_uint), ("total", c_ulonglong), ("reserved", c_ulonglong),
        ("free", c_ulonglong), ("used", c_ulonglong),
    ]


def versioned(struct, number):
    return ctypes.sizeof(struct) | number << 24


class Refused(Exception):
    pass


class Library:
    """The library, begun, and its first device."""

    def __init__(self, path):
        self.linked = ctypes.CDLL(path)
        self.must("nvmlInit_v2")
        self.device = c_void_p()
        self.must("nvmlDeviceGetHandleByIndex_v2", c_uint(0), byref(self.device))

    def call(self, name, *arguments):
        try:
            return getattr(self.linked, name)(*arguments)
        except AttributeError:
            return 13

    def must(self, name, *arguments):
        code = self.call(name, *arguments)
        if code:
            raise Refused(f"{name} answers {code}")

    def of(self, name, *arguments):
        return self.call(name, self.device, *arguments)

    def fields(self, ids):
        values = (Field * len(ids))(*[Field(id=id, code=21) for id in ids])
        self.must("nvmlDeviceGetFieldValues", self.device, c_int(len(ids)), values)
        return values

    def processes(self, name):
        count, found = c_uint(256), (Process * 256)()
        code = self.of(name, byref(count), found)
        return code, [(p.pid, p.used) for p in found[: min(count.value, 256)]]


def cost(body, count=200):
    """Half and nearly all of the calls took at most so many microseconds."""
    times = []
    for _ in range(count):
        began = time.perf_counter_ns()
        body()
        times.append((time.perf_counter_ns() - began) / 1e3)
    times.sort()
    return {"p50_us": round(times[count // 2], 1), "p99_us": round(times[count * 99 // 100], 1)}


LISTS = [f"nvmlDeviceGet{kind}RunningProcesses_v3" for kind in ("Compute", "Graphics", "MPSCompute")]


def lists(nvml):
    """One list of all processes beside three."""
    room = (Detail * 256)()

    def details():
        asked = Details(versioned(Details, 1), 3, 256, room)
        return nvml.of("nvmlDeviceGetRunningProcessDetailList", byref(asked)), asked.count

    def three():
        return [nvml.processes(name) for name in LISTS]

    code, count = details()
    found = {pid: used for one, processes in three() if not one for pid, used in processes}
    known = {p.pid: p.used for p in room[:count]} if not code else None
    return {
        "code": code, "same": known == found if known is not None else None, "processes": len(found),
        "one": cost(details) if not code else None, "three": cost(three),
    }


FIELDS = [74, 75, 76, 77, 78, 79, 82, 83, 94, 185, 186, 197, 198]


def fields(nvml):
    """Fields in one call beside as many calls, and what they say."""
    values = nvml.fields(FIELDS)
    return {
        "batch": cost(lambda: nvml.fields(FIELDS)),
        "single": cost(lambda: [nvml.fields([id]) for id in FIELDS]),
        "values": {value.id: value.number() for value in values},
        "codes": {value.id: value.code for value in values if value.code},
        "held_down": {v.id: v.number() for v in nvml.fields([251, 252, 253, 269, 270, 271])},
    }


def energy(nvml, changes=20, looks=2_000_000, seconds=10):
    """How often the counter of energy moves, by the driver's own time stamps."""
    moved, last, end = [], None, time.monotonic() + seconds
    for _ in range(looks):
        field = nvml.fields([83])[0]
        if field.number() is None:
            raise Refused(f"field 83 answers {field.code}")
        if last is not None and field.value != last:
            moved.append((field.time_us, field.value))
        last = field.value
        if len(moved) > changes or time.monotonic() > end:
            break
    apart = sorted((b[0] - a[0]) / 1e3 for a, b in zip(moved, moved[1:]))
    if not apart:
        raise Refused("the counter stands still")
    span = (moved[-1][0] - moved[0][0]) / 1e6
    watts = (moved[-1][1] - moved[0][1]) / 1e3 / span if span else None
    return {"period_ms": apart[len(apart) // 2], "changes": len(apart), "watts": watts}


METRICS = [1, 2, 3, 4, 5, 7, 10, 11, 12, 13, 20, 21]


def gpm(nvml, pause=0.2):
    """Shares of cycles by whoever asks: twelve in one call beside one by one."""
    support = Support(version=1)
    code = nvml.of("nvmlGpmQueryDeviceSupport", byref(support))
    told = {"user": os.geteuid(), "support_code": code, "supported": support.supported}
    samples = [c_void_p(), c_void_p()]
    for sample in samples:
        nvml.must("nvmlGpmSampleAlloc", byref(sample))
    told["sample_code"] = nvml.of("nvmlGpmSampleGet", samples[0])
    if told["sample_code"]:
        return told
    time.sleep(float(pause))
    nvml.must("nvmlGpmSampleGet", nvml.device, samples[1])

    def ask(ids):
        asked = Metrics(version=1, count=len(ids))
        asked.samples[:] = [sample.value for sample in samples]
        for place, id in enumerate(ids):
            asked.metrics[place].id = id
        nvml.must("nvmlGpmMetricsGet", byref(asked))
        return {m.id: None if m.code else m.value for m in asked.metrics[: len(ids)]}

    told["metrics"] = ask(METRICS)
    told["same_single"] = all(
        value == told["metrics"][id] for one in METRICS for id, value in ask([one]).items()
    )
    told["batch"] = cost(lambda: ask(METRICS), 50)
    told["single"] = cost(lambda: [ask([id]) for id in METRICS], 50)
    told["sample"] = cost(lambda: nvml.of("nvmlGpmSampleGet", samples[1]), 50)
    return told


def pcie(nvml, seconds=1.0):
    """Counters of PCI Express beside the call that measures for 20 ms."""
    before = [value.number() for value in nvml.fields([197, 198])]
    began = time.monotonic()
    kilobytes = c_uint()
    took = cost(lambda: nvml.of("nvmlDeviceGetPcieThroughput", c_uint(0), byref(kilobytes)), 10)
    code = nvml.of("nvmlDeviceGetPcieThroughput", c_uint(0), byref(kilobytes))
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))
    after = [value.number() for value in nvml.fields([197, 198])]
    passed = time.monotonic() - began
    counted = [(b - a) / passed if None not in (a, b) else None for a, b in zip(before, after)]
    return {
        "counted_bytes_per_second": counted, "throughput_code": code, "throughput": took,
        "throughput_bytes_per_second": kilobytes.value * 1024,
    }


def memory(nvml):
    """What the two versions of the call say of the same memory."""
    first, second = Memory(), MemoryV2(version=versioned(MemoryV2, 2))
    nvml.must("nvmlDeviceGetMemoryInfo", nvml.device, byref(first))
    nvml.must("nvmlDeviceGetMemoryInfo_v2", nvml.device, byref(second))
    mib = 1 << 20
    return {
        "total_mib": second.total // mib, "reserved_mib": second.reserved // mib,
        "used_mib": second.used // mib, "free_mib": second.free // mib,
        "adds_up": abs(second.total - second.reserved - second.used - second.free) < mib,
        "first_counts_reserved": abs(first.used - second.used - second.reserved) < 2 * mib,
    }


def samples(nvml, seconds=3.0):
    """Which of two calls tells shares of time of processes, and how many samples a second."""
    told = {}
    old, new = (Sample * 256)(), (Info * 256)()
    time.sleep(float(seconds))

    def older():
        count = c_uint(256)
        code = nvml.of("nvmlDeviceGetProcessUtilization", old, byref(count), c_ulonglong(0))
        return code, old[: min(count.value, 256)]

    def newer():
        asked = Infos(versioned(Infos, 1), 256, 0, new)
        code = nvml.of("nvmlDeviceGetProcessesUtilizationInfo", byref(asked))
        return code, new[: min(asked.count, 256)]

    for name, ask in ("old", older), ("new", newer):
        code, found = ask()
        times = sorted({s.time_us for s in found if s.pid and s.time_us}) if not code else []
        span = (times[-1] - times[0]) / 1e6 if len(times) > 1 else None
        told[name] = {
            "code": code, "pids": sorted({s.pid for s in found if s.pid}) if not code else [],
            "samples_per_second": round((len(times) - 1) / span, 2) if span else None,
        }
    return told


def visible(nvml, own="0", made_at=None):
    """Milliseconds from taking a GiB to its being told, of the device and of the process."""
    told = {}
    held = []

    def taken():
        second = MemoryV2(version=versioned(MemoryV2, 2))
        nvml.must("nvmlDeviceGetMemoryInfo_v2", nvml.device, byref(second))
        _, processes = nvml.processes(LISTS[0])
        return {"device": second.used, "process": dict(processes).get(int(own) or os.getpid(), 0)}

    began, before = time.monotonic(), taken()
    if made_at is None:
        import torch

        held.append(torch.empty(8, device="cuda"))
        torch.cuda.synchronize()
        before, began = taken(), time.monotonic()
        held.append(torch.empty(1 << 30, device="cuda", dtype=torch.uint8))
        torch.cuda.synchronize()
        told["taken_ms"] = (time.monotonic() - began) * 1e3
    # A made-up device takes it by itself.
    late = float(made_at or 0)
    while time.monotonic() - began < late + 5 and len(told) < 2 + (made_at is None):
        for name, now in taken().items():
            if now - before[name] >= 1 << 30:
                told.setdefault(f"{name}_ms", (time.monotonic() - began - late) * 1e3)
        time.sleep(0.001)
    return told


def hold(nvml, hertz, seconds):
    """Asks what retop asks each second, so often; with 0 the library is open and nothing is asked."""
    hertz, end, count = float(hertz), time.monotonic() + float(seconds), 0
    number, pair, second = c_uint(), (c_uint * 2)(), MemoryV2(version=versioned(MemoryV2, 2))
    whole = c_ulonglong()
    while time.monotonic() < end:
        time.sleep(1 / hertz if hertz else float(seconds))
        if hertz:
            nvml.of("nvmlDeviceGetUtilizationRates", pair)
            nvml.of("nvmlDeviceGetMemoryInfo_v2", byref(second))
            nvml.of("nvmlDeviceGetPowerUsage", byref(number))
            nvml.of("nvmlDeviceGetTotalEnergyConsumption", byref(whole))
            nvml.of("nvmlDeviceGetTemperature", c_uint(0), byref(number))
            nvml.of("nvmlDeviceGetClockInfo", c_uint(1), byref(number))
            nvml.of("nvmlDeviceGetClockInfo", c_uint(2), byref(number))
            nvml.of("nvmlDeviceGetCurrentClocksEventReasons", byref(whole))
            for name in LISTS[:2]:
                nvml.processes(name)
            nvml.fields([74, 197, 198])
            count += 1
    return {"rounds": count}


PROBES = {
    probe.__name__: probe
    for probe in (lists, fields, energy, gpm, pcie, memory, samples, visible, hold)
}


def main(library, probe, *numbers):
    if numbers[:1] == ("--nobody",):
        # Before the library is opened: what it opens is opened without rights.
        numbers = numbers[1:]
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        told = PROBES[probe](Library(library), *numbers)
    except (Refused, ImportError, OSError) as error:
        told = {"error": str(error)}
    print(json.dumps(told), flush=True)


main(*sys.argv[1:])
