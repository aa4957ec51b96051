#include "messages.hpp"

#include <algorithm>

namespace calbox::recovery {

void answer_writer::envelope(const known& what, bytes encoded) {
    envelope(std::move(encoded));
    list_.push_back(what);
}

void answer_writer::envelope(bytes encoded) {
    const std::size_t size = encoded.size() + packed_item_bytes;
    if (open_bytes_ > 0 && open_bytes_ + size > message_bytes) {
        close(false);
    }
    open_bytes_ += size;
    envelopes_.push_back(std::move(encoded));
}

void answer_writer::tail(const hashed_set& all, bytes numbers) {
    if (open_bytes_ > 0 && open_bytes_ + numbers.size() > message_bytes) {
        close(false);
    }
    open_bytes_ += numbers.size();
    open_.count = all.items.size();
    open_.sum = all.sum;
    if (!numbers.empty()) {
        open_.numbers = std::move(numbers);
    }
}

void answer_writer::offer(const known& what) {
    if (offers_.size() >= items_per_message || open_bytes_ + packed_item_bytes > message_bytes) {
        close(false);
    }
    open_bytes_ += listed_bytes;
    offers_.push_back(what);
}

void answer_writer::close(bool last) {
    if (!list_.empty()) {
        open_.list = pack(list_, orders_);
    }
    if (!envelopes_.empty()) {
        open_.envelopes = std::move(envelopes_);
    }
    if (!offers_.empty()) {
        open_.offers = pack(offers_, true);
    }
    open_.last = last;
    closed_.push_back(codec::encode(open_));
    ++open_.index;
    open_.list.reset();
    open_.envelopes.reset();
    open_.offers.reset();
    list_.clear();
    offers_.clear();
    envelopes_.clear();
    open_bytes_ = 0;
}

std::vector<bytes> answer_writer::finish() {
    close(true);
    return std::move(closed_);
}

std::vector<bytes> symbol_messages(std::uint32_t question, const std::vector<symbol>& symbols,
                                   std::size_t from, const hashed_set& set) {
    std::vector<bytes> messages;
    answer open;
    open.kind = answer_kind::symbols;
    open.number = question;
    open.count = set.items.size();
    std::size_t at = 0;
    do {
        const std::size_t end = std::min(symbols.size(), at + symbols_per_message);
        open.from = static_cast<std::uint32_t>(from + at);
        open.symbols = pack_symbols({symbols.begin() + static_cast<std::ptrdiff_t>(at),
                                     symbols.begin() + static_cast<std::ptrdiff_t>(end)},
                                    from + at, set.items.size());
        open.last = end == symbols.size();
        messages.push_back(codec::encode(open));
        ++open.index;
        at = end;
    } while (at < symbols.size());
    return messages;
}

std::optional<sketch_key> key_of(const std::optional<bytes>& text) noexcept {
    sketch_key key;
    if (!text || text->size() != key.size()) {
        return std::nullopt;
    }
    std::ranges::copy(*text, key.begin());
    return key;
}

}  // namespace calbox::recovery
