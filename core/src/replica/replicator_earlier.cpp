// Versions between. What may follow is judged by the version that is held: who takes part, and with
// what rights. Whoever was away lacks those by which the author of a later one came to take part,
// or got a right, and asks the sender for them; each is judged by the one before it.
#include "replica/replicator.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {

namespace {

constexpr int questions_max = 64;  // for one event

}  // namespace

bool replicator::skips_versions(const envelope_header& next) const {
    const held_event* const held = store_.find(next.event);
    return held != nullptr && held->header.generation == next.generation &&
           held->header.version.next() < next.version;
}

task<void> replicator::take_earlier(envelope_header than, device_id from) {
    const event_id which = than.event;
    for (int i = 0; i < questions_max && skips_versions(than); ++i) {
        const envelope_order before = store_.find(which)->order;
        auto question = codec::encode(wire::earlier{which, before});
        const auto answer =
            co_await mediator_.request(from, wire::message_type::earlier, std::move(question));
        auto reply = answer ? codec::decode<wire::earlier_reply>(*answer) : fail(answer.error());
        if (!reply || reply->versions.empty()) {
            co_return;
        }
        for (envelope& one : reply->versions) {
            auto next = co_await accept(std::move(one));
            if (!next || next->header.event != which) {
                co_return;
            }
            if (const auto taken = co_await take(std::move(*next)); !taken) {
                co_return;
            }
        }
        const held_event* const after = store_.find(which);
        if (after == nullptr || after->order == before) {
            co_return;
        }
    }
}

task<result<bytes>> replicator::on_earlier(std::vector<user_id> users, bool is_backup,
                                           wire::earlier what) {
    const auto kept = co_await earlier_.kept(what.event);
    if (!kept) {
        co_return fail(kept.error());
    }
    wire::earlier_reply reply;
    std::size_t size = 0;
    for (const past_version& one : *kept) {
        const envelope_order& order = one.what.order;
        if (order.generation != what.after.generation || order.version <= what.after.version) {
            continue;
        }
        const auto version = co_await earlier_.read(what.event, order);
        auto whole = version ? codec::decode<envelope>(version->encoded) : fail(version.error());
        // A notice of removal is no version.
        const bool may_have = version && version->header.kind != envelope_kind::removed_you &&
                              (is_backup || std::ranges::any_of(users, [&](const user_id& one_of) {
                                   return version->header.involves(one_of);
                               }));
        if (!whole || !may_have) {
            continue;
        }
        size += version->encoded.size();
        if (size > wire::limits::earlier_bytes && !reply.versions.empty()) {
            break;
        }
        reply.versions.push_back(std::move(*whole));
    }
    co_return codec::encode(reply);
}

}  // namespace calbox::replica
