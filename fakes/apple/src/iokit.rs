//! IOKit: the registry, the user client of the system management controller, and the event system of
//! the sensors.

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::objects::{Kind, Property, Ref, build, create, dictionary, look};
use crate::stage::{Stage, entered, stage};

/// Something in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    /// A device that is not the power manager.
    Device,
    PowerManager,
    Cpus,
    Cpu(usize, u32),
    /// A controller that answers no keys.
    Decoy,
    Controller,
    Accelerator,
    /// The same processor once more, which nobody uses.
    Spare,
    Client(usize),
    Driver(usize),
    Medium(usize),
    Battery,
}

/// What a port stands for.
enum Port {
    Node(Node),
    Iterator(Vec<Node>),
    Connection,
}

#[derive(Default)]
struct Ports {
    next: u32,
    open: HashMap<u32, Port>,
}

static PORTS: LazyLock<Mutex<Ports>> = LazyLock::new(Mutex::default);

fn ports() -> MutexGuard<'static, Ports> {
    PORTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_port(port: Port) -> u32 {
    let mut ports = ports();
    ports.next += 1;
    let number = 0x1000 + ports.next;
    ports.open.insert(number, port);
    number
}

/// How many ports somebody holds.
pub fn open_ports() -> usize {
    ports().open.len()
}

fn node(port: u32) -> Option<Node> {
    let found = match ports().open.get(&port) {
        Some(Port::Node(node)) => Some(*node),
        _ => None,
    };
    if found.is_none() {
        stage().fault(format!("port {port:#x} is no entry of the registry"));
    }
    found
}

const SUCCESS: i32 = 0;
const BAD_ARGUMENT: i32 = 0xe000_02c2_u32.cast_signed();

