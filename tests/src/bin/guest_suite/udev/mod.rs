//! A real udev, with the device mapper's rules: running, stopped, killed, absent, and in another
//! IPC namespace. Whatever it does, a command ends, nodes are there, and no semaphore is left.

mod rig;

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::flags::DeviceFlags;
use dm_core::names::DmUuid;
use dm_core::table::TableLine;
use dm_linux::udev::{Cookie, How, UdevState};

use crate::shell::{equal, run};

use rig::{
    BOUND, DISABLE, Udevd, equal_how, equal_links, has_node, is_stopped, link, linux, make, name,
    no_semaphores, remove, resumed, until, with_udev,
};

/// Udev makes the nodes and links before a command returns.
pub(crate) fn nodes_are_there_with_the_command() -> Result<(), String> {
    let _udevd = Udevd::start()?;
    let linux = linux(BOUND)?;
    let dm = Dm::new(&linux);
    for round in 0..5 {
        equal_how(make(&linux, "guest-a")?, How::Udev)?;
        let by_name = |name: &str| format!("/dev/disk/by-id/dm-name-{name}");
        let node = link("/dev/mapper/guest-a").ok_or("udev made no link")?;
        equal("link", &node, "../dm-0")?;
        equal_links(&by_name("guest-a"), Some("../../dm-0"))?;
        let renamed = dm.rename(name("guest-a"), name("guest-b"));
        renamed.map_err(|error| error.report())?;
        equal_links("/dev/mapper/guest-a", None)?;
        equal_links("/dev/mapper/guest-b", Some("../dm-0"))?;
        let uuid = DmUuid::new(&format!("GUEST-{round}")).map_err(|error| error.to_string())?;
        dm.set_uuid(name("guest-b"), uuid)
            .map_err(|error| error.report())?;
        let by_uuid = format!("/dev/disk/by-id/dm-uuid-GUEST-{round}");
        equal_links(&by_uuid, Some("../../dm-0"))?;
        remove(&linux, "guest-b")?;
        equal_links(&by_name("guest-b"), None)?;
    }
    Ok(())
}

/// One cookie for dmsetup and dmctl, whoever makes it and whoever waits.
pub(crate) fn batch_is_shared_with_dmsetup() -> Result<(), String> {
    let _udevd = Udevd::start()?;
    for (first, second) in [("dmsetup", "dmctl"), ("dmctl", "dmsetup")] {
        let cookie = with_udev(&format!("{first} udevcreatecookie"))?;
        let cookie = cookie.trim();
        if cookie.len() != 10 || !cookie.starts_with("0x0D4D") {
            return Err(format!("{first} made the cookie {cookie:?}"));
        }
        for (program, device) in [(first, "guest-a"), (second, "guest-b")] {
            with_udev(&format!(
                "{program} create {device} --udevcookie {cookie} --table 0~1024~linear~/dev/ram0~0"
            ))?;
        }
        let listed = [first, second].map(|it| with_udev(&format!("{it} udevcookies")));
        let [ours, theirs] = listed;
        // Udev may count down between the two.
        let columns = |text: String| text.lines().map(|line| line[..24].to_owned()).collect();
        let (ours, theirs): (Vec<_>, Vec<_>) = (columns(ours?), columns(theirs?));
        equal("cookies", &format!("{ours:?}"), &format!("{theirs:?}"))?;
        with_udev(&format!("{second} udevreleasecookie {cookie}"))?;
        for device in ["guest-a", "guest-b"] {
            if !Path::new("/dev/mapper").join(device).exists() {
                return Err(format!("{device} has no node"));
            }
            with_udev(&format!("{first} remove {device}"))?;
        }
        no_semaphores()?;
    }
    Ok(())
}

/// What dmsetup prints about cookies, dmctl prints.
pub(crate) fn cookie_verbs_print_the_same() -> Result<(), String> {
    let _udevd = Udevd::start()?;
    let (theirs, ours) = (cookie_verbs("dmsetup")?, cookie_verbs("dmctl")?);
    if ours != theirs {
        // More than a reason may be long.
        println!("dmsetup:\n{theirs}\ndmctl:\n{ours}");
        return Err("they print other words".into());
    }
    no_semaphores()
}

