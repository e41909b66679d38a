//! A C program that is nothing but assertions about our constants, for a compiler to judge.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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
        let mut child = Command::new(compiler)
            .args(["-x", "c", "-c", "-", "-o", "/dev/null"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", compiler.display()));
        let mut stdin = child.stdin.take().expect("it is a pipe");
        stdin
            .write_all(self.0.as_bytes())
            .expect("the compiler reads");
        drop(stdin);
        child.wait_with_output().expect("the compiler ends")
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
