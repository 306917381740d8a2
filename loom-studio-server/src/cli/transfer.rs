//! `loom-studio export` and `loom-studio import`, of a data directory.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, IsTerminal as _, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use loom_studio_core::{
    ErrorKind, EventFilter, EventStore, Export, ExportOptions, Exported, FileStore,
    FileStoreOptions, Import, ImportOptions, ImportReport, RandomIds, SeqSet, SystemClock,
};

use super::args::{ExportArgs, ImportArgs, PlaceArgs};
use super::remote::Remote;
use super::runs::{run_name, runs_of, workspace};
use super::store::{existing_directory, platform_directory, say};
use crate::error::ApiError;
use crate::exports::Form;
use crate::protocol::SubscribeFilter;
use crate::routes::filter;

/// The first bytes of a zstd frame (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes of an input read at once.
pub(super) const PIECE_BYTES: usize = 256 << 10;

/// `loom-studio export`.
pub(super) async fn export(args: ExportArgs) -> Result<(), String> {
    // The source first: what can't be read leaves no file behind.
    if let Some(server) = &args.place.server {
        let remote = Remote::new(server, args.place.token.as_deref())?;
        let lines = remote.export(&args).await?;
        let mut output = Output::create(&args)?;
        let bytes = lines.write_to(&mut output).await?;
        output.finish()?;
        return report(&format!("{bytes} bytes exported"));
    }
    let options = options_of(&args)?;
    let path = existing_directory(args.place.store.clone())?;
    let store = open(&path)?;
    let options = with_runs(&args, options, &store, &path).await?;
    let export = Export::with(store, options)
        .await
        .map_err(|error| error.to_string())?;
    let mut output = Output::create(&args)?;
    let exported = write(export, &mut output).await?;
    output.finish()?;
    let Exported {
        events,
        observations,
        orphans,
        unknown_calls,
        ..
    } = exported;
    report(&match args.format {
        Form::JsonLines => format!("{events} events and {observations} observations exported"),
        Form::Csv | Form::Chrome => format!("{events} events exported"),
    })?;
    if unknown_calls > 0 {
        report(&format!(
            "{unknown_calls} requests are without their calls: their runs have more than 250,000 records, or are no longer known"
        ))?;
    }
    if orphans > 0 {
        report(&format!(
            "{orphans} observations were left out: the events they are about have been deleted"
        ))?;
    }
    Ok(())
}

async fn write(mut export: Export, output: &mut Output) -> Result<Exported, String> {
    let start = export.exported();
    let bar = bar(
        start.target.0 - start.through.0,
        "{human_pos}/{human_len} records",
    );
    while let Some(lines) = export.next().await.map_err(|error| error.to_string())? {
        output.write(&lines)?;
        bar.set_position(export.exported().through.0 - start.through.0);
    }
    bar.finish_and_clear();
    Ok(export.exported())
}

fn options_of(args: &ExportArgs) -> Result<ExportOptions, String> {
    let workspace = args.workspace.as_deref().unwrap_or_default();
    let conditions = conditions(args);
    let refused = |error: ApiError| error.detail().to_owned();
    let filter = filter::read(&workspace.into(), &conditions).map_err(refused)?;
    let condition = filter::condition(conditions.condition.as_deref()).map_err(refused)?;
    Ok(ExportOptions {
        filter: EventFilter {
            workspace: args.workspace.as_deref().map(Into::into),
            ..filter
        },
        condition,
        ..ExportOptions::default()
    })
}

/// The options with what is known of runs, where they ask for it.
async fn with_runs(
    args: &ExportArgs,
    mut options: ExportOptions,
    store: &Arc<dyn EventStore>,
    path: &Path,
) -> Result<ExportOptions, String> {
    if args.run.is_none() && args.format == Form::JsonLines {
        return Ok(options);
    }
    let failed = |error: loom_studio_core::Error| error.to_string();
    let as_of = runs_of(store, path).await.map_err(failed)?;
    if let Some(run) = &args.run {
        let workspace = workspace(args.workspace.as_deref());
        let found = as_of.find(&workspace, run_name(run)?).await;
        let found = found
            .map_err(failed)?
            .ok_or_else(|| format!("{run} is part of no run in {workspace}"))?;
        options.within = Some(SeqSet::new(found.run.id.to_string(), found.members));
    }
    options.up_to = Some(as_of.at);
    options.format = args.format.of(as_of).await.map_err(failed)?;
    Ok(options)
}