/// What a program prints, without what is other each time.
fn cookie_verbs(program: &str) -> Result<String, String> {
    let made = with_udev(&format!("{program} udevcreatecookie"))?;
    let made = made.trim();
    let base = &made[6..];
    let listed = Cookie::list().map_err(|error| error.to_string())?;
    let [listed] = listed[..] else {
        return Err(format!("{program} made {listed:?}"));
    };
    let mut said = String::new();
    for line in with_udev(&format!("{program} udevcookies"))?.lines() {
        // The times of the two programs' cookies may be of two seconds.
        let (columns, times) = line.split_at(35);
        said += &columns
            .replace(&format!("{:<12x}", listed.cookie), "COOKIE")
            .replace(&format!(" {:<10} ", listed.semaphore), " SEMAPHORE ");
        said += &format!("{} {}\n", times.len(), times.matches(':').count());
    }
    for words in [
        "udevflags 0xd4d1234".into(),
        "udevflags 0xffff1234".into(),
        format!("udevcomplete 0x40{base}"),
        "udevcomplete_all -y 5".into(),
        "udevcomplete_all -y".into(),
        "udevcomplete 0x400000".into(),
    ] {
        said += &with_udev(&format!("{program} {words}"))?;
    }
    let base = base.to_lowercase();
    // Not any word of four digits: the cookies' prefix is said in ten's, too.
    Ok(said
        .replace(&format!("0xd4d{base}"), "0xd4dBASE")
        .replace(&format!("0x40{base}"), "0x40BASE"))
}

/// Udev's rules with dmctl in dmsetup's place: then dmsetup itself waits for what dmctl counts.
pub(crate) fn rules_may_call_dmctl() -> Result<(), String> {
    let rules = Path::new("/run/udev/rules.d");
    let copied = || {
        fs::create_dir_all(rules)?;
        for entry in fs::read_dir("/lib/udev/rules.d")? {
            let entry = entry?;
            let text = fs::read_to_string(entry.path())?.replace("/sbin/dmsetup", "/bin/dmctl");
            fs::write(rules.join(entry.file_name()), text)?;
        }
        io::Result::Ok(())
    };
    copied().map_err(|error| format!("rules: {error}"))?;
    let _udevd = Udevd::start()?;
    with_udev("dmsetup create guest-a --table 0~1024~linear~/dev/ram0~0")?;
    equal_links("/dev/mapper/guest-a", Some("../dm-0"))?;
    let flags = run("udevadm info --query=property /dev/dm-0")?;
    if !flags.contains("DM_UDEV_PRIMARY_SOURCE_FLAG=1") {
        return Err(format!("udev has no flags: {flags}"));
    }
    with_udev("dmsetup remove guest-a")?;
    with_udev("dmctl create guest-a --table 0~1024~linear~/dev/ram0~0")?;
    with_udev("dmctl remove guest-a")?;
    equal_links("/dev/mapper/guest-a", None)?;
    no_semaphores()
}

/// `--noudevrules` tells the rules what dmsetup tells them, and makes the node, which dmsetup does
/// only with `--verifyudev`.
pub(crate) fn rules_are_left_out_alike() -> Result<(), String> {
    let _udevd = Udevd::start()?;
    let mut flags = Vec::new();
    for program in ["dmsetup", "dmctl"] {
        with_udev(&format!(
            "{program} create guest-a --noudevrules --verifyudev --table 0~1024~linear~/dev/ram0~0"
        ))?;
        let kind = run("stat -c %F /dev/mapper/guest-a")?;
        equal(program, &kind, "block special file\n")?;
        let known = run("udevadm info --query=property /dev/dm-0")?;
        let known = known.lines().filter(|it| it.starts_with("DM_UDEV_DISABLE"));
        // Dmsetup says besides what it does itself, which concerns no rule.
        let rules = known.filter(|it| !it.contains("LIBRARY_FALLBACK"));
        flags.push(rules.collect::<Vec<_>>().join("\n"));
        with_udev(&format!(
            "{program} remove --noudevrules --verifyudev guest-a"
        ))?;
        if Path::new("/dev/mapper/guest-a").exists() {
            return Err(format!("{program} leaves its node"));
        }
    }
    equal("flags", &flags[1], &flags[0])?;
    no_semaphores()
}

