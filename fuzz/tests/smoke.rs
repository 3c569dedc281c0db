//! A bounded run of every fuzz target on stable Rust: seeds, and mutations of them from a fixed start.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of a test, outside its functions"
)]

use hallpass_fuzz::TARGETS;

const ROUNDS: usize = 20_000;

/// A small generator with a fixed start, so that a failure comes again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        if limit == 0 {
            0
        } else {
            usize::try_from(self.next() % limit as u64).unwrap()
        }
    }
}

const WORDS: &[&[u8]] = &[
    b"%00",
    b"%ff",
    b"\\",
    b"\"",
    b"..",
    b"//",
    b"#",
    b"@",
    b"null",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\xf0\x9f\x92\xa9",
    b"\xc0\xae",
    b"=",
    b"&",
    b".",
    b"hpc_",
    b"hpr_",
    b"e30",
    b"1e999",
    b"-1",
    b"\r\n",
    b" ",
    b"openid",
    b"client_id=",
    b"javascript:",
];

fn mutate(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(data.len() + 1);
        match random.below(6) {
            0 => data.insert(at, u8::try_from(random.below(256)).unwrap()),
            1 if at < data.len() => {
                data.remove(at);
            }
            2 if at < data.len() => data[at] ^= 1 << random.below(8),
            3 => {
                let word = WORDS[random.below(WORDS.len())];
                data.splice(at..at, word.iter().copied());
            }
            4 => {
                let copy = data[at..].to_vec();
                data.extend(copy);
                data.truncate(4096);
            }
            _ => data.truncate(at),
        }
    }
    data
}

#[test]
fn no_target_panics_on_mutated_seeds() {
    for (index, (name, target, seeds)) in TARGETS.iter().enumerate() {
        let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (index as u64 + 1));
        assert!(!seeds.is_empty(), "{name} has no seed");
        for seed in *seeds {
            target(seed);
            let mut current = seed.to_vec();
            for round in 0..ROUNDS {
                if round % 50 == 0 {
                    current = seed.to_vec();
                }
                current = mutate(&mut random, &current);
                target(&current);
            }
        }
    }
}