pub(super) fn conditions(args: &ExportArgs) -> SubscribeFilter {
    SubscribeFilter {
        session_id: args.session.clone(),
        trace_id: args.trace.clone(),
        node_id: args.node.clone(),
        event_type: args.kind.clone(),
        start_time: args.start_time.clone(),
        end_time: args.end_time.clone(),
        q: args.q.clone(),
        condition: args.condition.clone(),
    }
}

/// `loom-studio import`.
pub(super) async fn import(args: ImportArgs) -> Result<(), String> {
    let input = Input::open(args.input.as_deref())?;
    if let Some(server) = &args.place.server {
        let remote = Remote::new(server, args.place.token.as_deref())?;
        return say(&remote.import(&args, input).await?);
    }
    let options = ImportOptions {
        workspace: args.workspace.as_deref().map(Into::into),
        session: args.session.as_deref().map(Into::into),
        ..ImportOptions::default()
    };
    let store = open(&directory(args.place)?)?;
    let mut import = Import::new(Arc::clone(&store), options);
    let result = read(&mut import, input).await;
    // Said in any case: what was stored before an error stays.
    say(&summary(import.report()))?;
    for rejected in &import.report().first_rejected {
        let (line, code) = (rejected.line, rejected.code.as_str());
        report(&format!("line {line}: {code}: {}", rejected.detail))?;
    }
    result?;
    match import.report().rejected.values().sum::<u64>() {
        0 => Ok(()),
        1 => Err("1 record was rejected".to_owned()),
        count => Err(format!("{count} records were rejected")),
    }
}

async fn read(import: &mut Import, mut input: Input) -> Result<(), String> {
    let failed = |error: loom_studio_core::Error| match error.kind() {
        ErrorKind::Full => {
            format!("{error}; make space and import again: what is stored is passed over")
        }
        _ => error.to_string(),
    };
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match input.read(&mut piece)? {
            [] => return import.finish().await.map_err(failed),
            piece => import.push(piece).await.map_err(failed)?,
        }
    }
}

fn summary(report: &ImportReport) -> String {
    format!(
        "{} records stored, {} were there already",
        report.added, report.duplicates
    )
}

/// The directory to import into; it need not exist.
fn directory(place: PlaceArgs) -> Result<PathBuf, String> {
    place.store.data_dir.map_or_else(platform_directory, Ok)
}

pub(super) fn open(path: &Path) -> Result<Arc<dyn EventStore>, String> {
    let options = FileStoreOptions {
        // One batch after another: none waits for others.
        group_delay: Duration::ZERO,
        ..FileStoreOptions::default()
    };
    let store = FileStore::open(path, options, Arc::new(SystemClock), &RandomIds);
    let store = store.map_err(|error| match error.kind() {
        ErrorKind::Closed => format!(
            "{error}\nGo through the server that uses it with --server http://127.0.0.1:8765 (or where it listens), or stop it first"
        ),
        _ => error.to_string(),
    })?;
    Ok(Arc::new(store))
}

