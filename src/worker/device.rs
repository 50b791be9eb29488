//! The GPU device: asked for, checked, and watched.
//!
//! Invariant: a device handed out here has everything burn needs (it panics without
//! `timestamp-query` on the web).

use crate::engine::CHECKS;
use crate::kernel;
use crate::protocol::{Backend, Lab, WhyCpu};
use crate::worker::post;
use burn::tensor::Device;
use burn::tensor::wgpu::WgpuSetup;
use futures_lite::future;
use gloo_timers::future::TimeoutFuture;
use js_sys::Reflect;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use wasm_bindgen::JsValue;
use wgpu::{Adapter, DeviceType, Features, Instance, InstanceDescriptor, Queue};

/// Dispatches that burn collects before it submits them.
const TASKS: usize = 64;

/// How long the browser may take to give an adapter and a device.
const DEADLINE_MS: u32 = 20_000;

/// Time between two looks.
const NUDGE_MS: u32 = 4;

thread_local! {
    /// The queue of the worker's one device, where it needs to be nudged.
    static QUEUE: RefCell<Option<Queue>> = const { RefCell::new(None) };
}

/// Makes the browser look, for as long as this is waited for, whether the GPU has finished something. Firefox
/// looks when something is submitted, and otherwise every 100 ms
/// (<https://bugzilla.mozilla.org/show_bug.cgi?id=1870699>). Never ends.
pub async fn nudge<T>() -> T {
    loop {
        let Some(queue) = QUEUE.with_borrow(Clone::clone) else {
            return future::pending().await;
        };
        TimeoutFuture::new(NUDGE_MS).await;
        queue.submit([]);
    }
}

/// Whether this is Firefox. Other browsers answer at once, and would only be held up.
fn needs_nudging() -> bool {
    let get = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).ok();
    get(&js_sys::global(), "navigator")
        .and_then(|navigator| get(&navigator, "userAgent")?.as_string())
        .is_some_and(|agent| agent.contains("Firefox/"))
}

/// A device and what it is; its self-test is still to come.
pub struct Opened {
    pub device: Device,
    pub lab: Lab,
    /// The handles that painters share; none on the CPU.
    pub gpu: Option<Gpu>,
}

/// The WebGPU handles and the sign that the device was lost.
pub struct Gpu {
    pub setup: WgpuSetup,
    lost: Arc<Mutex<Option<String>>>,
}

impl Gpu {
    /// The browser's message if the device was lost.
    pub fn lost(&self) -> Option<String> {
        self.lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Opens WebGPU, or the CPU: for the reason given, or because there is no WebGPU.
pub async fn open(why_cpu: Option<WhyCpu>) -> Opened {
    let why = match why_cpu {
        Some(why) => why,
        None => match open_gpu().await {
            Ok(opened) => return opened,
            Err(why) => why,
        },
    };
    let device = Device::flex();
    let lab = Lab {
        backend: Backend::Cpu,
        why_cpu: Some(why),
        software: true,
        adapter: "CPU (WebAssembly SIMD)".into(),
        facts: Vec::new(),
        checks: Vec::new(),
        planned: CHECKS as u32,
    };
    Opened {
        device,
        lab,
        gpu: None,
    }
}

/// Opens WebGPU.
///
/// # Errors
/// Why it cannot be used.
pub async fn open_gpu() -> Result<Opened, WhyCpu> {
    let late = async {
        TimeoutFuture::new(DEADLINE_MS).await;
        Err(WhyCpu::NoWebGpu("no adapter in time".into()))
    };
    future::or(ask(), late).await
}

async fn ask() -> Result<Opened, WhyCpu> {
    let instance = Instance::new(InstanceDescriptor {
        backends: wgpu::Backends::BROWSER_WEBGPU,
        ..InstanceDescriptor::new_without_display_handle()
    });
    let adapter = instance
        .request_adapter(&wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        })
        .await
        // wgpu's own words list backends that no browser has.
        .map_err(|_| WhyCpu::NoWebGpu("no graphics adapter".into()))?;
    if !adapter.features().contains(Features::TIMESTAMP_QUERY) {
        return Err(WhyCpu::Lacks("timestamp-query".into()));
    }
    let facts = facts(&adapter);
    let info = adapter.get_info();
    let (device, queue) = adapter
        .request_device(&wgpu::DeviceDescriptor {
            label: Some("basin"),
            required_features: adapter
                .features()
                .difference(Features::MAPPABLE_PRIMARY_BUFFERS),
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        })
        .await
        .map_err(|error| WhyCpu::NoWebGpu(error.to_string()))?;

    QUEUE.set(needs_nudging().then(|| queue.clone()));
    let backend = info.backend;
    let setup = WgpuSetup {
        instance,
        adapter,
        device,
        queue,
        backend,
    };
    let device = Device::wgpu_options()
        .tasks_max(TASKS)
        .setup(setup.clone())
        .init()
        .map_err(|error| WhyCpu::NoWebGpu(error.to_string()))?;
    // After burn's own: its handler of uncaptured errors panics, and the last one set counts.
    let lost = Arc::new(Mutex::new(None));
    let sign = Arc::clone(&lost);
    setup
        .device
        .set_device_lost_callback(move |reason, message| {
            let said = format!("{reason:?}: {message}");
            *sign.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
        });
    setup
        .device
        .on_uncaptured_error(Arc::new(|error: wgpu::Error| {
            let message = error.to_string();
            web_sys::console::error_1(&message.as_str().into());
            post::fault(&message);
        }));
    let adapter = describe(&setup.device);
    let software = info.device_type == DeviceType::Cpu || adapter.contains("swiftshader");
    kernel::set_software(adapter.contains("swiftshader"));
    let lab = Lab {
        backend: Backend::WebGpu,
        why_cpu: None,
        software,
        adapter,
        facts,
        checks: Vec::new(),
        planned: CHECKS as u32,
    };
    Ok(Opened {
        device,
        lab,
        gpu: Some(Gpu { setup, lost }),
    })
}

/// The adapter in the browser's words, such as "nvidia ampere"; wgpu passes on only the description,
/// which browsers leave empty.
fn describe(device: &wgpu::Device) -> String {
    let get = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).ok();
    let Some(info) = device
        .as_webgpu()
        .and_then(|device| get(device.as_ref(), "adapterInfo"))
    else {
        return String::new();
    };
    ["vendor", "architecture", "device", "description"]
        .iter()
        .filter_map(|name| get(&info, name)?.as_string())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Limits and features that decide what fits, by their WebGPU names.
fn facts(adapter: &Adapter) -> Vec<(String, String)> {
    let limits = adapter.limits();
    let has = |feature| {
        if adapter.features().contains(feature) {
            "yes"
        } else {
            "no"
        }
        .to_owned()
    };
    vec![
        ("maxBufferSize".into(), limits.max_buffer_size.to_string()),
        (
            "maxStorageBufferBindingSize".into(),
            limits.max_storage_buffer_binding_size.to_string(),
        ),
        (
            "maxStorageBuffersPerShaderStage".into(),
            limits.max_storage_buffers_per_shader_stage.to_string(),
        ),
        (
            "maxComputeInvocationsPerWorkgroup".into(),
            limits.max_compute_invocations_per_workgroup.to_string(),
        ),
        (
            "maxComputeWorkgroupStorageSize".into(),
            limits.max_compute_workgroup_storage_size.to_string(),
        ),
        ("timestamp-query".into(), has(Features::TIMESTAMP_QUERY)),
        ("shader-f16".into(), has(Features::SHADER_F16)),
    ]
}
