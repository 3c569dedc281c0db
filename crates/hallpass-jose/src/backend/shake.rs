//! SHAKE256, [FIPS 202](https://doi.org/10.6028/NIST.FIPS.202), which the backend does not offer by itself.
//!
//! It is used for values that are no secret of ours, such as `at_hash`.

/// So many bytes of SHAKE256 of the data.
pub(crate) fn shake256<const N: usize>(data: &[u8]) -> [u8; N] {
    let mut state = [0_u64; LANES];
    let mut blocks = data.chunks_exact(RATE);
    for block in blocks.by_ref() {
        absorb(&mut state, block);
        permute(&mut state);
    }
    let mut last = [0_u8; RATE];
    let rest = blocks.remainder();
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    if let Some(end) = last.get_mut(rest.len()) {
        *end ^= 0x1f;
    }
    if let Some(end) = last.last_mut() {
        *end ^= 0x80;
    }
    absorb(&mut state, &last);
    let mut out = [0; N];
    for part in out.chunks_mut(RATE) {
        permute(&mut state);
        let bytes = state.iter().flat_map(|lane| lane.to_le_bytes());
        for (to, from) in part.iter_mut().zip(bytes) {
            *to = from;
        }
    }
    out
}

fn absorb(state: &mut [u64; LANES], block: &[u8]) {
    for (lane, bytes) in state.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane ^= u64::from_le_bytes(*bytes);
    }
}

/// Keccak-f[1600], FIPS 202 §3.3.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "all indexes run over the five by five lanes"
)]
fn permute(state: &mut [u64; LANES]) {
    for constant in ROUNDS {
        let mut columns = [0; 5];
        for (x, column) in columns.iter_mut().enumerate() {
            *column = (0..5).fold(0, |sum, y| sum ^ state[x + 5 * y]);
        }
        for x in 0..5 {
            let effect = columns[(x + 4) % 5] ^ columns[(x + 1) % 5].rotate_left(1);
            for y in 0..5 {
                state[x + 5 * y] ^= effect;
            }
        }
        let mut moving = state[1];
        for (to, by) in STEPS {
            moving = std::mem::replace(&mut state[to], moving.rotate_left(by));
        }
        for row in state.chunks_exact_mut(5) {
            let before = [row[0], row[1], row[2], row[3], row[4]];
            for (x, lane) in row.iter_mut().enumerate() {
                *lane = before[x] ^ (!before[(x + 1) % 5] & before[(x + 2) % 5]);
            }
        }
        state[0] ^= constant;
    }
}

const LANES: usize = 25;
/// Bytes that are absorbed or squeezed at a time.
const RATE: usize = 136;

/// Where each lane moves to, one after the other, and by how much it is rotated.
const STEPS: [(usize, u32); 24] = [
    (10, 1),
    (7, 3),
    (11, 6),
    (17, 10),
    (18, 15),
    (3, 21),
    (5, 28),
    (16, 36),
    (8, 45),
    (21, 55),
    (24, 2),
    (4, 14),
    (15, 27),
    (23, 41),
    (19, 56),
    (13, 8),
    (12, 25),
    (2, 43),
    (20, 62),
    (14, 18),
    (22, 39),
    (9, 61),
    (6, 20),
    (1, 44),
];

const ROUNDS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn outputs_are_those_of_other_implementations() {
        // Of one block, of one that fills it but for a byte, of exactly one, of two; longer than the rate.
        for (length, expected) in [
            (
                0,
                "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f",
            ),
            (
                3,
                "714501167ead924ea87e422993eea1e67df0ead7b93140c1109470fb66d50aaa",
            ),
            (
                135,
                "c45dae624ad8a2f5aa7bac9d7557737fd91c96eedb70a6be5574d57a844eade0",
            ),
            (
                136,
                "b7ff4073b3f5a8eabd6e17705ca7f6761a31058f9df781a6a47e3a3063b9d67a",
            ),
            (
                137,
                "01d90952c642a5eb2a8fc9d713f843a45d7ac05132dddcb2efc9bebc27e37bcb",
            ),
            (
                500,
                "20a1c001eb6aee7535706c02dbe70f2a39d87d3fda665f89706bea6211025657",
            ),
        ] {
            let data: Vec<u8> = (0..length)
                .map(|i| u8::try_from(i % 251).unwrap())
                .collect();
            assert_eq!(hex(&shake256::<32>(&data)), expected, "{length}");
        }
        let long = shake256::<200>(b"abc");
        assert_eq!(hex(&long[190..]), "3b677513771af6bfe119");
    }
}