/// Threads that share a handle each have a cookie of their own, and none stays.
pub(crate) fn threads_leave_no_semaphore() -> Result<(), String> {
    let _udevd = Udevd::start()?;
    let linux = linux(BOUND)?;
    let lines = TableLine::parse_table("0 1024 linear /dev/ram0 0").expect("it is a table");
    let live = &|thread: u32| {
        for device in 0..4 {
            let (dm, device) = (Dm::new(&linux), format!("guest-{thread}-{device}"));
            let made = dm
                .create(Create::new(name(&device)))
                .and_then(|_| dm.load(Load::new(name(&device), lines.clone())))
                .and_then(|_| dm.resume(name(&device), SuspendOptions::default()))
                .map_err(|error| error.report())?;
            let (node, target) = (format!("/dev/mapper/{device}"), made.number.minor);
            equal_links(&node, Some(&format!("../dm-{target}")))?;
            let removed = dm.remove(name(&device), RemoveMode::IfUnused);
            removed.map_err(|error| error.report())?;
            equal_links(&node, None)?;
        }
        Ok::<_, String>(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|it| scope.spawn(move || live(it))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        threads.into_iter().try_for_each(join)
    })?;
    no_semaphores()
}

/// A stopped udev costs the time-out, and catches up later.
pub(crate) fn stopped_udev_is_given_up() -> Result<(), String> {
    let udevd = Udevd::start()?;
    udevd.stop()?;
    let linux = linux(Duration::from_secs(1))?;
    let how = make(&linux, "guest-a")?;
    if !matches!(how, How::Unanswered(state) if is_stopped(state)) {
        return Err(format!("it is {how:?}"));
    }
    with_udev("dmctl create guest-b --udevtimeout 1 --table 0~1024~linear~/dev/ram0~0")?;
    equal_links("/dev/mapper/guest-b", Some("../dm-1"))?;
    udevd.signal("CONT")?;
    for device in ["guest-a", "guest-b"] {
        let by_name = format!("/dev/disk/by-id/dm-name-{device}");
        let node = format!("/dev/mapper/{device}");
        until("udev caught up", || {
            link(&by_name).is_some() && link(&node).is_some()
        })?;
    }
    for device in ["guest-a", "guest-b"] {
        remove(&linux, device)?;
    }
    Ok(())
}

/// Ctrl-C ends a wait at once and leaves no cookie; what a killed dmctl leaves is listed and can be
/// destroyed.
pub(crate) fn interrupted_wait_leaves_no_cookie() -> Result<(), String> {
    let udevd = Udevd::start()?;
    udevd.stop()?;
    let start = |device: &str| {
        let child = Command::new("dmctl")
            .args(["create", device, "--table", "0 1024 linear /dev/ram0 0"])
            .env_remove(DISABLE)
            .spawn()
            .map_err(|error| format!("dmctl: {error}"))?;
        until("a cookie is waited for", || is_waited_for(device))?;
        Ok::<_, String>(child)
    };
    for (device, number, left) in [
        ("guest-a", 2, 0),
        ("guest-b", 15, 0),
        ("guest-c", 1, 0),
        ("guest-d", 9, 1),
    ] {
        let mut waiting = start(device)?;
        run(&format!("kill -{number} {}", waiting.id()))?;
        let ended = waiting.wait().map_err(|error| error.to_string())?;
        equal(
            device,
            &format!("{:?}", ended.signal()),
            &format!("{:?}", Some(number)),
        )?;
        let listed = Cookie::list().map_err(|error| error.to_string())?;
        equal("cookies left", &listed.len().to_string(), &left.to_string())?;
    }
    let listed = with_udev("dmctl udevcookies")?;
    if !listed.contains("0xd4d") && listed.lines().count() < 2 {
        return Err(format!("no cookie is listed: {listed}"));
    }
    with_udev("dmctl udevcomplete_all -y")?;
    no_semaphores()?;
    udevd.signal("CONT")?;
    let linux = linux(BOUND)?;
    for device in ["guest-a", "guest-b", "guest-c", "guest-d"] {
        let node = format!("/dev/mapper/{device}");
        until("udev caught up", || link(&node).is_some())?;
        remove(&linux, device)?;
    }
    Ok(())
}

