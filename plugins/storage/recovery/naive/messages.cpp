#include "messages.hpp"

namespace calbox::recovery {
namespace {

constexpr std::size_t item_overhead = 128;  // event id, order and the heads of CBOR, rounded up
constexpr std::size_t held_per_message = message_bytes / item_overhead;

}  // namespace

answer_writer::answer_writer(message_kind kind, std::uint32_t question) noexcept {
    open_.kind = kind;
    open_.question = question;
}

void answer_writer::add(item one) {
    const std::size_t size = one.envelope.size() + item_overhead;
    if (!open_.items.empty() && open_bytes_ + size > message_bytes - item_overhead) {
        close(false);
    }
    open_bytes_ += size;
    open_.items.push_back(std::move(one));
}

void answer_writer::close(bool last) {
    open_.last = last;
    closed_.push_back(codec::encode(open_));
    open_.items.clear();
    open_bytes_ = 0;
    ++open_.index;
}

std::vector<bytes> answer_writer::finish() {
    close(true);
    return std::move(closed_);
}

std::vector<bytes> check_update_messages(const held_list& held) {
    std::vector<bytes> messages;
    exchange_message question;
    question.kind = message_kind::check_update;
    std::size_t at = 0;
    do {
        const std::size_t end = std::min(held.size(), at + held_per_message);
        question.held.assign(held.begin() + static_cast<std::ptrdiff_t>(at),
                             held.begin() + static_cast<std::ptrdiff_t>(end));
        // The last question reaches to the end of all ids, the first from their beginning.
        question.through = end < held.size() ? std::optional(held[end - 1].first) : std::nullopt;
        messages.push_back(codec::encode(question));
        question.after = question.through;
        ++question.question;
        at = end;
    } while (at < held.size());
    return messages;
}

}  // namespace calbox::recovery