impl Node {
    fn class(self) -> &'static str {
        match self {
            Node::Device | Node::PowerManager => "AppleARMIODevice",
            Node::Cpus | Node::Cpu(..) => "IOPlatformDevice",
            Node::Decoy | Node::Controller => "AppleSMC",
            Node::Accelerator | Node::Spare => "AGXAcceleratorG13G_B0",
            Node::Client(_) => "AGXDeviceUserClient",
            Node::Driver(_) => "IOBlockStorageDriver",
            Node::Medium(_) => "IOMedia",
            Node::Battery => "AppleSmartBattery",
        }
    }

    /// Matching takes subclasses too.
    fn is_a(self, class: &str) -> bool {
        match self {
            Node::Accelerator | Node::Spare => {
                ["IOAccelerator", "AGXAccelerator", self.class()].contains(&class)
            }
            _ => self.class() == class,
        }
    }

    fn name(self, stage: &Stage) -> String {
        match self {
            Node::Device => "uart0".to_owned(),
            Node::PowerManager => "pmgr".to_owned(),
            Node::Cpus => "cpus".to_owned(),
            Node::Cpu(_, number) => format!("cpu{number}"),
            Node::Decoy => "AppleSMC".to_owned(),
            Node::Controller => "AppleSMCKeysEndpoint".to_owned(),
            Node::Medium(disk) => stage.scenario.disks[disk].model.clone(),
            _ => self.class().to_owned(),
        }
    }

    fn children(self, stage: &Stage) -> Vec<Node> {
        let scenario = &stage.scenario;
        match self {
            Node::Cpus => {
                let clusters = scenario.clusters.iter().enumerate();
                clusters
                    .flat_map(|(place, cluster)| {
                        let first = cluster.first_cpu;
                        (first..first + cluster.cores).map(move |number| Node::Cpu(place, number))
                    })
                    .collect()
            }
            Node::Accelerator => {
                let processes = scenario.processes.iter().enumerate();
                processes
                    .filter(|(_, process)| process.gpu > 0.0)
                    .map(|(place, _)| Node::Client(place))
                    .collect()
            }
            Node::Driver(disk) => vec![Node::Medium(disk)],
            _ => Vec::new(),
        }
    }

    fn properties(self, stage: &Stage) -> Property {
        let (scenario, uptime) = (&stage.scenario, stage.uptime());
        let grown = |rate: f64| Property::Integer((rate * uptime) as i64);
        match self {
            Node::PowerManager => {
                let mut tables: Vec<(String, Property)> = Vec::new();
                for cluster in scenario.clusters.iter().filter(|of| !of.table.is_empty()) {
                    let scale = if cluster.unit == "khz" { 1_000 } else { 1_000_000 };
                    tables.push((cluster.table.clone(), table(&cluster.mhz, scale)));
                }
                if let Some(gpu) = scenario.gpu.as_ref().filter(|gpu| !gpu.table.is_empty()) {
                    tables.push((gpu.table.clone(), table(&gpu.mhz, 1_000_000)));
                }
                tables.push(("voltage-states0".to_owned(), table(&[1, 1, 1], 1)));
                if scenario.is_wrong("half tables") {
                    tables.iter_mut().for_each(|(_, table)| *table = Property::Data(vec![1, 2, 3]));
                }
                tables.push(("name".to_owned(), Property::Data(b"pmgr\0".to_vec())));
                Property::Dictionary(tables)
            }
            Node::Cpu(place, number) => {
                let cluster = &scenario.clusters[place];
                let mut letter = cluster.letter.to_string().into_bytes();
                letter.push(0);
                dictionary([
                    ("cluster-type", Property::Data(letter)),
                    ("logical-cpu-id", u64::from(number).into()),
                    ("logical-cluster-id", (place as u64).into()),
                ])
            }
            Node::Accelerator => {
                let Some(gpu) = &scenario.gpu else { return dictionary([]) };
                dictionary([
                    ("model", gpu.model.as_str().into()),
                    ("gpu-core-count", gpu.cores.into()),
                    (
                        "PerformanceStatistics",
                        dictionary([
                            ("Device Utilization %", gpu.device_percent.into()),
                            ("Renderer Utilization %", (gpu.device_percent / 2).into()),
                            ("Tiler Utilization %", (gpu.device_percent / 4).into()),
                            ("In use system memory", ((gpu.used_mib * 1048576.0) as u64).into()),
                        ]),
                    ),
                ])
            }
            Node::Spare => dictionary([
                ("model", "Apple GPU".into()),
                ("PerformanceStatistics", dictionary([("Device Utilization %", 0_u64.into())])),
            ]),
            Node::Client(place) => {
                let process = &scenario.processes[place];
                let name: String = process.name.chars().take(16).collect();
                // Two clients' worth in one: the sum is what counts.
                let usage = |share: f64| {
                    let spent = grown(process.gpu * share * 1e9);
                    dictionary([("API", "Metal".into()), ("accumulatedGPUTime", spent)])
                };
                dictionary([
                    ("IOUserClientCreator", format!("pid {}, {name}", process.pid).as_str().into()),
                    ("AppUsage", Property::Array(vec![usage(0.75), usage(0.25)])),
                ])
            }
            Node::Driver(place) => {
                let disk = &scenario.disks[place];
                dictionary([(
                    "Statistics",
                    dictionary([
                        ("Bytes (Read)", grown(disk.read)),
                        ("Bytes (Write)", grown(disk.write)),
                        ("Operations (Read)", grown(disk.read / 16_384.0)),
                        ("Operations (Write)", grown(disk.write / 16_384.0)),
                        ("Total Time (Read)", grown(disk.read / 16_384.0 * 100_000.0)),
                        ("Total Time (Write)", grown(disk.write / 16_384.0 * 50_000.0)),
                    ]),
                )])
            }
            Node::Medium(place) => {
                let disk = &scenario.disks[place];
                dictionary([
                    ("BSD Name", disk.name.as_str().into()),
                    ("Whole", Property::Bool(true)),
                    ("Size", ((disk.gib * 1_073_741_824.0) as u64).into()),
                ])
            }
            Node::Battery => {
                let Some(of) = &scenario.battery else { return dictionary([]) };
                dictionary([
                    ("BatteryInstalled", Property::Bool(true)),
                    ("DeviceName", "bq20z451".into()),
                    ("CurrentCapacity", Property::Integer(of.percent)),
                    ("MaxCapacity", Property::Integer(100)),
                    ("AppleRawCurrentCapacity", Property::Integer(of.full * of.percent / 100)),
                    ("AppleRawMaxCapacity", Property::Integer(of.full)),
                    ("NominalChargeCapacity", Property::Integer(of.full)),
                    ("DesignCapacity", Property::Integer(of.design)),
                    ("Voltage", Property::Integer(of.millivolts)),
                    ("Amperage", Property::Integer(of.milliamperes)),
                    ("InstantAmperage", Property::Integer(of.milliamperes)),
                    ("Temperature", Property::Integer(3012)),
                    ("CycleCount", Property::Integer(of.cycles)),
                    ("IsCharging", Property::Bool(of.is_charging)),
                    ("FullyCharged", Property::Bool(of.percent == 100)),
                    ("ExternalConnected", Property::Bool(of.is_connected)),
                    ("AdapterDetails", dictionary([("Watts", Property::Integer(96))])),
                ])
            }
            _ => dictionary([]),
        }
    }
}

