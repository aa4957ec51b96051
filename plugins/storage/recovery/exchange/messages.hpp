// What two sides of a recovery by difference say to each other, as CBOR (README.md). Each message
// stands alone, since the responder keeps no state; the parts of a long answer are numbered.
// Values.
#pragma once

#include <optional>
#include <vector>

#include "hashes.hpp"
#include "numbers.hpp"

namespace calbox::recovery {

enum class question_kind : std::uint8_t {
    held = 1,         // CHECKUPDATE: what the asker holds
    want = 2,         // these, please
    fingerprint = 3,  // how many and the sum of their hashes
    sketch = 4,       // symbols of what the asker holds
    symbols = 5,      // symbols [from, to) of what the responder holds, please
    numbers = 6,      // which numbers of streams need not come
};

enum class reply_form : std::uint8_t {
    envelopes = 1,  // of one share of the events; of the others, what they are
    ids = 2,        // what they are
    count = 3,      // the fingerprint
    sketch = 4,     // symbols
    cheapest = 5,   // symbols, or what they are, whatever is shorter
};

struct question {
    question_kind kind = question_kind::held;
    std::uint32_t number = 0;
    reply_form reply = reply_form::envelopes;
    std::optional<event_id> after, through;  // held: all there is with after < event <= through
    std::optional<bytes> held;               // packed; want: what the asker has a version of
    std::optional<bytes> events;             // want: packed, without orders
    std::optional<bytes> hashes;             // want: of 8 bytes each, under the key
    std::optional<bytes> key;                // 16 bytes
    std::optional<std::uint64_t> count, sum;
    std::optional<std::uint32_t> part, parts;  // which share of the events, by key
    std::optional<bool> others;                // say what there is of the other shares
    std::optional<bytes> symbols;
    std::optional<std::uint32_t> from, to;
    std::optional<bytes> numbers;  // packed; want: those that are to come

    static constexpr auto fields =
        std::tuple(codec::field<1>(&question::kind), codec::field<2>(&question::number),
                   codec::field<3>(&question::reply), codec::field<4>(&question::after),
                   codec::field<5>(&question::through), codec::field<6>(&question::held),
                   codec::field<7>(&question::events), codec::field<8>(&question::hashes),
                   codec::field<9>(&question::key), codec::field<10>(&question::count),
                   codec::field<11>(&question::sum), codec::field<12>(&question::part),
                   codec::field<13>(&question::parts), codec::field<14>(&question::others),
                   codec::field<15>(&question::symbols), codec::field<16>(&question::from),
                   codec::field<17>(&question::to), codec::field<18>(&question::numbers));
};

enum class answer_kind : std::uint8_t {
    items = 16,      // envelopes, ids
    same = 17,       // of a fingerprint: nothing differs
    count = 18,      // of a fingerprint
    symbols = 19,    // of a fingerprint, or as asked for
    undecoded = 20,  // of a sketch: it was too short
};

struct answer {
    answer_kind kind = answer_kind::items;
    std::uint32_t number = 0;  // of the question
    std::uint32_t index = 0;   // among the messages of this answer
    bool last = false;
    std::optional<bytes> list;  // packed: what `envelopes` are, in the same order; not by numbers
    std::optional<std::vector<bytes>> envelopes;
    std::optional<bytes> offers;  // packed: what else there is
    std::optional<std::uint64_t> count, sum;
    std::optional<std::uint32_t> from;
    std::optional<bytes> symbols;
    std::optional<bytes> numbers;  // packed: what else there is, by its numbers

    static constexpr auto fields =
        std::tuple(codec::field<1>(&answer::kind), codec::field<2>(&answer::number),
                   codec::field<3>(&answer::index), codec::field<4>(&answer::last),
                   codec::field<5>(&answer::list), codec::field<6>(&answer::envelopes),
                   codec::field<7>(&answer::offers), codec::field<8>(&answer::count),
                   codec::field<9>(&answer::sum), codec::field<10>(&answer::from),
                   codec::field<11>(&answer::symbols), codec::field<12>(&answer::numbers));
};

/// A message is closed before it gets longer than this; an envelope that is longer by itself
/// travels alone.
inline constexpr std::size_t message_bytes = 400 * 1024;
inline constexpr std::uint32_t messages_per_answer = 4096;
inline constexpr std::size_t items_per_message = 16'384;
inline constexpr std::size_t symbols_per_message = 24'576;
/// What one known item costs in a list, about.
inline constexpr std::size_t listed_bytes = 12;
/// What a sketch finds at least, beyond the difference of the two counts.
inline constexpr std::uint64_t changed_least = 8;

/// Cuts one answer into messages.
class answer_writer {
public:
    answer_writer(std::uint32_t question, bool orders) noexcept : orders_(orders) {
        open_.number = question;
    }
    void envelope(const known& what, bytes encoded);
    /// One that the asker needs no word about.
    void envelope(bytes encoded);
    void offer(const known& what);
    /// To be said in the last message: all that is held, and what else there is.
    void tail(const hashed_set& all, bytes numbers);
    /// At least one message; the last says so.
    std::vector<bytes> finish();

private:
    void close(bool last);
    answer open_;
    bool orders_;
    std::vector<known> list_, offers_;
    std::vector<bytes> envelopes_;
    std::size_t open_bytes_ = 0;
    std::vector<bytes> closed_;
};

/// Symbols [from, from + symbols.size()) as messages of one answer.
std::vector<bytes> symbol_messages(std::uint32_t question, const std::vector<symbol>& symbols,
                                   std::size_t from, const hashed_set& set);

std::optional<sketch_key> key_of(const std::optional<bytes>& text) noexcept;

}  // namespace calbox::recovery
