//! The name of a block's content, the same in every process: what a file or another machine knows a block by.

use sha2::{Digest, Sha256};

/// Names a block's content together with everything before it: SHA-256 over the name of the block before (for the first
/// block the salt), then the token ids as little-endian 32-bit integers.
pub type BlockName = [u8; 32];

/// What must be equal for two requests to share blocks besides the tokens: a digest of model, adapter and tenant.
pub type Salt = [u8; 32];

/// How names are made; tests put one with collisions in its place.
pub(crate) type NameBlock = fn(&BlockName, &[u32]) -> BlockName;

/// Tokens that are turned into bytes at a time.
const CHUNK: usize = 64;

/// The name of the block that holds `tokens` after the block named `parent`. O(tokens).
pub fn name_block(parent: &BlockName, tokens: &[u32]) -> BlockName {
    let mut digest = Sha256::new();
    digest.update(parent);
    let mut bytes = [0; 4 * CHUNK];
    for chunk in tokens.chunks(CHUNK) {
        for (place, token) in bytes.chunks_exact_mut(4).zip(chunk) {
            place.copy_from_slice(&token.to_le_bytes());
        }
        digest.update(&bytes[..4 * chunk.len()]);
    }
    digest.finalize().into()
}
