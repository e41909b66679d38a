//! Mapped devices with a disklabel of their own, copied over NBD and read by other programs.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use dm_core::client::Dm;
use dm_core::command::{Create, Load, SuspendOptions};
use dm_core::disklabel::{HostReader, Port, Survey};
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::error::ErrorKind;
use dm_core::table::TableLine;
use dm_core::units::{Sector, SectorCount};
use dm_tests::script::name;
use dm_tests::tools::{find, run};
use dm_tools::export::client::NbdClient;
use dm_tools::export::nbd::{self, ExportName, Server};

/// A served device of 32768 sectors over a file full of sevens.
struct Served {
    _server: Server,
    folder: tempfile::TempDir,
}

impl Served {
    fn new() -> Served {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk.img");
        std::fs::write(&disk, vec![7; 32768 * 512]).unwrap();
        let engine = Engine::new();
        let dm = Dm::new(engine.clone());
        let table = format!("0 32768 linear {} 0", disk.display());
        dm.create(Create::new(name("vol"))).unwrap();
        dm.load(Load::new(
            name("vol"),
            TableLine::parse_table(&table).unwrap(),
        ))
        .unwrap();
        dm.resume(name("vol"), SuspendOptions::default()).unwrap();
        let listener = UnixListener::bind(folder.path().join("nbd.sock")).unwrap();
        Served {
            _server: Server::start(engine, listener).unwrap(),
            folder,
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn uri(&self, port: Port) -> String {
        nbd::uri(
            &self.path("nbd.sock"),
            ExportName::labelled(name("vol"), port),
        )
    }

    /// The whole export, as nbdcopy copies it.
    fn copy(&self, port: Port, file: &str) -> Option<PathBuf> {
        let path = self.path(file);
        run(find("nbdcopy")?.arg(self.uri(port)).arg(&path));
        Some(path)
    }
}

fn parted(image: &Path) -> Option<String> {
    let output = run(find("parted")?
        .arg("-sm")
        .arg(image)
        .args(["unit", "s", "print"]));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn parted_reads_the_label_of_a_copied_export() {
    let served = Served::new();
    let Some(image) = served.copy(Port::Evbmips, "evbmips.img") else {
        return;
    };
    let Some(said) = parted(&image) else {
        return;
    };
    assert!(said.contains(":32768s:file:512:512:bsd:"), "{said}");
    assert!(said.contains("1:2s:32767s:32766s:"), "{said}");
    let Some(image) = served.copy(Port::Amd64, "amd64.img") else {
        return;
    };
    let said = parted(&image).unwrap();
    assert!(said.contains(":32768s:file:512:512:msdos:"), "{said}");
    assert!(said.contains("1:63s:32767s:32705s:"), "{said}");
}

#[test]
fn copies_of_two_programs_are_the_same_and_have_one_label() {
    let served = Served::new();
    for port in Port::ALL {
        let Some(image) = served.copy(port, &format!("{port}.img")) else {
            return;
        };
        let Some(mut qemu) = find("qemu-img") else {
            return;
        };
        run(qemu
            .args(["compare", "-f", "raw", "-F", "raw"])
            .arg(served.uri(port))
            .arg(&image));
        let survey = Survey::of(&mut HostReader::open(&image).unwrap()).unwrap();
        assert_eq!(survey.labels.len(), 1, "{port}");
        let label = &survey.labels[0].label;
        assert_eq!(label.pack_name.to_string(), "vol");
        let a = label.range(&label.partitions[0]).unwrap();
        assert_eq!(
            (a.start(), a.end()),
            (Sector(port.reserved().0), Sector(32768))
        );
        // Behind it lies the device.
        let bytes = std::fs::read(&image).unwrap();
        let first = usize::try_from(a.start().0).unwrap() * 512;
        assert!(bytes[first..].iter().all(|byte| *byte == 7), "{port}");
    }
}

#[test]
fn label_can_not_be_written_and_what_is_behind_can() {
    let served = Served::new();
    for (port, write, code) in [
        (Port::Amd64, "write -P 1 32768 512", false),
        (Port::Amd64, "write -P 1 32768 1024", false),
        (Port::Amd64, "discard 0 512", false),
        (Port::Amd64, "write -P 1 33280 512", true),
        (Port::Sparc, "write -P 1 512 512", false),
        (Port::Sparc, "write -P 1 1024 512", true),
    ] {
        let Some(mut qemu) = find("qemu-io") else {
            return;
        };
        let output = qemu
            .args(["-f", "raw", "-c", write])
            .arg(served.uri(port))
            .output()
            .unwrap();
        assert_eq!(output.status.success(), code, "{port} {write}: {output:?}");
    }
    // The disk below has what was allowed, and nothing else.
    let disk = std::fs::read(served.path("disk.img")).unwrap();
    let written: Vec<usize> = (0..32768)
        .filter(|sector| disk[sector * 512] != 7)
        .collect();
    assert_eq!(written, [2, 65]);
}

#[test]
fn labelled_export_needs_a_device_and_a_port() {
    let served = Served::new();
    let socket = served.path("nbd.sock");
    for known in ["vol", "vol/label/amd64", "vol/label/sparc64"] {
        NbdClient::connect_unix(&socket, known).unwrap();
    }
    for unknown in [
        "vol/label/vax",
        "vol/label/",
        "vol/amd64",
        "none/label/amd64",
    ] {
        assert!(
            NbdClient::connect_unix(&socket, unknown).is_err(),
            "{unknown}"
        );
    }
}

#[test]
fn disk_info_is_netbsds() {
    let engine = Engine::new();
    let dm = Dm::new(engine.clone());
    let id = name("vol").into();
    let refused = |kind| {
        let error = engine.disk_info(&id).unwrap_err();
        assert_eq!(error.kind, kind);
        error
    };
    refused(ErrorKind::NotFound);
    dm.create(Create::new(name("vol"))).unwrap();
    refused(ErrorKind::Unsupported);
    dm.load(Load::new(
        name("vol"),
        TableLine::parse_table("0 10240 zero").unwrap(),
    ))
    .unwrap();
    let error = refused(ErrorKind::Unsupported);
    assert_eq!(error.context.errno, Some(Errno::EOPNOTSUPP));
    assert_eq!(
        error.report(),
        "diskinfo vol: the device has no active table"
    );
    dm.resume(name("vol"), SuspendOptions::default()).unwrap();
    let info = engine.disk_info(&id).unwrap();
    let geometry = info.geometry;
    assert_eq!((info.kind, geometry.sectors), ("ESDI", SectorCount(10240)));
    assert_eq!((geometry.cylinders, geometry.sector_size), (5, 512));
    assert_eq!(
        (geometry.sectors_per_track, geometry.tracks_per_cylinder),
        (32, 64)
    );
}
