#include "overlay/lan_search.hpp"

#include <algorithm>
#include <array>

#include "crypto/primitives.hpp"

namespace calbox::overlay {

namespace {

using namespace std::chrono_literals;

constexpr std::array<duration, 4> first_pauses{500ms, 1s, 2s, 4s};
constexpr std::size_t nonce_bytes = 16;
constexpr std::string_view asked_as = "calbox lan question 1", answered_as = "calbox lan answer 1";

}  // namespace

digest lan_search::tag_of(std::string_view purpose, byte_view nonce) const {
    return crypto::sha256({to_bytes(purpose), network_.view(), nonce});
}

duration lan_search::around(duration d) {
    const auto fifth = static_cast<std::uint64_t>((d / 5).count());
    return d - d / 5 + duration(static_cast<std::int64_t>(entropy_.below(2 * fifth + 1)));
}

instant lan_search::deadline(instant now) const noexcept {
    instant first = now + look_every;
    if (looking_ && ask_at_) {
        first = std::min(first, *ask_at_);
    }
    for (const waiting& one : answers_) {
        first = std::min(first, one.at);
    }
    return first;
}

lan_search::effects lan_search::on_time(bool looking, instant now) {
    effects all;
    for (const waiting& one : answers_) {
        if (now >= one.at) {
            all.push_back(one.what);
        }
    }
    std::erase_if(answers_, [now](const waiting& one) { return now >= one.at; });
    if (std::exchange(looking_, looking) != looking) {
        asked_ = 0;
        ask_at_ = now;
    }
    if (!looking || now < *ask_at_) {
        return all;
    }
    lan_message what;
    what.nonce.resize(nonce_bytes);
    entropy_.fill(what.nonce);
    what.tag = tag_of(asked_as, what.nonce);
    // Byte strings of that length have two bytes more of head than empty ones.
    what.padding.resize(question_bytes - codec::encode(what).size() - 2);
    nonces_.push_back(what.nonce);
    if (nonces_.size() > nonces_kept) {
        nonces_.pop_front();
    }
    all.push_back(ask{codec::encode(what)});
    ask_at_ =
        now + around(asked_ < first_pauses.size() ? first_pauses[asked_] : duration(ask_every));
    ++asked_;
    return all;
}

lan_search::effects lan_search::on_datagram(const std::string& from, byte_view data,
                                            const std::optional<wire::signed_advertisement>& mine,
                                            instant now) {
    auto what = codec::decode<lan_message>(data);
    if (!what || what->version != 1 || what->nonce.size() != nonce_bytes) {
        return {};
    }
    if (what->said) {
        if (std::ranges::count(nonces_, what->nonce) == 0 ||
            what->tag != tag_of(answered_as, what->nonce)) {
            return {};
        }
        return {found{std::move(*what->said)}};
    }
    const bool own = std::ranges::count(nonces_, what->nonce) > 0;
    if (own || !mine || what->tag != tag_of(asked_as, what->nonce) ||
        answers_.size() >= answers_waiting_most) {
        return {};
    }
    lan_message mine_is;
    mine_is.nonce = what->nonce;
    mine_is.tag = tag_of(answered_as, what->nonce);
    mine_is.said = mine;
    bytes payload = codec::encode(mine_is);
    if (payload.size() <= data.size()) {  // nobody is sent more than he sent
        // Not all that hear the question at once.
        const auto after = entropy_.below(static_cast<std::uint64_t>(answer_within.count()));
        answers_.push_back(
            {now + duration(static_cast<std::int64_t>(after)), {from, std::move(payload)}});
    }
    return {};
}

}  // namespace calbox::overlay
