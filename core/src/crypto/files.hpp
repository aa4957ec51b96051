// Files as leaves: 64 KiB of plaintext each, AES-256-GCM under a key used for this one encryption
// attempt, nonce = leaf index (12 bytes, big-endian), tag appended. The file's name is the root of
// a SHA-256 Merkle tree over the ciphertext leaves: leaf = H(0x00 + ciphertext), node = H(0x01 +
// left + right), an odd one moves up unchanged, root = H(0x02 + algorithm byte 1 + plaintext length
// as 8 bytes big-endian + top). An empty file has one empty leaf.
#pragma once

#include <memory>
#include <vector>

#include <calbox/bytes.hpp>
#include <calbox/error.hpp>
#include <calbox/ids.hpp>

namespace calbox::crypto {

inline constexpr std::size_t leaf_plain_bytes = 64 * 1024;
inline constexpr std::size_t leaf_tag_bytes = 16;
inline constexpr std::size_t leaf_sealed_bytes = leaf_plain_bytes + leaf_tag_bytes;

/// Number of leaves of a file of `size` plaintext bytes: at least one.
std::uint64_t leaf_count(std::uint64_t size) noexcept;
/// Length of leaf `index`'s ciphertext, tag included, for a file of `size` plaintext bytes; 0 past
/// the end.
std::size_t sealed_leaf_bytes(std::uint64_t size, std::uint64_t index) noexcept;
/// Length of the whole ciphertext.
std::uint64_t sealed_file_bytes(std::uint64_t size) noexcept;

/// One AES-256-GCM key schedule, used for every leaf of a file. Not shared between threads.
class leaf_cipher {
public:
    explicit leaf_cipher(byte_view key32);
    ~leaf_cipher();
    bytes seal(std::uint64_t index, byte_view plain);
    result<bytes> open(std::uint64_t index, byte_view sealed);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

digest leaf_hash(byte_view sealed);
/// `leaves` is not empty.
file_root root_of(std::vector<digest> leaves, std::uint64_t size);

}  // namespace calbox::crypto
