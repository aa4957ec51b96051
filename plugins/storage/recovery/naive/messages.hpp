// What two sides of a naive recovery say to each other, as CBOR. Each message stands alone, since
// the responder keeps no state; the parts of a long answer are numbered. Values.
#pragma once

#include <optional>
#include <vector>

#include <calbox/envelope.hpp>

namespace calbox::recovery {

enum class message_kind : std::uint8_t {
    get_file = 1,
    get_respond = 2,
    check_update = 3,
    re_update = 4
};

/// An envelope with what the sender says it is.
struct item {
    event_id event;
    envelope_order order;
    bytes envelope;

    static constexpr auto fields =
        std::tuple(codec::field<1>(&item::event), codec::field<2>(&item::order),
                   codec::field<3>(&item::envelope));
};

using held_list = std::vector<std::pair<event_id, envelope_order>>;

struct exchange_message {
    message_kind kind = message_kind::get_file;
    std::uint32_t question =
        0;  // which CHECKUPDATE of the round this is, or answers; 0 in the first round
    std::uint32_t index = 0;  // of an answer: its place among the messages that answer one question
    bool last = false;        // of an answer: no index above this one
    std::vector<item> items;  // of an answer
    std::optional<event_id> after,
        through;  // of CHECKUPDATE: `held` is all there is with after < event <= through
    held_list held;

    static constexpr auto fields = std::tuple(
        codec::field<1>(&exchange_message::kind), codec::field<2>(&exchange_message::question),
        codec::field<3>(&exchange_message::index), codec::field<4>(&exchange_message::last),
        codec::field<5>(&exchange_message::items), codec::field<6>(&exchange_message::after),
        codec::field<7>(&exchange_message::through), codec::field<8>(&exchange_message::held));
};

/// A message is closed before it gets longer than this; an envelope that is longer by itself
/// travels alone.
inline constexpr std::size_t message_bytes = 400 * 1024;

/// Cuts a stream of envelopes into the messages of one answer.
class answer_writer {
public:
    answer_writer(message_kind kind, std::uint32_t question) noexcept;
    void add(item one);
    /// At least one message; the last says so.
    std::vector<bytes> finish();

private:
    void close(bool last);
    exchange_message open_;
    std::size_t open_bytes_ = 0;
    std::vector<bytes> closed_;
};

/// CHECKUPDATE: the whole of `held` (in event order), as one question or several.
std::vector<bytes> check_update_messages(const held_list& held);

}  // namespace calbox::recovery
