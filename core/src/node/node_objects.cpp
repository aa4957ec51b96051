// What this node asks by the resolver and answers to it, and what it has in the object layer.
#include <algorithm>

#include "node/parts.hpp"

namespace calbox::node {

object_admin::~object_admin() = default;

namespace {

std::string name_of(overlay::resolver_policy policy) {
    switch (policy) {
        case overlay::resolver_policy::centralised:
            return "centralised";
        case overlay::resolver_policy::decentralised:
            return "decentralised";
        case overlay::resolver_policy::hybrid:
            break;
    }
    return "hybrid";
}

}  // namespace

task<result<bytes>> node_parts::where_devices_are(device_id from, wire::locate what) {
    if (rendezvous) {
        co_return co_await rendezvous->on_locate(from, std::move(what));
    }
    co_return codec::encode(overlay::locate_in(known, what));
}

void node_parts::add_questions() {
    asks->handle("devices",
                 [this](const net::peer& from, bytes body, std::uint32_t) -> task<result<bytes>> {
                     auto what = codec::decode<wire::locate>(body);
                     if (!what) {
                         co_return fail(std::move(what.error()));
                     }
                     co_return co_await where_devices_are(from.device, std::move(*what));
                 });
    asks->handle("objects", [this](const net::peer&, bytes body, std::uint32_t hops) {
        return objects->on_find(std::move(body), hops);
    });
    asks->handle("dial_back", [this](const net::peer& from, bytes body, std::uint32_t) {
        return dial_back(from, std::move(body));
    });
    asks->handle("punch", [this](const net::peer& from, bytes body, std::uint32_t) {
        return introduce_to_punch(from, std::move(body));
    });
    asks->handle("punch_now", [this](const net::peer& from, bytes body, std::uint32_t) {
        return dial_to_punch(from, std::move(body));
    });
}

/// Backups publish nothing: everybody knows them, and that they have everything.
void node_parts::begin_publishing() {
    for (const auto& [id, held] : replica->events().all()) {
        holds_object(held);
    }
    objects->start(plays(wire::role::rendezvous) || promotes());
}

void node_parts::holds_object(const file_root& root, bool here) {
    if (plays(wire::role::backup)) {
        return;
    }
    if (here) {
        objects->publish(overlay::object_of(root));
    } else {
        objects->unpublish(overlay::object_of(root));
    }
}

/// Only what is shared, in the version that is held: nobody else asks for the rest.
void node_parts::holds_object(const replica::held_event& now) {
    const envelope_header& header = now.header;
    if (plays(wire::role::backup) || header.type != event_kind::calendar) {
        return;
    }
    std::optional<overlay::object_id> object;
    if (header.kind == envelope_kind::put && !header.participants.empty()) {
        object = overlay::object_of(header.event, now.order.hash);
    }
    if (const auto before = shared_objects_.find(header.event); before != shared_objects_.end()) {
        if (object == before->second) {
            return;  // only who has it changed
        }
        objects->unpublish(before->second);
        shared_objects_.erase(before);
    }
    if (object) {
        shared_objects_.emplace(header.event, *object);
        objects->publish(*object);
    }
}

task<std::vector<device_id>> node_parts::holders_of(file_root root, std::size_t most) {
    const auto has_it = [root](const bytes& answer) {
        const auto reply = codec::decode<wire::holds_reply>(answer);
        return reply && std::ranges::count(reply->files, root) != 0;
    };
    const auto sent = co_await objects->send_to_object(wire::message_type::holds,
                                                       codec::encode(wire::holds{{}, {root}}),
                                                       overlay::object_of(root), most, has_it);
    std::vector<device_id> found;
    if (sent) {
        for (const auto& one : sent->acknowledged) {
            found.push_back(one.by);
        }
    }
    co_return found;
}

objects_view node_parts::show_objects() const {
    const auto mine = objects->show();
    const auto& counted = asks->counted();
    return {mine.held,
            mine.told,
            mine.copies,
            mine.objects,
            mine.entries,
            {name_of(asks->policy()), counted.asked, counted.answered, counted.invalid,
             routes.refused(wire::message_type::resolve)}};
}

task<result<holders_view>> node_parts::holders(user_id as, event_id which, std::uint32_t most) {
    const auto here = opened->open(which, as);
    if (!here) {
        co_return fail(here.error());
    }
    const auto& all = replica->events().all();
    const auto held = all.find(which);
    if (held == all.end()) {
        co_return fail(errc::not_found, "the event was removed meanwhile");
    }
    const auto object = overlay::object_of(which, held->second.order.hash);
    const auto has_it = [](const bytes& answer) {
        const auto reply = codec::decode<wire::holds_reply>(answer);
        return reply && reply->order;
    };
    const auto sent = co_await objects->send_to_object(
        wire::message_type::holds, codec::encode(wire::holds{which, {}}), object, most, has_it);
    if (!sent) {
        co_return fail(sent.error());
    }
    holders_view view;
    view.object = object.hex();
    view.found = sent->holders;
    for (const auto& one : sent->acknowledged) {
        const auto reply = codec::decode<wire::holds_reply>(one.answer);
        holder_view holder{one.by.hex(), {}, reply->order->version.value};
        if (const auto where = known.find(one.by)) {
            for (const user_id& user : where->users) {
                holder.users.push_back(names->name_of(user));
            }
        }
        view.answered.push_back(std::move(holder));
    }
    std::ranges::sort(view.answered, {}, &holder_view::device);
    co_return view;
}

}  // namespace calbox::node
