//! A folder of one test's own, gone with it.

use std::path::{Path, PathBuf};
use std::{env, fs};

pub struct Folder(PathBuf);

impl Folder {
    /// `name` is the test's own among all tests.
    pub fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("pngpost-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file there, and gives its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
