// Which handler takes which message: the roles that this node plays register theirs.
#include "node/parts.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

using net::peer;
using wire::message_type;

void node_parts::add_routes() {
    routes.promoted = [this](const device_id& who) { return known.is_promoted(who); };
    // Every handler lives as long as the router, and so do the objects that its coroutines refer
    // to.
    const auto decoded = [this]<class Message, class Handler>(std::type_identity<Message>,
                                                              message_type type, Handler handler) {
        routes.answer(type, [handler](const peer& from, bytes payload) -> task<result<bytes>> {
            auto what = codec::decode<Message>(payload);
            if (!what) {
                co_return fail(std::move(what.error()));
            }
            co_return co_await handler(from, std::move(*what));
        });
    };
    const auto taken = [this]<class Message, class Handler>(std::type_identity<Message>,
                                                            message_type type, Handler handler) {
        routes.take(type, [handler](const peer& from, bytes payload) -> task<void> {
            auto what = codec::decode<Message>(payload);
            if (what) {
                co_await handler(from, std::move(*what));
            }
        });
    };

    add_registry_routes();
    routes.take(message_type::bindings, [this](const peer& from, bytes payload) -> task<void> {
        holding->on_peer(from.device);  // he may take part in what it was not asked about
        if (registry) {
            co_await registry->on_bindings(from, std::move(payload));
        }
    });
    decoded(std::type_identity<wire::strategies>(), message_type::strategies,
            [this](const peer&, wire::strategies what) -> task<result<bytes>> {
                hear_strategies(std::move(what));
                co_return codec::encode(book.told());
            });

    add_questions();
    // Of a software before there was the resolver.
    decoded(std::type_identity<wire::locate>(), message_type::locate,
            [this](const peer& from, wire::locate what) {
                talks_to(from.device);
                return where_devices_are(from.device, std::move(what));
            });
    routes.answer(message_type::resolve, [this](const peer& from, bytes payload) {
        talks_to(from.device);
        return asks->on_resolve(from, std::move(payload));
    });
    decoded(std::type_identity<wire::publish>(), message_type::publish,
            [this](const peer& from, wire::publish what) {
                talks_to(from.device);
                const bool leases =
                    (from.roles & wire::role::rendezvous) != 0 || known.is_promoted(from.device);
                return objects->on_publish(from, leases, std::move(what));
            });
    taken(std::type_identity<wire::presence>(), message_type::presence,
          [this](const peer& from, wire::presence what) -> task<void> {
              if (rendezvous && !acting_) {
                  rendezvous->on_presence(from.device, what);
              } else {
                  edge->on_presence(std::move(what));
              }
              co_return;
          });
    taken(std::type_identity<wire::advertise>(), message_type::advertise,
          [this](const peer& from, wire::advertise what) -> task<void> {
              if (known.hear(from.device, what.said)) {
                  edge->on_advertised(from.device);
              }
              co_return;
          });
    if (plays(wire::role::rendezvous) || promotes()) {
        add_rendezvous_routes();
    }
    taken(std::type_identity<wire::move>(), message_type::move,
          [this](const peer& from, wire::move what) -> task<void> {
              edge->on_move(from.device, std::move(what.to));
              co_return;
          });

    // A pipe without a number asks the rendezvous for one; with a number, a rendezvous brings it.
    decoded(std::type_identity<wire::relay_open>(), message_type::relay_open,
            [this](const peer& from, wire::relay_open what) -> task<result<bytes>> {
                if (what.pipe != 0) {
                    co_return co_await relays.on_open(from, std::move(what));
                }
                if (!relaying) {
                    co_return fail(errc::unsupported, "this device does not relay");
                }
                co_return co_await relaying->on_open(from.device, std::move(what));
            });
    taken(std::type_identity<wire::relay_data>(), message_type::relay_data,
          [this](const peer& from, wire::relay_data what) -> task<void> {
              if (relaying && relaying->carries(from.device, what.pipe)) {
                  co_await relaying->on_data(from.device, std::move(what));
              } else {
                  relays.on_data(from, std::move(what));
              }
          });
    taken(std::type_identity<wire::relay_close>(), message_type::relay_close,
          [this](const peer& from, wire::relay_close what) -> task<void> {
              if (relaying && relaying->carries(from.device, what.pipe)) {
                  co_await relaying->on_close(from.device, what);
              } else {
                  relays.on_close(from, what);
              }
          });

    decoded(std::type_identity<wire::update>(), message_type::update,
            [this](const peer& from, wire::update what) {
                return replica->on_update(from.device, std::move(what));
            });
    decoded(std::type_identity<wire::earlier>(), message_type::earlier,
            [this](const peer& from, wire::earlier what) {
                const bool is_backup = (from.roles & wire::role::backup) != 0;
                return replica->on_earlier(from.user_ids, is_backup, what);
            });
    taken(std::type_identity<wire::consensus_message>(), message_type::consensus,
          [this](const peer& from, wire::consensus_message what) -> task<void> {
              replica->on_consensus(from.device, std::move(what));
              co_return;
          });
    taken(std::type_identity<wire::lock>(), message_type::lock,
          [this](const peer& from, wire::lock what) -> task<void> {
              locks->on_lock(from.device, what);
              co_return;
          });
    taken(std::type_identity<wire::recovery_message>(), message_type::recovery,
          [this](const peer& from, wire::recovery_message what) {
              const bool is_backup = (from.roles & wire::role::backup) != 0;
              if (what.strategy == fingerprints::name) {
                  return prints->on_message(from, std::move(what));
              }
              if (what.files.value_or(false)) {
                  return keeper->on_recovery(from.device, is_backup, std::move(what));
              }
              return replica->on_recovery(from.device, from.user_ids, is_backup, std::move(what));
          });

    decoded(std::type_identity<wire::free_busy>(), message_type::free_busy,
            [this](const peer& from, wire::free_busy what) -> task<result<bytes>> {
                const auto reply = co_await busy->on_ask(from.user_ids, what);
                if (!reply) {
                    co_return fail(reply.error());
                }
                co_return codec::encode(*reply);
            });

    decoded(std::type_identity<wire::join_event>(), message_type::join_event,
            [this](const peer& from, wire::join_event what) -> task<result<bytes>> {
                const auto taken_in =
                    co_await opening->on_join(from.device, from.user_ids, std::move(what));
                if (!taken_in) {
                    co_return fail(taken_in.error());
                }
                co_return codec::encode(wire::nothing{});
            });
    decoded(std::type_identity<wire::open_events>(), message_type::open_events,
            [this](const peer& from, wire::open_events what) -> task<result<bytes>> {
                const auto reply = co_await opening->on_list(from.user_ids, what);
                if (!reply) {
                    co_return fail(reply.error());
                }
                co_return codec::encode(*reply);
            });

    decoded(std::type_identity<wire::file_info>(), message_type::file_info,
            [this](const peer&, wire::file_info what) { return files->on_info(what); });
    decoded(std::type_identity<wire::file_hashes>(), message_type::file_hashes,
            [this](const peer&, wire::file_hashes what) { return files->on_hashes(what); });
    decoded(std::type_identity<wire::file_leaf>(), message_type::file_leaf,
            [this](const peer&, wire::file_leaf what) { return files->on_leaf(what); });
    decoded(
        std::type_identity<wire::small_files>(), message_type::small_files,
        [this](const peer&, wire::small_files what) { return files->on_small(std::move(what)); });
    decoded(std::type_identity<wire::file_keep>(), message_type::file_keep,
            [this](const peer& from, wire::file_keep what) {
                const bool is_backup = (from.roles & wire::role::backup) != 0;
                return keeper->on_keep(from.device, is_backup, from.user_ids, std::move(what));
            });
    decoded(std::type_identity<wire::file_needs>(), message_type::file_needs,
            [this](const peer& from, wire::file_needs what) {
                return kept_for->on_needs(from.user_ids, std::move(what));
            });
    decoded(std::type_identity<wire::holds>(), message_type::holds,
            [this](const peer& from, wire::holds what) { return on_holds(from, std::move(what)); });
    taken(std::type_identity<wire::file_kept>(), message_type::file_kept,
          [this](const peer& from, wire::file_kept what) {
              holding->on_kept(from.device, from.user_ids, what);
              return copies->on_kept(from.device, what);
          });
    routes.open();
}

