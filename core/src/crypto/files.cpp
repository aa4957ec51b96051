#include "crypto/files.hpp"

#include <algorithm>
#include <array>

#include <openssl/evp.h>

#include "crypto/primitives.hpp"

namespace calbox::crypto {

std::uint64_t leaf_count(std::uint64_t size) noexcept {
    return size == 0 ? 1 : (size - 1) / leaf_plain_bytes + 1;
}

std::size_t sealed_leaf_bytes(std::uint64_t size, std::uint64_t index) noexcept {
    const std::uint64_t count = leaf_count(size);
    if (index >= count) {
        return 0;
    }
    const std::uint64_t plain =
        index + 1 < count ? leaf_plain_bytes : size - index * leaf_plain_bytes;
    return static_cast<std::size_t>(plain) + leaf_tag_bytes;
}

std::uint64_t sealed_file_bytes(std::uint64_t size) noexcept {
    return size + leaf_count(size) * leaf_tag_bytes;
}

struct leaf_cipher::impl {
    EVP_CIPHER_CTX* seal = EVP_CIPHER_CTX_new();
    EVP_CIPHER_CTX* open = EVP_CIPHER_CTX_new();
    impl() = default;
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl() {
        EVP_CIPHER_CTX_free(seal);
        EVP_CIPHER_CTX_free(open);
    }
};

namespace {

std::array<std::uint8_t, 12> nonce_of(std::uint64_t index) {
    std::array<std::uint8_t, 12> nonce{};
    for (std::size_t i = 0; i < 8; ++i) {
        nonce[11 - i] = static_cast<std::uint8_t>(index >> (8 * i));
    }
    return nonce;
}

}  // namespace

leaf_cipher::leaf_cipher(byte_view key32) : impl_(std::make_unique<impl>()) {
    EVP_EncryptInit_ex(impl_->seal, EVP_aes_256_gcm(), nullptr, key32.data(), nullptr);
    EVP_DecryptInit_ex(impl_->open, EVP_aes_256_gcm(), nullptr, key32.data(), nullptr);
}
leaf_cipher::~leaf_cipher() = default;

bytes leaf_cipher::seal(std::uint64_t index, byte_view plain) {
    const auto nonce = nonce_of(index);
    bytes sealed(plain.size() + leaf_tag_bytes);
    int length = 0;
    EVP_EncryptInit_ex(impl_->seal, nullptr, nullptr, nullptr, nonce.data());
    EVP_EncryptUpdate(impl_->seal, sealed.data(), &length, plain.data(),
                      static_cast<int>(plain.size()));
    int rest = 0;
    EVP_EncryptFinal_ex(impl_->seal, sealed.data() + length, &rest);
    EVP_CIPHER_CTX_ctrl(impl_->seal, EVP_CTRL_GCM_GET_TAG, leaf_tag_bytes,
                        sealed.data() + plain.size());
    return sealed;
}

result<bytes> leaf_cipher::open(std::uint64_t index, byte_view sealed) {
    if (sealed.size() < leaf_tag_bytes || sealed.size() > leaf_sealed_bytes) {
        return fail(errc::malformed, "a leaf of the wrong length");
    }
    const auto nonce = nonce_of(index);
    const std::size_t size = sealed.size() - leaf_tag_bytes;
    bytes plain(size);
    bytes tag(sealed.end() - leaf_tag_bytes, sealed.end());
    int length = 0;
    EVP_DecryptInit_ex(impl_->open, nullptr, nullptr, nullptr, nonce.data());
    EVP_DecryptUpdate(impl_->open, plain.data(), &length, sealed.data(), static_cast<int>(size));
    EVP_CIPHER_CTX_ctrl(impl_->open, EVP_CTRL_GCM_SET_TAG, leaf_tag_bytes, tag.data());
    int rest = 0;
    if (EVP_DecryptFinal_ex(impl_->open, plain.data() + length, &rest) != 1) {
        return fail(errc::mismatch, "a leaf that does not open with this key");
    }
    return plain;
}

digest leaf_hash(byte_view sealed) {
    const std::uint8_t prefix = 0;
    return sha256({byte_view(&prefix, 1), sealed});
}

file_root root_of(std::vector<digest> leaves, std::uint64_t size) {
    const std::uint8_t node = 1;
    while (leaves.size() > 1) {
        std::vector<digest> above;
        for (std::size_t i = 0; i < leaves.size(); i += 2) {
            above.push_back(i + 1 < leaves.size() ? sha256({byte_view(&node, 1), leaves[i].view(),
                                                            leaves[i + 1].view()})
                                                  : leaves[i]);
        }
        leaves = std::move(above);
    }
    std::array<std::uint8_t, 10> prefix{2, 1};
    for (std::size_t i = 0; i < 8; ++i) {
        prefix[9 - i] = static_cast<std::uint8_t>(size >> (8 * i));
    }
    return *file_root::from_bytes(sha256({byte_view(prefix), leaves.front().view()}).view());
}

}  // namespace calbox::crypto
