// Every limit of what a peer may send, in one table (docs/wire.md repeats it; tests/unit/wire
// compares the two).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace calbox::wire::limits {

inline constexpr std::size_t frame_bytes = 128 * 1024;          // one frame's payload
inline constexpr std::size_t message_bytes = 1024 * 1024;       // one message, over several frames
inline constexpr std::size_t envelope_body_bytes = 256 * 1024;  // sealed body
inline constexpr std::size_t envelope_bytes = 900 * 1024;       // header + wraps + body
inline constexpr std::size_t earlier_bytes = 256 * 1024;        // earlier versions at once, or one
inline constexpr std::size_t api_body_bytes = 1024 * 1024;      // a JSON request of the local API
inline constexpr std::size_t name_bytes = 255;                  // a title, a place, a file name
inline constexpr std::size_t notes_bytes = 64 * 1024;           // the info of an event
inline constexpr std::size_t categories = 16;                   // of an event
inline constexpr std::size_t category_bytes = 64;               // the name of one
inline constexpr std::size_t participants = 10'000;
inline constexpr std::uint64_t stream_number_most = std::uint64_t{1} << 48;
inline constexpr std::size_t takeovers = 256;        // of one event
inline constexpr std::size_t strategy_epochs = 100;  // of a network
inline constexpr std::size_t strategy_settings_bytes = 512;
inline constexpr std::size_t files_per_event = 1'000;
inline constexpr std::uint64_t file_bytes = std::uint64_t{1} << 40;
inline constexpr std::size_t leaf_bytes = 64 * 1024;  // plaintext of a file's leaf
inline constexpr std::size_t leaf_hashes_per_message = 16'384;
inline constexpr std::size_t roots_per_message = 2'000;
inline constexpr std::size_t small_files_per_message = 256;
inline constexpr std::size_t small_files_bytes = 128 * 1024;  // in one answer; one file goes alone
inline constexpr std::size_t needs_per_file = 200;  // one that more need is kept for good
inline constexpr std::size_t events_per_question = 500;
inline constexpr std::size_t handler_bytes = 32;         // the name in a question
inline constexpr std::size_t resolve_bytes = 64 * 1024;  // the body of a question
inline constexpr std::size_t resolve_hops = 3;
inline constexpr std::size_t objects_per_message = 2'000;
inline constexpr std::size_t news_per_message = 64;      // of members
inline constexpr std::size_t watched_per_message = 500;  // users and devices
inline constexpr std::size_t objects_per_device = 20'000;
inline constexpr std::chrono::days free_busy_days{62};  // of one question
inline constexpr std::size_t busy_times = 1'000;        // of one answer
inline constexpr std::size_t open_events = 500;         // of one organizer
inline constexpr std::size_t join_secret_bytes = 16;
inline constexpr std::size_t joins_waiting = 100;    // of one user on one device
inline constexpr std::size_t joins_at_once = 2'000;  // in one version of an event
inline constexpr std::size_t wrong_joins = 20;       // of one device in a minute
inline constexpr std::size_t addresses_per_device = 8;
inline constexpr std::size_t advertisement_bytes = 2048;
inline constexpr std::size_t users_per_device = 64;
inline constexpr std::size_t password_bytes = 1024;
inline constexpr std::uint64_t kdf_memory_least = 8 * 1024 * 1024;   // of Argon2id
inline constexpr std::uint64_t kdf_memory_most = 256 * 1024 * 1024;  // others pay it, too
inline constexpr std::uint32_t kdf_passes_most = 8;
inline constexpr std::size_t invitation_bytes = 2048;
inline constexpr std::size_t requests_in_flight = 256;  // of one session, each way
inline constexpr std::size_t send_queue_bytes = 8 * 1024 * 1024;
inline constexpr std::size_t sessions = 20'000;
inline constexpr std::size_t relays_per_device = 16;
inline constexpr std::chrono::seconds handshake_time{10};
inline constexpr std::chrono::seconds request_time{30};

}  // namespace calbox::wire::limits
