#include "lab/sim/chance.hpp"

#include <bit>
#include <cstring>

#define OPENSSL_SUPPRESS_DEPRECATED  // the only way to replace the source for one process
#include <openssl/rand.h>
#include <sodium.h>

#include "net/secure_channel.hpp"

namespace calbox::lab {

namespace {

std::uint64_t splitmix(std::uint64_t& state) noexcept {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

std::uint64_t seed_of(std::string_view name) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
    for (const char c : name) {
        hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ull;
    }
    return hash;
}

seeded* libraries = nullptr;

int openssl_bytes(unsigned char* out, int count) {
    libraries->fill({out, static_cast<std::size_t>(count)});
    return 1;
}
int openssl_status() { return 1; }
const RAND_METHOD openssl_method{nullptr, openssl_bytes, nullptr,
                                 nullptr, openssl_bytes, openssl_status};

const char* sodium_name() { return "calbox-lab"; }
std::uint32_t sodium_word() { return static_cast<std::uint32_t>(libraries->draw()); }
void sodium_bytes(void* const out, const std::size_t count) {
    libraries->fill({static_cast<std::uint8_t*>(out), count});
}
randombytes_implementation sodium_method{sodium_name, sodium_word,  nullptr,
                                         nullptr,     sodium_bytes, nullptr};

}  // namespace

seeded::seeded(std::uint64_t seed) noexcept {
    for (std::uint64_t& word : state_) {
        word = splitmix(seed);
    }
}

seeded::seeded(std::uint64_t seed, std::string_view name) noexcept : seeded(seed ^ seed_of(name)) {}

std::uint64_t seeded::draw() noexcept {
    const std::uint64_t answer = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return answer;
}

void seeded::fill(std::span<std::uint8_t> out) noexcept {
    while (!out.empty()) {
        const std::uint64_t word = draw();
        const std::size_t count = std::min(out.size(), sizeof word);
        std::memcpy(out.data(), &word, count);
        out = out.subspan(count);
    }
}

duration seeded::between(duration least, duration most) noexcept {
    const auto range = static_cast<std::uint64_t>((most - least).count());
    return least + duration(static_cast<duration::rep>(below(range + 1)));
}

library_chance::library_chance(seeded& source) {
    net::prepare_channels();  // the same random numbers in the first world of a process and later
    libraries = &source;
    RAND_set_rand_method(&openssl_method);
    randombytes_set_implementation(&sodium_method);
}

library_chance::~library_chance() {
    RAND_set_rand_method(RAND_OpenSSL());
    randombytes_set_implementation(&randombytes_sysrandom_implementation);
    libraries = nullptr;
}

}  // namespace calbox::lab
