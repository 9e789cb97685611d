//! The file shim: a library that stands between a program and its files.
//!
//! The actors: a *child*, the very program that is shipped, started with the library preloaded;
//! and a test, which counts the child's syncs, or kills it and looks at the *shadow*, the copy of
//! what a disk would still hold after a power cut (`shim/shadow.c` says how it is kept).
//!
//! The library is C, built on first use with the system's compiler: what is preloaded into another
//! program must bring no runtime of its own. Only a test that uses it needs the compiler.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The sources, in `shim/`.
const SOURCES: [&str; 2] = ["calls.c", "shadow.c"];

/// The library, built.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
}

impl Shim {
    /// Builds the library.
    ///
    /// # Panics
    /// When there is no C compiler, or it fails.
    pub fn build() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = here.join("../../target/shim");
        std::fs::create_dir_all(&target).expect("make the folder of the shim");
        let library = target.join("files.so");
        // Another test may be building it too: each builds its own, and the last one's stays.
        let own = target.join(format!("files-{}.so", std::process::id()));
        let status = Command::new("cc")
            .args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(&own)
            .args(SOURCES.map(|source| here.join("shim").join(source)))
            .args(["-ldl", "-lpthread"])
            .status()
            .expect("start cc");
        assert!(status.success(), "the shim does not compile");
        std::fs::rename(&own, &library).expect("put the shim in place");
        Self { library }
    }

    /// The library, for a program that arms its children itself.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Has a child count its syncs. The count outlives the child.
    ///
    /// # Panics
    /// When the file of the count cannot be made.
    pub fn count_syncs(&self, child: &mut Command, counter: &Path) -> Syncs {
        let file = File::create(counter).expect("make the counter");
        file.set_len(8).expect("make the counter");
        child.env("LD_PRELOAD", &self.library).env("FILE_SHIM_SYNCS", counter);
        Syncs::at(counter)
    }

    /// Has a child keep a shadow of a directory. Both must exist and be absolute, without links.
    pub fn keep_shadow(&self, child: &mut Command, data: &Path, shadow: &Path) {
        child.env("LD_PRELOAD", &self.library).env("FILE_SHIM_DATA", data).env("FILE_SHIM_SHADOW", shadow);
    }
}

/// How many syncs a child has made.
#[derive(Clone, Debug)]
pub struct Syncs(PathBuf);

impl Syncs {
    /// The count kept in a file.
    pub fn at(counter: &Path) -> Self {
        Self(counter.to_owned())
    }

    /// The count now.
    ///
    /// # Panics
    /// When the file is gone or cut short.
    pub fn count(&self) -> u64 {
        let bytes = std::fs::read(&self.0).expect("read the counter");
        u64::from_ne_bytes(bytes.try_into().expect("a counter of eight bytes"))
    }
}
