//! Hash maps whose keys belong to the schedule: they are the same when it is repeated.

pub use real::collections::*;

pub mod hash_map {
    use real::hash::{BuildHasher, Hasher};

    use shuttle::rand::{Rng, thread_rng};

    pub use real::collections::hash_map::*;

    pub struct RandomState(u64);

    pub struct Key(u64);

    impl RandomState {
        #[expect(clippy::new_without_default, reason = "nobody asks for it")]
        pub fn new() -> Self {
            RandomState(thread_rng().r#gen())
        }
    }

    impl BuildHasher for RandomState {
        type Hasher = Key;

        fn build_hasher(&self) -> Key {
            Key(self.0)
        }
    }

    impl Hasher for Key {
        fn write(&mut self, _: &[u8]) {
            unimplemented!("only the hash of nothing is asked for");
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }
}
