// Events out of an archive of an account.
#include "replica/replicator.hpp"

namespace calbox::replica {

task<result<void>> replicator::restore(std::vector<restored_event> all, storing store) {
    batch writes;
    std::vector<event_store::guard> guards;
    std::vector<verified_envelope> next;
    for (restored_event& one : all) {
        const event_id event = one.current.header.event;
        auto guard = co_await store_.lock(event);
        guards.push_back(std::move(guard));
        for (auto& [what, record] : one.earlier) {
            const held_event* const held = store_.find(event);
            if (held == nullptr || held->order != what.order) {
                writes.put(record_kind::history, history_key(event, what.order),
                           codec::encode(record));
            }
        }
        if (!store_.is_newer(one.current)) {
            continue;
        }
        if (auto allowed = store_.permitted(one.current); !allowed) {
            co_return fail(std::move(allowed.error()));
        }
        store_.write_to(writes, one.current);
        next.push_back(std::move(one.current));
    }
    const auto stored = [this, &next] {
        for (verified_envelope& one : next) {
            publish(std::move(one));
        }
    };
    co_return co_await store(std::move(writes), stored);
}

void replicator::begin_anew(const user_id& organizer) {
    for (const auto& [id, held] : store_.all()) {
        const auto voters = epochs_.find(held.header.next_in);
        if (id.organizer != organizer || !voters) {
            continue;
        }
        consensus::group alone;
        alone.devices.push_back(with_.self);
        alone.organizer_device = with_.self;
        auto begins = (*voters)->begins(id, alone);
        if (!begins) {
            env_.log.write(log_level::warn, "consensus",
                           "the event " + mediator_.id_text(id) +
                               " cannot be decided about here: " + begins.error().message());
            continue;
        }
        consensus::inherit what = inherited(held);
        what.begins = std::move(*begins);
        (*voters)->inherit(std::move(what));
    }
}

}  // namespace calbox::replica