fn table(mhz: &[u32], scale: u32) -> Property {
    let entry =
        |mhz: &u32| [mhz.saturating_mul(scale).to_le_bytes(), 800_u32.to_le_bytes()].concat();
    Property::Data(mhz.iter().flat_map(entry).collect())
}

fn all(stage: &Stage) -> Vec<Node> {
    let scenario = &stage.scenario;
    let mut all = vec![Node::Device];
    if scenario.is_intel {
        // The controller of such a Mac has no endpoint of keys.
        all.push(Node::Decoy);
    } else if !scenario.is_virtual {
        all.push(Node::PowerManager);
        all.push(Node::Decoy);
        if !scenario.keys.is_empty() {
            all.push(Node::Controller);
        }
    }
    if scenario.gpu.is_some() {
        all.push(Node::Accelerator);
        if scenario.is_wrong("two accelerators") {
            all.push(Node::Spare);
        }
    }
    for disk in 0..scenario.disks.len() {
        all.extend([Node::Driver(disk), Node::Medium(disk)]);
    }
    if scenario.battery.is_some() {
        all.push(Node::Battery);
    }
    all
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOServiceMatching(class: *const c_char) -> Ref {
    entered!(IOServiceMatching);
    // SAFETY: the caller gives a C string.
    let class = unsafe { CStr::from_ptr(class) }.to_string_lossy().into_owned();
    create(Kind::Dictionary(vec![(
        "IOProviderClass".to_owned(),
        create(Kind::Text(class)) as usize,
    )]))
}

/// Takes the dictionary over, whatever happens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOServiceGetMatchingServices(main: u32, of: Ref, out: *mut u32) -> i32 {
    let stage = entered!(IOServiceGetMatchingServices);
    let class = look(of, |kind| match kind {
        Kind::Dictionary(members) => members.first().map(|(_, class)| *class),
        _ => None,
    });
    let class = class.and_then(|class| {
        look(class as Ref, |kind| match kind {
            Kind::Text(text) => Some(text.clone()),
            _ => None,
        })
    });
    crate::objects::release(of);
    let Some(class) = class.filter(|_| main == 0 && !out.is_null()) else {
        stage.fault("IOServiceGetMatchingServices: arguments".to_owned());
        return BAD_ARGUMENT;
    };
    let mut found: Vec<Node> = all(stage).into_iter().filter(|node| node.is_a(&class)).collect();
    found.reverse();
    // SAFETY: the caller gives a place for one port.
    unsafe { out.write(open_port(Port::Iterator(found))) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn IORegistryEntryFromPath(main: u32, path: *const c_char) -> u32 {
    let stage = entered!(IORegistryEntryFromPath);
    // SAFETY: the caller gives a C string.
    let path = unsafe { CStr::from_ptr(path) };
    if main != 0 || path != c"IODeviceTree:/cpus" {
        stage.fault(format!("IORegistryEntryFromPath: {path:?}"));
        return 0;
    }
    if stage.scenario.is_virtual || stage.scenario.is_intel {
        0
    } else {
        open_port(Port::Node(Node::Cpus))
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn IOIteratorNext(iterator: u32) -> u32 {
    let stage = entered!(IOIteratorNext);
    let next = match ports().open.get_mut(&iterator) {
        Some(Port::Iterator(nodes)) => nodes.pop(),
        _ => {
            stage.fault("IOIteratorNext: no iterator".to_owned());
            None
        }
    };
    next.map_or(0, |node| open_port(Port::Node(node)))
}

#[unsafe(no_mangle)]
pub extern "C" fn IOObjectRelease(port: u32) -> i32 {
    let stage = entered!(IOObjectRelease);
    if ports().open.remove(&port).is_none() {
        stage.fault(format!("IOObjectRelease: {port:#x} is not open"));
        return BAD_ARGUMENT;
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn IORegistryEntryGetName(port: u32, out: *mut c_char) -> i32 {
    let stage = entered!(IORegistryEntryGetName);
    let Some(node) = node(port) else { return BAD_ARGUMENT };
    let name = node.name(stage);
    // SAFETY: the caller gives 128 bytes, as IOKit asks for, and no name is that long.
    unsafe {
        out.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len());
        out.add(name.len()).write(0);
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn IORegistryEntryGetRegistryEntryID(port: u32, out: *mut u64) -> i32 {
    entered!(IORegistryEntryGetRegistryEntryID);
    let Some(node) = node(port) else { return BAD_ARGUMENT };
    let number = match node {
        Node::Client(place) => 0x10_0000 + place as u64,
        Node::Driver(place) => 0x20_0000 + place as u64,
        _ => 0x1000 + node.class().len() as u64,
    };
    // SAFETY: the caller gives a place for one number.
    unsafe { out.write(number) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn IORegistryEntryCreateCFProperties(
    port: u32,
    out: *mut Ref,
    allocator: Ref,
    options: u32,
) -> i32 {
    let stage = entered!(IORegistryEntryCreateCFProperties);
    let Some(node) = node(port) else { return BAD_ARGUMENT };
    if !allocator.is_null() || options != 0 || out.is_null() {
        stage.fault("IORegistryEntryCreateCFProperties: arguments".to_owned());
        return BAD_ARGUMENT;
    }
    // SAFETY: the caller gives a place for one reference.
    unsafe { out.write(build(&node.properties(stage)) as Ref) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn IORegistryEntryCreateCFProperty(
    port: u32,
    key: Ref,
    allocator: Ref,
    options: u32,
) -> Ref {
    let stage = entered!(IORegistryEntryCreateCFProperty);
    let key = look(key, |kind| match kind {
        Kind::Text(text) => Some(text.clone()),
        _ => None,
    });
    let (Some(node), Some(key)) = (node(port), key) else { return std::ptr::null() };
    if !allocator.is_null() || options != 0 {
        stage.fault("IORegistryEntryCreateCFProperty: arguments".to_owned());
    }
    let Property::Dictionary(members) = node.properties(stage) else { return std::ptr::null() };
    let member = members.iter().find(|(name, _)| *name == key);
    member.map_or(std::ptr::null(), |(_, property)| build(property) as Ref)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn IORegistryEntryGetChildIterator(
    port: u32,
    plane: *const c_char,
    out: *mut u32,
) -> i32 {
    let stage = entered!(IORegistryEntryGetChildIterator);
    let Some(node) = node(port) else { return BAD_ARGUMENT };
    // SAFETY: the caller gives a C string.
    let plane = unsafe { CStr::from_ptr(plane) };
    let wanted = if node == Node::Cpus { c"IODeviceTree" } else { c"IOService" };
    if plane != wanted {
        stage.fault(format!("IORegistryEntryGetChildIterator: plane {plane:?}"));
        return BAD_ARGUMENT;
    }
    let mut children = node.children(stage);
    children.reverse();
    // SAFETY: the caller gives a place for one port.
    unsafe { out.write(open_port(Port::Iterator(children))) };
    SUCCESS
}

// -- The system management controller -----------------------------------------------------------

#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOServiceOpen(port: u32, task: u32, kind: u32, out: *mut u32) -> i32 {
    let stage = entered!(IOServiceOpen);
    let Some(node) = node(port) else { return BAD_ARGUMENT };
    if node != Node::Controller || task != crate::system::TASK || kind != 0 {
        stage.fault(format!("IOServiceOpen of {node:?}"));
        return BAD_ARGUMENT;
    }
    if stage.scenario.is_wrong("smc denied") {
        return 0xe000_02c1_u32.cast_signed();
    }
    // SAFETY: the caller gives a place for one port.
    unsafe { out.write(open_port(Port::Connection)) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn IOServiceClose(connection: u32) -> i32 {
    let stage = entered!(IOServiceClose);
    if !matches!(ports().open.remove(&connection), Some(Port::Connection)) {
        stage.fault("IOServiceClose: no connection".to_owned());
    }
    SUCCESS
}

fn code(text: &str) -> u32 {
    let mut bytes = [b' '; 4];
    bytes.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
    u32::from_be_bytes(bytes)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOConnectCallStructMethod(
    connection: u32,
    selector: u32,
    input: *const c_void,
    length: usize,
    output: *mut c_void,
    room: *mut usize,
) -> i32 {
    let stage = entered!(IOConnectCallStructMethod);
    let is_open = matches!(ports().open.get(&connection), Some(Port::Connection));
    // SAFETY: the caller gives a place for one number.
    let room = unsafe { room.read() };
    if !is_open || selector != 2 || length != 80 || room != 80 {
        stage.fault(format!("IOConnectCallStructMethod: selector {selector}, {length}, {room}"));
        return BAD_ARGUMENT;
    }
    if stage.scenario.is_wrong("smc transport") {
        return BAD_ARGUMENT;
    }
    let mut message = [0_u8; 80];
    // SAFETY: the caller gives 80 bytes.
    unsafe { message.as_mut_ptr().copy_from_nonoverlapping(input.cast(), 80) };
    answer(stage, &mut message);
    // SAFETY: the caller gives room for 80 bytes.
    unsafe { output.cast::<u8>().copy_from_nonoverlapping(message.as_ptr(), 80) };
    SUCCESS
}

fn answer(stage: &Stage, message: &mut [u8; 80]) {
    let word = |message: &[u8; 80], at: usize| {
        u32::from_le_bytes(message[at..at + 4].try_into().unwrap_or_default())
    };
    let keys = &stage.scenario.keys;
    let put = |message: &mut [u8; 80], at: usize, bytes: &[u8]| {
        message[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let (key, size, index) = (word(message, 0), word(message, 28), word(message, 44));
    let is_count = key == code("#KEY");
    let count = u32::try_from(keys.len()).unwrap_or(0).to_be_bytes();
    let found = keys.iter().find(|of| code(&of.key) == key);
    match message[42] {
        9 if is_count => {
            put(message, 28, &4_u32.to_le_bytes());
            put(message, 32, &code("ui32").to_le_bytes());
        }
        5 if is_count => put(message, 48, &count),
        8 => match keys.get(index as usize) {
            Some(of) => put(message, 0, &code(&of.key).to_le_bytes()),
            None => message[40] = 132,
        },
        9 => match found {
            Some(of) => {
                let size = encode(&of.kind, of.value).len() as u32;
                put(message, 28, &size.to_le_bytes());
                put(message, 32, &code(&of.kind).to_le_bytes());
            }
            None => message[40] = 132,
        },
        5 => match found.map(|of| encode(&of.kind, of.value)) {
            Some(bytes) if bytes.len() as u32 == size => put(message, 48, &bytes),
            Some(bytes) => stage.fault(format!("a value of {} bytes read as {size}", bytes.len())),
            None => message[40] = 132,
        },
        other => stage.fault(format!("command {other} for the controller")),
    }
}

fn encode(kind: &str, value: f64) -> Vec<u8> {
    match kind.trim_end() {
        "flt" => (value as f32).to_le_bytes().to_vec(),
        "ui8" | "flag" => vec![value as u8],
        "ui16" => (value as u16).to_be_bytes().to_vec(),
        "ui32" => (value as u32).to_be_bytes().to_vec(),
        "ioft" => ((value * 65_536.0) as u64).to_le_bytes().to_vec(),
        _ => vec![0; 8],
    }
}

// -- The event system of the sensors ------------------------------------------------------------

#[unsafe(no_mangle)]
pub extern "C" fn IOHIDEventSystemClientCreate(allocator: Ref) -> Ref {
    let stage = entered!(IOHIDEventSystemClientCreate);
    if !allocator.is_null() {
        stage.fault("IOHIDEventSystemClientCreate: allocator".to_owned());
    }
    create(Kind::Client)
}

#[unsafe(no_mangle)]
pub extern "C" fn IOHIDEventSystemClientSetMatching(client: Ref, of: Ref) -> i32 {
    let stage = entered!(IOHIDEventSystemClientSetMatching);
    let number = |wanted: &'static str| {
        let member = look(of, |kind| match kind {
            Kind::Dictionary(members) => {
                members.iter().find(|(key, _)| key == wanted).map(|(_, member)| *member)
            }
            _ => None,
        })?;
        look(member as Ref, |kind| match kind {
            Kind::Integer(number) => Some(*number),
            _ => None,
        })
    };
    if number("PrimaryUsagePage") != Some(0xff00) || number("PrimaryUsage") != Some(5) {
        stage.fault("IOHIDEventSystemClientSetMatching: not temperatures".to_owned());
    }
    let _ = look(client, |_| Some(()));
    1
}

#[unsafe(no_mangle)]
pub extern "C" fn IOHIDEventSystemClientCopyServices(client: Ref) -> Ref {
    let stage = entered!(IOHIDEventSystemClientCopyServices);
    let _ = look(client, |_| Some(()));
    if stage.scenario.sensors.is_empty() {
        return std::ptr::null();
    }
    let services = (0..stage.scenario.sensors.len()).map(|of| create(Kind::Sensor(of)) as usize);
    create(Kind::Array(services.collect()))
}

fn sensor(service: Ref) -> Option<usize> {
    look(service, |kind| match kind {
        Kind::Sensor(place) => Some(*place),
        _ => None,
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn IOHIDServiceClientCopyProperty(service: Ref, key: Ref) -> Ref {
    let stage = entered!(IOHIDServiceClientCopyProperty);
    let key = look(key, |kind| match kind {
        Kind::Text(text) => Some(text.clone()),
        _ => None,
    });
    match (sensor(service), key.as_deref()) {
        (Some(place), Some("Product")) => {
            create(Kind::Text(stage.scenario.sensors[place].name.clone()))
        }
        _ => std::ptr::null(),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn IOHIDServiceClientCopyEvent(service: Ref, kind: i64, a: i32, b: i64) -> Ref {
    let stage = entered!(IOHIDServiceClientCopyEvent);
    if (kind, a, b) != (15, 0, 0) {
        stage.fault("IOHIDServiceClientCopyEvent: not a temperature".to_owned());
    }
    sensor(service).map_or(std::ptr::null(), |place| create(Kind::Sensor(place)))
}

#[unsafe(no_mangle)]
pub extern "C" fn IOHIDEventGetFloatValue(event: Ref, field: u32) -> f64 {
    let stage = entered!(IOHIDEventGetFloatValue);
    if field != 15 << 16 {
        stage.fault("IOHIDEventGetFloatValue: field".to_owned());
    }
    sensor(event).map_or(0.0, |place| stage.scenario.sensors[place].celsius)
}
