//! Command-line arguments; one flag for every row of the settings table.

use basin::settings::{DEFAULT_PRESET, Kind, Preset, Settings, TABLE, parse, presets};
use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, DeviceKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::path::PathBuf;

/// The whole command line.
pub fn command() -> Command {
    Command::new("basin")
        .about("Trains, samples and measures energy-based models")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(train2d())
        .subcommand(crate::train::command())
        .subcommand(crate::evaluate::command())
        .subcommand(crate::publish::command())
        .subcommand(crate::study2d::command())
        .subcommand(crate::bench::command())
}

fn train2d() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name);
    with_settings(
        Command::new("train2d")
            .about("Trains an energy of the plane next to its exact truth")
            .args([
                device(),
                flag("json")
                    .action(ArgAction::SetTrue)
                    .help("Print one JSON object per report, and a last one"),
                flag("out")
                    .default_value(".")
                    .value_parser(value_parser!(PathBuf))
                    .help("Folder for checkpoints (safetensors)"),
                flag("resume")
                    .value_parser(value_parser!(PathBuf))
                    .help("Go on from this checkpoint"),
                flag("report-every")
                    .default_value("250")
                    .value_parser(value_parser!(u64).range(1..))
                    .help("Iterations between two reports"),
                flag("save-every")
                    .default_value("120")
                    .value_parser(value_parser!(u64))
                    .help("Seconds between two checkpoints"),
                flag("final-grid")
                    .default_value("256")
                    .value_parser(value_parser!(u16).range(32..=1024))
                    .help("Cells per side of the grid of the final metrics"),
                flag("fresh")
                    .default_value("2000")
                    .value_parser(value_parser!(u32).range(0..=100_000))
                    .help("Samples drawn from noise at the end (0: none)"),
                flag("visits")
                    .default_value("20")
                    .value_parser(value_parser!(u64).range(1..))
                    .help("Visits to t = 0 after which a chain gives its sample"),
                flag("long-run").action(ArgAction::SetTrue).help(
                    "At the end, compare chains of --short-steps and --long-steps with the truth",
                ),
            ]),
    )
}

pub fn device() -> Arg {
    Arg::new("device")
        .long("device")
        .default_value("cpu")
        .value_parser(["cpu", "wgpu", "vulkan"])
        .help("Where the arithmetic runs; vulkan is a feature of the build")
}

/// Adds `--preset`, `--link` and a flag per setting.
fn with_settings(command: Command) -> Command {
    let names: Vec<String> = presets().map(Preset::name).collect();
    let preset = Arg::new("preset")
        .long("preset")
        .help(format!(
            "Starting point; add -small or -long for other sizes. One of: {}",
            names.join(", ")
        ))
        .hide_possible_values(true);
    let link = Arg::new("link")
        .long("link")
        .help("Settings as the part of a Basin link after #");
    let rows = TABLE.iter().map(|row| {
        let values = match row.kind {
            Kind::Int { min, max } => format!("{min} to {max}"),
            Kind::Float { min, max, .. } => format!("{min} to {max}"),
            Kind::Choice(options) => options.join(", "),
            Kind::Switch => "on, off".into(),
        };
        Arg::new(row.name)
            .long(row.name)
            .value_name("VALUE")
            .allow_negative_numbers(true)
            .help_heading("Settings")
            .help(format!("{} [{values}]. {}", row.label, row.help))
    });
    command.arg(preset).arg(link).args(rows)
}

/// The settings that preset, link and flags give, in that order.
///
/// # Errors
/// What could not be read or lies outside its range: a command line should fail rather than guess.
pub fn settings(matches: &ArgMatches) -> Result<Settings, String> {
    let mut settings = match matches.get_one::<String>("preset") {
        Some(name) => Preset::by_name(name)
            .ok_or_else(|| format!("there is no preset {name:?}; see --help for the list"))?
            .settings(),
        None => DEFAULT_PRESET.settings(),
    };
    if let Some(link) = matches.get_one::<String>("link") {
        let parsed = parse(link);
        if let Some(notice) = parsed.notices.first() {
            return Err(notice.to_string());
        }
        settings = parsed.settings;
    }
    overrides(matches, &mut settings)?;
    Ok(settings)
}

/// Applies the flags given to `settings`.
///
/// # Errors
/// What could not be read or lies outside its range.
pub fn overrides(matches: &ArgMatches, settings: &mut Settings) -> Result<(), String> {
    for row in TABLE {
        if let Some(text) = matches.get_one::<String>(row.name) {
            settings
                .set_text(row.key, text)
                .map_err(|notice| notice.to_string())?;
        }
    }
    Ok(())
}

/// Opens the device asked for.
///
/// # Errors
/// If there is no such device here, or this build cannot use it.
pub fn open_device(matches: &ArgMatches) -> Result<Device, String> {
    let name = matches
        .get_one::<String>("device")
        .map_or("cpu", String::as_str);
    match name {
        "cpu" => Ok(Device::flex()),
        "wgpu" => wgpu(WgpuBackend::Auto),
        #[cfg(feature = "vulkan")]
        "vulkan" => wgpu(WgpuBackend::Vulkan),
        _ => Err(format!(
            "this build cannot use {name}: build it with `cargo build --release --features {name}`"
        )),
    }
}

fn wgpu(api: WgpuBackend) -> Result<Device, String> {
    let kind = match std::env::var("BASIN_WGPU_DEVICE").as_deref() {
        Ok("cpu") => DeviceKind::Cpu,
        _ => DeviceKind::DefaultDevice,
    };
    Device::wgpu_options()
        .device_kind(kind)
        .graphics_api(api)
        .init()
        .map_err(|error| format!("no usable GPU: {error}"))
}