/// The role may come and go: a promoted edge has it for a while.
void node_parts::add_rendezvous_routes() {
    const auto leasing = [this]<class Message, class Handler>(std::type_identity<Message>,
                                                              message_type type, Handler handler) {
        routes.answer(type,
                      [this, handler](const peer& from, bytes payload) -> task<result<bytes>> {
                          auto what = codec::decode<Message>(payload);
                          if (!what) {
                              co_return fail(std::move(what.error()));
                          }
                          if (!rendezvous) {
                              co_return fail(errc::unsupported, "this device is no rendezvous now");
                          }
                          talks_to(from.device);
                          co_return co_await handler(from, std::move(*what));
                      });
    };
    leasing(std::type_identity<wire::probe>(), message_type::probe,
            [this](const peer& from, wire::probe what) {
                const bool is_one = (from.roles & wire::role::rendezvous) != 0;
                return rendezvous->on_probe(from.device, is_one ? what : wire::probe());
            });
    leasing(std::type_identity<wire::make_room>(), message_type::make_room,
            [this](const peer&, wire::make_room what) {
                return rendezvous->on_make_room(std::move(what));
            });
    leasing(std::type_identity<wire::members>(), message_type::members,
            [this](const peer& from, wire::members what) -> task<result<bytes>> {
                if ((from.roles & wire::role::rendezvous) == 0) {
                    co_return fail(errc::forbidden, "only rendezvous watch each other");
                }
                co_return co_await rendezvous->on_members(from.device, std::move(what));
            });
    leasing(std::type_identity<wire::watch>(), message_type::watch,
            [this](const peer& from, wire::watch what) -> task<result<bytes>> {
                if ((from.roles & wire::role::rendezvous) == 0) {
                    co_return fail(errc::forbidden,
                                   "only rendezvous are told of a circle's leases");
                }
                co_return co_await rendezvous->on_watch(from.device, std::move(what));
            });
    leasing(std::type_identity<wire::nothing>(), message_type::loads,
            [this](const peer&, wire::nothing) { return rendezvous->on_loads(); });
    leasing(std::type_identity<wire::lease>(), message_type::lease,
            [this](const peer& from, wire::lease what) {
                return rendezvous->on_lease(from, std::move(what));
            });
    leasing(std::type_identity<wire::heartbeat>(), message_type::heartbeat,
            [this](const peer& from, wire::heartbeat) {
                return rendezvous->on_heartbeat(from.device);
            });
    routes.take(message_type::leave, [this](const peer& from, bytes payload) -> task<void> {
        const auto what = codec::decode<wire::leave>(payload);
        if (what && rendezvous) {
            rendezvous->on_leave(from.device, *what);
        }
        co_return;
    });
}

