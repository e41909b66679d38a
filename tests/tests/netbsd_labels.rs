//! Disklabels and MBRs against NetBSD's own headers, as `netbsd_headers.rs`.

use dm_core::disklabel::Port;
use dm_tests::assertions::{Assertions, compiler};

/// As the reader of labels has it.
#[path = "../../dm-core/src/disklabel/layout.rs"]
mod at;

/// Where a struct's fields start.
type Fields = (&'static str, &'static [(&'static str, usize)]);

const STRUCTS: &[Fields] = &[
    (
        "struct disklabel",
        &[
            ("d_magic", at::MAGIC),
            ("d_type", at::TYPE),
            ("d_subtype", at::SUBTYPE),
            ("d_typename", at::TYPENAME),
            ("d_packname", at::PACKNAME),
            ("d_secsize", at::SECSIZE),
            ("d_nsectors", at::NSECTORS),
            ("d_ntracks", at::NTRACKS),
            ("d_ncylinders", at::NCYLINDERS),
            ("d_secpercyl", at::SECPERCYL),
            ("d_secperunit", at::SECPERUNIT),
            ("d_sparespertrack", at::SPARESPERTRACK),
            ("d_sparespercyl", at::SPARESPERCYL),
            ("d_acylinders", at::ACYLINDERS),
            ("d_rpm", at::RPM),
            ("d_interleave", at::INTERLEAVE),
            ("d_trackskew", at::TRACKSKEW),
            ("d_cylskew", at::CYLSKEW),
            ("d_headswitch", at::HEADSWITCH),
            ("d_trkseek", at::TRKSEEK),
            ("d_flags", at::FLAGS),
            ("d_drivedata", at::DRIVEDATA),
            ("d_spare", at::SPARE),
            ("d_magic2", at::MAGIC2),
            ("d_checksum", at::CHECKSUM),
            ("d_npartitions", at::NPARTITIONS),
            ("d_bbsize", at::BBSIZE),
            ("d_sbsize", at::SBSIZE),
            ("d_partitions", at::PARTITIONS),
        ],
    ),
    (
        "struct partition",
        &[
            ("p_size", at::P_SIZE),
            ("p_offset", at::P_OFFSET),
            ("p_fsize", at::P_FSIZE),
            ("p_fstype", at::P_FSTYPE),
            ("p_frag", at::P_FRAG),
            ("p_cpg", at::P_CPG),
        ],
    ),
    (
        "struct mbr_sector",
        &[
            ("mbr_parts", at::MBR_ENTRIES),
            ("mbr_magic", at::MBR_SIGNATURE),
        ],
    ),
    (
        "struct mbr_partition",
        &[
            ("mbrp_flag", at::E_FLAG),
            ("mbrp_type", at::E_TYPE),
            ("mbrp_start", at::E_START),
            ("mbrp_size", at::E_SIZE),
        ],
    ),
];

#[test]
#[ignore = "needs a C compiler for NetBSD: tests/run netbsd"]
fn layout_is_that_of_the_headers() {
    let mut all = Assertions::with(&["stddef.h", "sys/disklabel.h", "sys/bootblock.h"]);
    for (name, fields) in STRUCTS {
        for (field, offset) in *fields {
            all.size(&format!("offsetof({name}, {field})"), *offset);
        }
    }
    all.size("sizeof(struct partition)", at::PARTITION_BYTES);
    all.size("sizeof(struct mbr_partition)", at::MBR_ENTRY_BYTES);
    all.number("DISKMAGIC", at::MAGIC_VALUE);
    all.number("MBR_MAGIC", u16::from_le_bytes(at::MBR_SIGNATURE_BYTES));
    all.hold(&compiler());
}

/// The folder of a port's header, as far as the compiler's headers have it, and what the header
/// asks for.
fn header(port: Port) -> Option<(&'static str, &'static str)> {
    Some(match port {
        Port::I386 => ("i386", ""),
        Port::Amd64 => ("amd64", ""),
        Port::Arm => ("arm", ""),
        Port::Evbppc => ("evbppc", "EVBPPC_HAS_MBR"),
        Port::EvbppcNoMbr => ("evbppc", ""),
        Port::Evbmips => ("evbmips", ""),
        Port::Sparc => ("sparc", ""),
        Port::Sparc64 => ("sparc64", ""),
        _ => return None,
    })
}

#[test]
#[ignore = "needs a C compiler for NetBSD: tests/run netbsd"]
fn ports_have_their_labels_where_their_headers_say() {
    // Each machine's compiler has its own header and the old ports' ones.
    let on_amd64 = compiler().to_string_lossy().contains("x86_64");
    let mut checked = 0;
    for port in Port::ALL {
        if port == Port::Amd64 && !on_amd64 {
            continue;
        }
        let Some((folder, define)) = header(port) else {
            continue;
        };
        let header = format!("{folder}/disklabel.h");
        let mut all = Assertions::default();
        if !define.is_empty() {
            all.define(define);
        }
        all.include("sys/types.h").include(&header);
        all.number("LABELSECTOR", port.place().sector.0);
        all.size("LABELOFFSET", port.place().offset);
        all.number("LABELUSESMBR", u64::from(port.uses_mbr()));
        all.size("MAXPARTITIONS", port.partitions_max());
        all.number("RAW_PART", port.raw_partition());
        all.hold(&compiler());
        checked += 1;
    }
    assert_eq!(checked, 7 + usize::from(on_amd64));
}
