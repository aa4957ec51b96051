// The bytes of one simulated file: as the page cache has them, and what of them the platter does
// not have yet. Owned by its disk; one thread. A value: copies are independent.
#pragma once

#include <array>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include <calbox/bytes.hpp>
#include <calbox/environment.hpp>

namespace calbox::lab {

/// Bytes that grow without moving: a log of megabytes would else be copied at each doubling.
class growing_bytes {
public:
    std::size_t size() const noexcept { return size_; }
    /// Cuts off, or adds zeros.
    void resize(std::size_t length);
    /// Both stay within size().
    void read(std::size_t offset, std::span<std::uint8_t> into) const noexcept;
    void write(std::size_t offset, byte_view data) noexcept;
    bool contains(std::string_view text) const;
    bytes joined() const;

private:
    byte_view used_of(std::size_t part) const noexcept;

    std::vector<bytes> parts_;  // of one length each; zeros behind size()
    std::size_t size_ = 0;
};

class cached_bytes {
public:
    static constexpr std::size_t sector_bytes = 512;

    std::uint64_t length() const noexcept { return now_.size(); }
    /// How many bytes there were to read.
    std::size_t read(std::uint64_t offset, std::span<std::uint8_t> into) const noexcept;
    void write(std::uint64_t offset, byte_view data);
    /// Cuts off, or adds zeros.
    void resize(std::uint64_t length);

    /// An fsync that succeeded: the platter has what was written. Except for what an earlier fsync
    /// failed to bring there, which the kernel counts as written.
    void synced();
    /// An fsync that failed, as on Linux: any of the sectors may have been written, the rest counts
    /// as written from now on, and the cache keeps it or forgets it.
    void sync_failed(random& chance);
    /// What is on the platter after a power cut: of each unsynced sector any of the versions that
    /// it has had, or a torn mixture of two.
    void power_cut(random& chance);

    std::size_t unsynced_sectors() const noexcept { return unsynced_.size(); }
    bool durable() const noexcept;
    /// In the cache, or on the platter.
    bool contains(std::string_view text) const;
    bytes contents() const { return now_.joined(); }

private:
    using sector = std::array<std::uint8_t, sector_bytes>;
    /// A sector whose content on the platter is not that of the cache.
    struct unsynced {
        /// The platter's first, then what the cache had later. Without any the platter has zeros.
        std::vector<sector> before;
        bool given_up = false;  // a failed fsync counts it as written: no later one writes it
    };

    sector cached(std::uint64_t number) const noexcept;
    void put(std::uint64_t number, const sector& content);
    void about_to_change(std::uint64_t first, std::uint64_t last);
    std::uint64_t cut_length(random& chance);
    static sector torn(sector later, const sector& earlier, random& chance);
    growing_bytes platter() const;

    growing_bytes now_;
    std::uint64_t platter_length_ = 0;
    std::uint64_t shortest_ = 0;  // since the last sync
    std::map<std::uint64_t, unsynced> unsynced_;
};

/// How likely one of several unsynced changes survives a power cut. Often all do or none does: a
/// fair coin for each would hardly ever show these two.
class survival {
public:
    explicit survival(random& chance) noexcept;
    bool next() noexcept;

private:
    random& chance_;
    std::uint64_t of_256_;
};

}  // namespace calbox::lab
