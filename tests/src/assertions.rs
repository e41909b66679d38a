//! A C program that is nothing but assertions about our constants, for a compiler to judge.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// How many programs were compiled.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The program so far.
#[derive(Default)]
pub struct Assertions(String);

/// The C compiler for NetBSD that `DM_NETBSD_CC` names; `tests/run netbsd` sets it.
pub fn compiler() -> PathBuf {
    let compiler = std::env::var_os("DM_NETBSD_CC").expect("DM_NETBSD_CC is set");
    compiler.into()
}

impl Assertions {
    /// A program that includes `headers`.
    pub fn with(headers: &[&str]) -> Assertions {
        let mut program = Assertions::default();
        for header in headers {
            program.include(header);
        }
        program
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) -> &mut Assertions {
        writeln!(self.0, "{line}").expect("a string takes it");
        self
    }

    /// Defines a macro as 1.
    pub fn define(&mut self, name: &str) -> &mut Assertions {
        self.line(format_args!("#define {name} 1"))
    }

    /// Includes a header.
    pub fn include(&mut self, header: &str) -> &mut Assertions {
        self.line(format_args!("#include <{header}>"))
    }

    /// Asserts that C's expression is our number.
    pub fn number(&mut self, expression: &str, ours: impl Into<u64>) -> &mut Assertions {
        let ours = ours.into();
        self.line(format_args!(
            "_Static_assert(({expression}) == {ours}ull, \"ours is {ours:#x}\");"
        ))
    }

    /// The same of a number of bytes, or of something that is counted.
    pub fn size(&mut self, expression: &str, ours: usize) -> &mut Assertions {
        self.number(
            expression,
            u64::try_from(ours).expect("it has at most 64 bits"),
        )
    }

    /// Asserts that C's expression is our text.
    pub fn text(&mut self, expression: &str, ours: &str) -> &mut Assertions {
        self.line(format_args!(
            "_Static_assert(__builtin_strcmp({expression}, {ours:?}) == 0, \"ours is {ours}\");"
        ))
    }

    /// What the compiler says.
    ///
    /// # Panics
    /// If it can not be run.
    pub fn compile(&self, compiler: &Path) -> Output {
        // zig makes a file of its own choice if it is to write to /dev/null.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("assertions-{}-{count}.o", std::process::id());
        let object = std::env::temp_dir().join(name);
        let mut child = Command::new(compiler)
            .args(["-x", "c", "-c", "-", "-o"])
            .arg(&object)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", compiler.display()));
        let mut stdin = child.stdin.take().expect("it is a pipe");
        stdin
            .write_all(self.0.as_bytes())
            .expect("the compiler reads");
        drop(stdin);
        let output = child.wait_with_output().expect("the compiler ends");
        // There is none if an assertion does not hold.
        let _ = std::fs::remove_file(object);
        output
    }

    /// Lets the compiler judge.
    ///
    /// # Panics
    /// If an assertion does not hold, with what the compiler says.
    #[track_caller]
    pub fn hold(&self, compiler: &Path) {
        let output = self.compile(compiler);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{}", self.0);
    }
}
