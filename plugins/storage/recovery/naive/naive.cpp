#include "naive.hpp"

#include <algorithm>

#include <openssl/evp.h>

namespace calbox::recovery {
namespace {

constexpr duration answer_time = std::chrono::seconds(10);  // without progress, for each round
constexpr std::uint32_t index_max = 4096;  // messages of one answer: more than 1.6 GB
constexpr std::size_t received_max =
    1'000'000;  // fingerprints kept; beyond, duplicates are only not noticed
constexpr std::uint64_t round_timer = 1;
constexpr std::uint64_t settled_timer = 2;

digest fingerprint(byte_view data) {
    digest value;
    EVP_Digest(data.data(), data.size(), value.value.data(), nullptr, EVP_sha256(), nullptr);
    return value;
}

result<std::vector<bytes>> get_respond(const view& theirs) {
    answer_writer answer(message_kind::get_respond, 0);
    const listing_ptr all = theirs.list();
    for (const listed& one : all->events) {
        if (auto encoded = theirs.load(one.event)) {
            answer.add({one.event, one.order, std::move(*encoded)});
        }
    }
    return answer.finish();
}

result<std::vector<bytes>> re_update(exchange_message asked, const view& theirs) {
    if (!std::ranges::is_sorted(asked.held)) {
        std::ranges::sort(asked.held);
    }
    answer_writer answer(message_kind::re_update, asked.question);
    const listing_ptr all = theirs.list();
    auto at = asked.after ? std::ranges::upper_bound(all->events, *asked.after, {}, &listed::event)
                          : all->events.begin();
    auto held = asked.held.begin();
    for (; at != all->events.end() && (!asked.through || at->event <= *asked.through); ++at) {
        while (held != asked.held.end() && held->first < at->event) {
            ++held;
        }
        if (held == asked.held.end() || held->first != at->event || held->second < at->order) {
            if (auto encoded = theirs.load(at->event)) {
                answer.add({at->event, at->order, std::move(*encoded)});
            }
        }
    }
    return answer.finish();
}

}  // namespace

result<std::vector<bytes>> naive::respond(byte_view asked, const view& theirs, context) {
    auto question = codec::decode<exchange_message>(asked);
    if (!question) {
        return fail(question.error());
    }
    switch (question->kind) {
        case message_kind::get_file:
            return get_respond(theirs);
        case message_kind::check_update:
            return re_update(std::move(*question), theirs);
        case message_kind::get_respond:
        case message_kind::re_update:
            break;
    }
    return fail(errc::malformed, "a recovery message that is not a question");
}

void naive_initiator::step(const input& what, const view& mine, context,
                           std::vector<effect>& effects) {
    std::visit([&](const auto& one) { on(one, mine, effects); }, what);
}

void naive_initiator::on(const begin& what, const view& mine, effects_type& effects) {
    if (phase_ != phase::idle) {
        return;
    }
    backups_ = what.backups;
    phase_ = phase::friends;
    ask_friends(what.friends, effects);
    advance(mine, effects);
}

void naive_initiator::ask_friends(const std::vector<device_id>& friends, effects_type& effects) {
    exchange_message question;
    question.kind = message_kind::get_file;
    const bytes body = codec::encode(question);
    for (const device_id& device : friends) {
        if (waiting_.emplace(device, answers{{0, {}}}).second) {
            effects.push_back(send{device, body});
        }
    }
    if (!waiting_.empty()) {
        ++rounds_;
        effects.push_back(set_timer{round_timer, answer_time});
    }
}

void naive_initiator::ask_backups(const view& mine, effects_type& effects) {
    held_list held;
    const listing_ptr all = mine.list();
    for (const listed& one : all->events) {
        held.emplace_back(one.event, one.order);
    }
    const std::vector<bytes> questions = check_update_messages(held);
    answers expected;
    for (std::uint32_t i = 0; i < questions.size(); ++i) {
        expected[i];
    }
    for (const device_id& device : backups_) {
        if (waiting_.emplace(device, expected).second) {
            for (const bytes& body : questions) {
                effects.push_back(send{device, body});
            }
        }
    }
    ++rounds_;
    effects.push_back(set_timer{round_timer, answer_time});
}

void naive_initiator::on(const message& what, const view& mine, effects_type& effects) {
    const auto peer = waiting_.find(what.from);
    const message_kind expected =
        phase_ == phase::friends ? message_kind::get_respond : message_kind::re_update;
    auto read = codec::decode<exchange_message>(what.body);
    if (peer == waiting_.end() || !read || read->kind != expected || read->index >= index_max) {
        return;
    }
    const auto question = peer->second.find(read->question);
    if (question == peer->second.end() || !question->second.indices.insert(read->index).second) {
        return;  // answered already, or this message came twice
    }
    if (read->last) {
        question->second.last = read->index;
    }
    take(what.from, read->items, mine, effects);
    if (question->second.complete()) {
        peer->second.erase(question);
    }
    if (peer->second.empty()) {
        waiting_.erase(peer);
    }
    effects.push_back(
        set_timer{round_timer, answer_time});  // progress: whoever still sends is given time
    advance(mine, effects);
}

void naive_initiator::take(const device_id& from, std::vector<item>& items, const view& mine,
                           effects_type& effects) {
    for (item& one : items) {
        // The order is the sender's word. Believing it can only drop his own envelope; what another
        // one sends of the same event is dropped only when its bytes are the same.
        const auto held = mine.find(one.event);
        if (held && *held >= one.order) {
            ++duplicates_;
            continue;
        }
        if (received_.size() < received_max &&
            !received_.insert(fingerprint(one.envelope)).second) {
            ++duplicates_;
            continue;
        }
        effects.push_back(apply{from, std::move(one.envelope)});
    }
}

void naive_initiator::on(const peer_lost& what, const view& mine, effects_type& effects) {
    std::erase(backups_, what.device);
    if (waiting_.erase(what.device) != 0) {
        silent_.insert(what.device);
        advance(mine, effects);
    }
}

void naive_initiator::on(const timer& what, const view& mine, effects_type& effects) {
    if (what.tag == settled_timer && phase_ == phase::settling) {
        phase_ = phase::backups;
        if (!backups_.empty()) {
            ask_backups(mine, effects);
        }
        advance(mine, effects);
    } else if (what.tag == round_timer && (phase_ == phase::friends || phase_ == phase::backups)) {
        give_up_waiting();
        advance(mine, effects);
    }
}

void naive_initiator::give_up_waiting() {
    for (const auto& [device, left] : waiting_) {
        silent_.insert(device);
    }
    waiting_.clear();
}

void naive_initiator::advance(const view&, effects_type& effects) {
    if (!waiting_.empty()) {
        return;
    }
    if (phase_ == phase::friends && !backups_.empty()) {
        // Effects are performed in order, so this timer fires when all that the friends sent has
        // been applied: the list for the backups is then complete.
        phase_ = phase::settling;
        effects.push_back(set_timer{settled_timer, duration{}});
    } else if (phase_ == phase::friends || phase_ == phase::backups) {
        finish(effects);
    }
}

void naive_initiator::finish(effects_type& effects) {
    phase_ = phase::over;
    finished end;
    end.caught_up = silent_.empty();
    end.duplicates = duplicates_;
    end.rounds = rounds_;
    end.silent.assign(silent_.begin(), silent_.end());
    effects.push_back(std::move(end));
}

}  // namespace calbox::recovery