/// Whether a device's command waits: its event is raised, and nobody would add another.
fn is_waited_for(device: &str) -> bool {
    // The event is counted up before the device is resumed, and the one who waits down after it.
    let resumed = linux(BOUND).is_ok_and(|linux| {
        let info = Dm::new(linux).info(name(device), Slot::Active);
        info.is_ok_and(|info| info.flags.contains(DeviceFlags::ACTIVE_PRESENT))
    });
    let listed = Cookie::list().unwrap_or_default();
    resumed && matches!(&listed[..], [cookie] if cookie.value == 1)
}

/// A killed udev costs nothing, even if it is killed while it is waited for, or in the middle of a
/// batch.
pub(crate) fn killed_udev_is_not_waited_for() -> Result<(), String> {
    let mut udevd = Udevd::start()?;
    let linux = linux(BOUND)?;
    udevd.stop()?;
    let waiting = thread::spawn(move || {
        let how = make(&linux, "guest-a");
        (linux, how)
    });
    until("a cookie is waited for", || is_waited_for("guest-a"))?;
    udevd.kill().map_err(|error| format!("udevd: {error}"))?;
    let (linux, how) = waiting.join().map_err(|_| "the thread panicked")?;
    equal_how(how?, How::Unanswered(UdevState::Dead))?;
    equal_how(make(&linux, "guest-b")?, How::Own)?;
    let mut udevd = Udevd::start()?;
    let batch = linux.batch();
    let before = resumed(&batch, "guest-c")?;
    udevd.kill().map_err(|error| format!("udevd: {error}"))?;
    let after = resumed(&batch, "guest-d")?;
    println!("guest-c and guest-d: {}", batch.wait());
    for (device, number) in [("guest-c", before), ("guest-d", after)] {
        has_node(device, number)?;
    }
    for device in ["guest-a", "guest-b", "guest-c", "guest-d"] {
        remove(&linux, device)?;
    }
    Ok(())
}

/// Without any udev, nodes are made as they always were.
pub(crate) fn absent_udev_is_not_missed() -> Result<(), String> {
    let linux = linux(BOUND)?;
    equal_how(make(&linux, "guest-a")?, How::Own)?;
    remove(&linux, "guest-a")
}

/// From another IPC namespace, where udev sees no semaphores, nodes come all the same: at once
/// where udev's process can be seen, and else after a second.
pub(crate) fn other_ipc_namespace_is_noticed() -> Result<(), String> {
    let _udevd = Udevd::start()?;
    for (namespaces, device) in [("-i", "guest-a"), ("-ipf", "guest-b")] {
        let start = Instant::now();
        with_udev(&format!(
            "unshare {namespaces} dmctl create {device} --table 0~1024~linear~/dev/ram0~0"
        ))?;
        println!("unshare {namespaces}: {:?}", start.elapsed());
        if link(&format!("/dev/mapper/{device}")).is_none() {
            return Err(format!("udev made no link for {device}"));
        }
        with_udev(&format!("unshare {namespaces} dmctl remove {device}"))?;
        equal_links(&format!("/dev/mapper/{device}"), None)?;
        if start.elapsed() > Duration::from_secs(20) {
            return Err(format!("{:?} is a time-out", start.elapsed()));
        }
    }
    no_semaphores()
}