/// Who takes part in an event, and a backup, is told which version of it is here. Whoever can name
/// a file may have it, so that he may know whether it is here.
task<result<bytes>> node_parts::on_holds(net::peer from, wire::holds what) {
    wire::holds_reply reply;
    if (what.files.size() > wire::limits::roots_per_message) {
        co_return fail(errc::too_large, "a question names 2,000 files at most");
    }
    if (what.events && what.events->size() > wire::limits::events_per_question) {
        co_return fail(errc::too_large, "a question names 500 events at most");
    }
    const auto held_for = [&](const event_id& which) -> std::optional<envelope_order> {
        const auto* const held_now = replica->events().find(which);
        const bool may_know =
            held_now != nullptr && ((from.roles & wire::role::backup) != 0 ||
                                    std::ranges::any_of(from.user_ids, [&](const user_id& user) {
                                        return held_now->header.involves(user);
                                    }));
        return may_know ? std::optional(held_now->order) : std::nullopt;
    };
    reply.order = what.event ? held_for(*what.event) : std::nullopt;
    if (what.events) {
        reply.events.emplace();
        for (const event_id& which : *what.events) {
            if (const auto order = held_for(which)) {
                reply.events->push_back({which, *order});
            }
        }
    }
    for (const file_root& root : what.files) {
        if (shelf->has(root)) {
            reply.files.push_back(root);
        }
    }
    co_return codec::encode(reply);
}

void node_parts::add_registry_routes() {
    if (!registry) {
        return;
    }
    registry_service* const names_keeper = &*registry;
    const auto keep = [&](message_type type, auto method) {
        routes.answer(type, [names_keeper, method](const peer& from, bytes payload) {
            return (names_keeper->*method)(from, std::move(payload));
        });
    };
    keep(message_type::enroll, &registry_service::on_enroll);
    keep(message_type::login_begin, &registry_service::on_login_begin);
    keep(message_type::register_user, &registry_service::on_register);
    keep(message_type::login, &registry_service::on_login);
    keep(message_type::change_password, &registry_service::on_change_password);
    keep(message_type::lookup, &registry_service::on_lookup);
}

}  // namespace calbox::node