/// On standard error, and only on a terminal.
fn bar(length: u64, template: &str) -> ProgressBar {
    let template = format!("{{bar:40}} {template}, {{eta}} left");
    let style = ProgressStyle::with_template(&template);
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// For what is about the work and not its result: standard output may be the result.
pub(super) fn report(text: &str) -> Result<(), String> {
    writeln!(io::stderr(), "{text}")
        .map_err(|error| format!("cannot write to standard error: {error}"))
}

/// Where an export goes.
pub(super) struct Output {
    name: String,
    writer: Writer,
}

enum Writer {
    Plain(Box<dyn Write + Send>),
    Zstd(Box<zstd::Encoder<'static, Box<dyn Write + Send>>>),
}

impl Output {
    fn create(args: &ExportArgs) -> Result<Self, String> {
        let (name, sink): (String, Box<dyn Write + Send>) = match &args.output {
            Some(path) => {
                let name = path.display().to_string();
                let mut options = OpenOptions::new();
                options.write(true);
                if args.force {
                    options.create(true).truncate(true);
                } else {
                    options.create_new(true);
                }
                let file = options.open(path).map_err(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => {
                        format!("{name} exists; choose another name, or replace it with --force")
                    }
                    _ => format!("cannot write {name}: {error}"),
                })?;
                (name, Box::new(file))
            }
            None => ("standard output".to_owned(), Box::new(io::stdout())),
        };
        let is_zst = args.output.as_ref().is_some_and(|path| {
            path.extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("zst"))
        });
        let writer = if args.zstd || is_zst {
            let encoder = zstd::Encoder::new(sink, zstd::DEFAULT_COMPRESSION_LEVEL);
            let encoder = encoder.map_err(|error| format!("cannot compress: {error}"))?;
            Writer::Zstd(Box::new(encoder))
        } else {
            Writer::Plain(sink)
        };
        Ok(Self { name, writer })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = match &mut self.writer {
            Writer::Plain(writer) => writer.write_all(bytes),
            Writer::Zstd(writer) => writer.write_all(bytes),
        };
        written.map_err(|error| format!("cannot write to {}: {error}", self.name))
    }

    fn finish(self) -> Result<(), String> {
        let written = match self.writer {
            Writer::Plain(mut writer) => writer.flush(),
            Writer::Zstd(writer) => writer.finish().and_then(|mut writer| writer.flush()),
        };
        written.map_err(|error| format!("cannot write to {}: {error}", self.name))
    }
}

/// Where an import comes from.
pub(super) struct Input {
    name: String,
    reader: Box<dyn Read + Send>,
    bar: ProgressBar,
}

impl Input {
    fn open(path: Option<&Path>) -> Result<Self, String> {
        let (name, source, length): (String, Box<dyn Read + Send>, u64) = match path {
            Some(path) => {
                let name = path.display().to_string();
                let failed = |error| format!("cannot read {name}: {error}");
                let file = File::open(path).map_err(failed)?;
                let length = file.metadata().map_err(failed)?.len();
                (name, Box::new(file), length)
            }
            None if io::stdin().is_terminal() => {
                return Err("name a file to import, or pipe one in".to_owned());
            }
            None => ("standard input".to_owned(), Box::new(io::stdin()), 0),
        };
        let failed = |error| format!("cannot read {name}: {error}");
        let bar = bar(length, "{bytes}/{total_bytes}");
        let mut source = bar.wrap_read(source);
        // Compressed or not is seen by the first bytes, whatever the name says.
        let mut magic = Vec::new();
        source
            .by_ref()
            .take(ZSTD_MAGIC.len() as u64)
            .read_to_end(&mut magic)
            .map_err(failed)?;
        let is_zstd = magic == ZSTD_MAGIC;
        let whole = io::Cursor::new(magic).chain(source);
        let reader: Box<dyn Read + Send> = if is_zstd {
            let buffered = BufReader::with_capacity(PIECE_BYTES, whole);
            Box::new(zstd::Decoder::with_buffer(buffered).map_err(failed)?)
        } else {
            Box::new(whole)
        };
        Ok(Self { name, reader, bar })
    }

    /// The next bytes; none at the end.
    pub(super) fn read<'a>(&mut self, piece: &'a mut [u8]) -> Result<&'a [u8], String> {
        let failed = |error| format!("cannot read {}: {error}", self.name);
        let length = self.reader.read(piece).map_err(failed)?;
        if length == 0 {
            self.bar.finish_and_clear();
        }
        Ok(piece.get(..length).unwrap_or_default())
    }
}
