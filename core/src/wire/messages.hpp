// The message table: every message that daemons exchange, its number, its fields and who may send
// it (docs/wire.md). Numbers and keys are never reused. Values; no thread rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <calbox/codec.hpp>
#include <calbox/envelope.hpp>
#include <calbox/ids.hpp>

namespace calbox::wire {

inline constexpr std::uint32_t protocol_min = 1;
inline constexpr std::uint32_t protocol_max = 1;

/// Roles of a device: bits, named in its certificate.
namespace role {
inline constexpr std::uint32_t edge = 1, rendezvous = 2, backup = 4, registry = 8;
}

enum class message_type : std::uint8_t {
    hello = 1,
    bindings = 2,
    ping = 3,
    enroll = 10,
    login_begin = 11,
    register_user = 12,
    login = 13,
    lookup = 14,
    strategies = 15,
    change_password = 16,
    probe = 20,
    lease = 21,
    heartbeat = 22,
    leave = 23,
    locate = 24,
    presence = 25,
    relay_open = 26,
    relay_data = 27,
    relay_close = 28,
    make_room = 29,
    move = 30,
    loads = 31,
    advertise = 32,
    resolve = 33,
    publish = 34,
    members = 35,
    watch = 36,
    update = 40,
    consensus = 41,
    recovery = 42,
    lock = 43,
    earlier = 44,
    free_busy = 45,
    join_event = 46,
    open_events = 47,
    file_info = 50,
    file_hashes = 51,
    file_leaf = 52,
    file_keep = 53,
    file_kept = 54,
    holds = 55,
    file_needs = 56,
    small_files = 57,
};

/// Who may send a message; default deny. Checked by the router before a handler sees anything.
enum class sender : std::uint8_t {
    anyone,      // a device without a certificate of this network, too
    member,      // a device with a certificate of this network
    user,        // a member that has presented at least one signed-in user
    rendezvous,  // a member whose certificate names that role, or who was promoted to it
};

struct message_rule {
    message_type type;
    std::string_view name;
    sender who;
    bool answered;  // a request with a reply; otherwise one-way
};
/// Every message once, ascending.
const std::vector<message_rule>& message_table();
const message_rule* find_rule(std::uint8_t type) noexcept;

// Shared pieces
// -----------------------------------------------------------------------------------------------------

/// What the registry's CA says of a user. Signed over "calbox card 1" + encoded user_card.
struct user_card {
    std::string name;
    bytes identity_key;  // Ed25519
    bytes box_key;       // X25519: event keys are sealed to it
    timestamp registered;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&user_card::name), codec::field<2>(&user_card::identity_key),
                   codec::field<3>(&user_card::box_key), codec::field<4>(&user_card::registered));
};
/// A user as others know him: card, CA signature over the card's bytes, and his devices (each
/// self-certifying).
struct user_entry {
    bytes card;
    bytes card_signature;
    std::vector<author> devices;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&user_entry::card), codec::field<2>(&user_entry::card_signature),
                   codec::field<3>(&user_entry::devices));
};

/// What a device that leases to others says of itself, or that it does so no more. `roles` beside
/// rendezvous are those of the certificate; a rendezvous whose certificate does not name that role
/// is a promoted one. Newer is the greater epoch, then the greater sequence.
struct advertisement {
    network_id network;
    bytes certificate;  // DER, by the network's CA
    std::uint32_t roles = 0;
    std::vector<std::string> addresses;
    std::uint64_t epoch = 0;  // how often the device has started
    std::uint64_t sequence = 0;
    timestamp not_before;
    std::uint32_t lives_s = 0;  // after not_before
    static constexpr auto fields = std::tuple(
        codec::field<1>(&advertisement::network), codec::field<2>(&advertisement::certificate),
        codec::field<3>(&advertisement::roles), codec::field<4>(&advertisement::addresses),
        codec::field<5>(&advertisement::epoch), codec::field<6>(&advertisement::sequence),
        codec::field<7>(&advertisement::not_before), codec::field<8>(&advertisement::lives_s));
};
/// Signed over "calbox advertisement 1" + the encoded advertisement, by the key of its certificate.
struct signed_advertisement {
    bytes advertisement;
    bytes signature;
    static constexpr auto fields = std::tuple(codec::field<1>(&signed_advertisement::advertisement),
                                              codec::field<2>(&signed_advertisement::signature));
    friend bool operator==(const signed_advertisement&, const signed_advertisement&) = default;
};

/// Where a device can be found. A hint: the TLS handshake decides. That it is a rendezvous, and
/// where, counts only by its own advertisement.
struct location {
    device_id device;
    std::uint32_t roles = 0;
    std::vector<std::string> addresses;  // "host:port"
    std::optional<device_id> relay;      // the rendezvous that holds its lease
    bool online = false;
    std::vector<user_id> users;
    std::optional<signed_advertisement> said = std::nullopt;  // by a rendezvous itself
    static constexpr auto fields =
        std::tuple(codec::field<1>(&location::device), codec::field<2>(&location::roles),
                   codec::field<3>(&location::addresses), codec::field<4>(&location::relay),
                   codec::field<5>(&location::online), codec::field<6>(&location::users),
                   codec::field<7>(&location::said));
};

/// The payload of a reply whose error flag is set.
struct problem {
    std::uint32_t code = 0;  // errc
    std::string detail;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&problem::code), codec::field<2>(&problem::detail));
};

struct nothing {
    static constexpr auto fields = std::tuple();
};

// Sessions
// ----------------------------------------------------------------------------------------------------------

/// Which consensus strategy the network has from some moment on. Signed over "calbox strategy 1" +
/// encoded strategy_record, by the network's CA.
struct strategy_record {
    network_epoch epoch;
    std::string name;
    std::string version;
    std::string settings;    // JSON, or empty
    timestamp takes_effect;  // what is edited from then on goes over to it
    static constexpr auto fields = std::tuple(
        codec::field<1>(&strategy_record::epoch), codec::field<2>(&strategy_record::name),
        codec::field<3>(&strategy_record::version), codec::field<4>(&strategy_record::settings),
        codec::field<5>(&strategy_record::takes_effect));
    friend bool operator==(const strategy_record&, const strategy_record&) = default;
};
struct signed_strategy {
    bytes record;
    bytes signature;
    static constexpr auto fields = std::tuple(codec::field<1>(&signed_strategy::record),
                                              codec::field<2>(&signed_strategy::signature));
};
/// All that the sender knows, from epoch 1 on. The reply is the same of the receiver, who has taken
/// in what was new.
struct strategies {
    std::vector<signed_strategy> known;
    static constexpr auto fields = std::tuple(codec::field<1>(&strategies::known));
};

/// First message of both sides on every session; nothing else is accepted before it.
struct hello {
    std::uint32_t protocol_min = wire::protocol_min;
    std::uint32_t protocol_max = wire::protocol_max;
    std::uint64_t features = 0;
    network_id network;
    std::uint32_t roles = 0;
    std::vector<std::string> addresses;
    std::string consensus;      // "naive 1.0": name and version of the network's strategy
    digest consensus_settings;  // SHA-256 of its settings
    std::vector<author> users;  // signed in on this device, each bound to it
    std::string software;
    /// Nothing: of a software that cannot follow a change of the strategy.
    std::optional<strategies> known;
    std::optional<signed_advertisement> said;  // by a rendezvous
    static constexpr auto fields =
        std::tuple(codec::field<1>(&hello::protocol_min), codec::field<2>(&hello::protocol_max),
                   codec::field<3>(&hello::features), codec::field<4>(&hello::network),
                   codec::field<5>(&hello::roles), codec::field<6>(&hello::addresses),
                   codec::field<7>(&hello::consensus), codec::field<8>(&hello::consensus_settings),
                   codec::field<9>(&hello::users), codec::field<10>(&hello::software),
                   codec::field<11>(&hello::known), codec::field<12>(&hello::said));
};
/// The users signed in on this device have changed: replaces hello::users.
struct bindings {
    std::vector<author> users;
    static constexpr auto fields = std::tuple(codec::field<1>(&bindings::users));
};

// Registry
// ----------------------------------------------------------------------------------------------------------

/// Asks for a device certificate for the key of this TLS session; also renews one.
struct enroll {
    std::uint32_t roles = role::edge;
    bytes token;  // from an invitation; needed for every role but edge, and for edge where
                  // enrolment = invited
    static constexpr auto fields =
        std::tuple(codec::field<1>(&enroll::roles), codec::field<2>(&enroll::token));
};
struct enrolled {
    bytes certificate;     // DER
    bytes ca_certificate;  // DER
    static constexpr auto fields = std::tuple(codec::field<1>(&enrolled::certificate),
                                              codec::field<2>(&enrolled::ca_certificate));
};

/// Argon2id (RFC 9106) parameters of one account.
struct kdf_parameters {
    bytes salt;  // 16 bytes
    std::uint64_t memory_bytes = 0;
    std::uint32_t passes = 0;
    static constexpr auto fields = std::tuple(codec::field<1>(&kdf_parameters::salt),
                                              codec::field<2>(&kdf_parameters::memory_bytes),
                                              codec::field<3>(&kdf_parameters::passes));
};
struct login_begin {
    std::string name;
    static constexpr auto fields = std::tuple(codec::field<1>(&login_begin::name));
};
/// For an unknown name the parameters are made up, always the same for that name: nobody learns who
/// exists.
struct login_challenge {
    kdf_parameters kdf;
    bytes nonce;
    static constexpr auto fields = std::tuple(codec::field<1>(&login_challenge::kdf),
                                              codec::field<2>(&login_challenge::nonce));
};
/// `proof` = signature by the password-derived key over "calbox login 1" + nonce + channel binding
/// + name + device id.
struct login {
    std::string name;
    bytes nonce;
    bytes proof;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&login::name), codec::field<2>(&login::nonce),
                   codec::field<3>(&login::proof));
};
/// `auth_proof` as login::proof with an empty nonce and the purpose "register"; `identity_proof`
/// the same by the identity key: whoever registers holds both.
struct register_user {
    std::string name;
    kdf_parameters kdf;
    bytes auth_key;
    bytes identity_key;
    bytes box_key;
    bytes sealed_identity;
    bytes auth_proof;
    bytes identity_proof;
    std::optional<device_number> devices = {};  // numbers up to it are given already
    static constexpr auto fields = std::tuple(
        codec::field<1>(&register_user::name), codec::field<2>(&register_user::kdf),
        codec::field<3>(&register_user::auth_key), codec::field<4>(&register_user::identity_key),
        codec::field<5>(&register_user::box_key), codec::field<6>(&register_user::sealed_identity),
        codec::field<7>(&register_user::auth_proof),
        codec::field<8>(&register_user::identity_proof), codec::field<9>(&register_user::devices));
};
/// Another password for an account. `proof` by the key of the password until now, `auth_proof` by
/// the key of the new one: login::proof's message with the purpose "password", and behind it
/// `auth_key` and `sealed_identity`. The nonce is a login_challenge's. Answered with nothing.
struct change_password {
    std::string name;
    bytes nonce;
    bytes proof;
    kdf_parameters kdf;
    bytes auth_key;
    bytes auth_proof;
    bytes sealed_identity;
    static constexpr auto fields = std::tuple(
        codec::field<1>(&change_password::name), codec::field<2>(&change_password::nonce),
        codec::field<3>(&change_password::proof), codec::field<4>(&change_password::kdf),
        codec::field<5>(&change_password::auth_key), codec::field<6>(&change_password::auth_proof),
        codec::field<7>(&change_password::sealed_identity));
};
/// Answer to login and register_user. The device signs its binding with the identity key and
/// publishes it by `lookup`'s neighbour, bindings, sent to the registry.
struct signed_in {
    bytes sealed_identity;
    user_entry entry;
    device_number number;  // of this device among the user's
    incarnation life;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&signed_in::sealed_identity), codec::field<2>(&signed_in::entry),
                   codec::field<3>(&signed_in::number), codec::field<4>(&signed_in::life));
};
/// Users by id, or by exact name, or (both empty) all, a page at a time in the order of names.
struct lookup {
    std::vector<user_id> ids;
    std::vector<std::string> names;
    std::string after;
    std::uint32_t most = 200;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&lookup::ids), codec::field<2>(&lookup::names),
                   codec::field<3>(&lookup::after), codec::field<4>(&lookup::most));
};
struct lookup_reply {
    std::vector<user_entry> users;
    bool more = false;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&lookup_reply::users), codec::field<2>(&lookup_reply::more));
};

// Overlay
// -----------------------------------------------------------------------------------------------------------

/// From a rendezvous to another one: its own load, each minute. From an edge: nothing.
struct probe {
    std::uint32_t edges = 0;
    std::uint32_t edges_max = 0;  // 0: no rendezvous asks
    static constexpr auto fields =
        std::tuple(codec::field<1>(&probe::edges), codec::field<2>(&probe::edges_max));
};
struct offer {
    std::uint32_t edges = 0;
    std::uint32_t edges_max = 0;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&offer::edges), codec::field<2>(&offer::edges_max));
};
struct lease {
    location me;
    static constexpr auto fields = std::tuple(codec::field<1>(&lease::me));
};
/// What its sender heard of a rendezvous' load, so many milliseconds ago.
struct rendezvous_load {
    device_id device;
    std::uint32_t edges = 0;
    std::uint32_t edges_max = 0;
    std::uint32_t age_ms = 0;
    static constexpr auto fields = std::tuple(
        codec::field<1>(&rendezvous_load::device), codec::field<2>(&rendezvous_load::edges),
        codec::field<3>(&rendezvous_load::edges_max), codec::field<4>(&rendezvous_load::age_ms));
};
struct lease_reply {
    enum class verdict : std::uint8_t { grant = 1, redirect = 2, busy = 3 };
    verdict what = verdict::grant;
    std::uint32_t lease_ms = 0;
    std::uint32_t heartbeat_ms = 0;
    std::uint32_t retry_after_ms = 0;
    std::vector<location> rendezvous;  // others: for redirect, best first; for grant, to remember
    std::vector<location> backups;
    std::uint32_t failover_spread_ms = 0;  // as in heartbeat
    std::vector<rendezvous_load> loads;    // of some of those that `rendezvous` names
    static constexpr auto fields = std::tuple(
        codec::field<1>(&lease_reply::what), codec::field<2>(&lease_reply::lease_ms),
        codec::field<3>(&lease_reply::heartbeat_ms), codec::field<4>(&lease_reply::retry_after_ms),
        codec::field<5>(&lease_reply::rendezvous), codec::field<6>(&lease_reply::backups),
        codec::field<7>(&lease_reply::failover_spread_ms), codec::field<8>(&lease_reply::loads));
};
/// Edge to rendezvous, and its answer, at every heartbeat interval.
struct heartbeat {
    std::uint32_t edges = 0;  // of the answering rendezvous
    /// When it is lost, its edges wait up to so long, each as long as chance says, before they go
    /// to others: or all would come at once.
    std::uint32_t failover_spread_ms = 0;
    static constexpr auto fields = std::tuple(codec::field<1>(&heartbeat::edges),
                                              codec::field<2>(&heartbeat::failover_spread_ms));
};
/// One-way: the lease is given back.
struct leave {
    std::optional<device_id> moved_to;  // the rendezvous that has granted another
    static constexpr auto fields = std::tuple(codec::field<1>(&leave::moved_to));
};
/// Between rendezvous: may these edges come to you? In the answer, the first so many of them: for
/// 30 s there is room for them.
struct make_room {
    std::vector<device_id> edges;
    static constexpr auto fields = std::tuple(codec::field<1>(&make_room::edges));
};
struct room {
    std::uint32_t edges = 0;
    static constexpr auto fields = std::tuple(codec::field<1>(&room::edges));
};
/// One-way, from the rendezvous that holds the lease: `to` has room for this edge. It leases there
/// first, and gives the old lease back then.
struct move {
    location to;
    static constexpr auto fields = std::tuple(codec::field<1>(&move::to));
};
/// What is said of a rendezvous. `life` is its own to raise: the higher one counts, and of one life
/// the worse news.
struct member_news {
    enum class state : std::uint8_t { alive = 1, suspected = 2, gone = 3 };
    device_id device;
    std::uint64_t life = 0;
    state what = state::alive;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&member_news::device), codec::field<2>(&member_news::life),
                   codec::field<3>(&member_news::what));
    friend bool operator==(const member_news&, const member_news&) = default;
};
/// What the sender knows of those whose ids are after `after`, up to `upto`: `digest` is the sum of
/// a hash of id and life of each that is there, itself among them.
struct member_span {
    device_id after, upto;
    std::uint64_t digest = 0;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&member_span::after), codec::field<2>(&member_span::upto),
                   codec::field<3>(&member_span::digest));
    friend bool operator==(const member_span&, const member_span&) = default;
};
/// Between rendezvous, where there are many: does `about` answer? It is the asked one itself, or
/// whom that one is to ask. Who knows something else of the span says it in its answer.
struct members {
    device_id about;
    std::vector<member_news> said;
    std::optional<member_span> span = std::nullopt;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&members::about), codec::field<2>(&members::said),
                   codec::field<3>(&members::span));
};
struct members_reply {
    bool alive = false;
    std::vector<member_news> said;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&members_reply::alive), codec::field<2>(&members_reply::said));
};
/// The answer to `loads`: of the asked rendezvous itself, and of those that it heard of.
struct loads_reply {
    std::vector<rendezvous_load> loads;
    static constexpr auto fields = std::tuple(codec::field<1>(&loads_reply::loads));
};
/// One-way: what the sender says of itself, when that has changed while sessions are open.
struct advertise {
    signed_advertisement said;
    static constexpr auto fields = std::tuple(codec::field<1>(&advertise::said));
};
/// Locations of the devices of these users, of these devices, and of every device with one of these
/// roles. Asked by an edge of the rendezvous that it leases from, also: presence of these users'
/// devices from now on, while the lease lasts.
struct locate {
    std::vector<user_id> users;
    std::vector<device_id> devices;
    std::uint32_t roles = 0;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&locate::users), codec::field<2>(&locate::devices),
                   codec::field<3>(&locate::roles));
};
struct locate_reply {
    std::vector<location> found;
    static constexpr auto fields = std::tuple(codec::field<1>(&locate_reply::found));
};
/// Between rendezvous, where there are many: locations of the devices of these users, of these
/// devices, and of those that serve all, as far as they lease in the asked one's circle; answered,
/// and told by presence from then on. Without any of them: is what was asked before still watched?
struct watch {
    std::vector<user_id> users;
    std::vector<device_id> devices;
    bool anew = false;  // in place of what was asked before
    bool over = false;  // nothing is to be told any more, nor that the sender tells everybody
    static constexpr auto fields =
        std::tuple(codec::field<1>(&watch::users), codec::field<2>(&watch::devices),
                   codec::field<3>(&watch::anew), codec::field<4>(&watch::over));
};
struct watch_reply {
    /// `unknown`: nothing was asked before that this could be added to; all is to be asked anew.
    /// `full`: not all of it will be told.
    enum class verdict : std::uint8_t { watching = 1, unknown = 2, full = 3 };
    verdict what = verdict::watching;
    std::vector<location> found;
    bool more = false;  // than go into an answer: fewer are to be asked for at once
    static constexpr auto fields =
        std::tuple(codec::field<1>(&watch_reply::what), codec::field<2>(&watch_reply::found),
                   codec::field<3>(&watch_reply::more));
};
/// A question to whoever handles `handler`, which knows what the body means: "devices" (a locate,
/// answered by locate_reply) and "objects" (a find_object, answered by object_holders).
struct resolve {
    std::string handler;
    bytes body;
    std::uint32_t hops = 0;  // how often it may be asked on
    static constexpr auto fields =
        std::tuple(codec::field<1>(&resolve::handler), codec::field<2>(&resolve::body),
                   codec::field<3>(&resolve::hops));
};
struct resolved {
    bytes body;
    static constexpr auto fields = std::tuple(codec::field<1>(&resolved::body));
};

/// Of an event or a file, the same for all (overlay/objects.hpp).
using object_id = fixed_id<20, struct object_tag>;

/// From an edge to the rendezvous that it leases from: it holds these objects for so long, or no
/// more. From a rendezvous to another one, for its own list: the edge `holder` does.
struct publish {
    std::vector<object_id> objects;
    std::uint32_t lives_s = 0;  // 0: no more
    std::optional<device_id> holder;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&publish::objects), codec::field<2>(&publish::lives_s),
                   codec::field<3>(&publish::holder));
};
struct published {
    std::uint32_t copies = 0;  // rendezvous that have noted it, of the object that has the fewest
    static constexpr auto fields = std::tuple(codec::field<1>(&published::copies));
};
struct find_object {
    object_id object;
    static constexpr auto fields = std::tuple(codec::field<1>(&find_object::object));
};
struct object_holders {
    std::vector<device_id> devices;
    static constexpr auto fields = std::tuple(codec::field<1>(&object_holders::devices));
};

/// One-way: these devices came or went. A rendezvous tells an edge of every device with another
/// role than edge, and of the devices of users that it asked for; other rendezvous of all that
/// lease from the sender, or, where there are many, of what they asked for by `watch`.
struct presence {
    std::vector<location> changed;
    std::optional<bool> circled = std::nullopt;  // true: the sender does not tell everybody
    static constexpr auto fields =
        std::tuple(codec::field<1>(&presence::changed), codec::field<2>(&presence::circled));
};
/// To a rendezvous: open a relayed pipe to `target`. From a rendezvous: `target` is the device that
/// asks. `pipe` is chosen by the rendezvous in its reply, and told to the target.
struct relay_open {
    device_id target;
    std::uint64_t pipe = 0;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&relay_open::target), codec::field<2>(&relay_open::pipe));
};
struct relay_data {
    std::uint64_t pipe = 0;
    bytes data;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&relay_data::pipe), codec::field<2>(&relay_data::data));
};
struct relay_close {
    std::uint64_t pipe = 0;
    static constexpr auto fields = std::tuple(codec::field<1>(&relay_close::pipe));
};

// Replica
// -----------------------------------------------------------------------------------------------------------

/// Here is a committed envelope. The reply is the acknowledgement: stored durably, this or a later
/// one.
struct update {
    envelope what;
    static constexpr auto fields = std::tuple(codec::field<1>(&update::what));
};
struct update_reply {
    envelope_order held;
    static constexpr auto fields = std::tuple(codec::field<1>(&update_reply::held));
};
/// One-way, opaque: the consensus strategy of an epoch to itself on another device.
struct consensus_message {
    bytes body;
    network_epoch epoch{1};
    static constexpr auto fields = std::tuple(codec::field<1>(&consensus_message::body),
                                              codec::field<2>(&consensus_message::epoch));
};
/// One-way, opaque: a recovery strategy to itself on another device.
struct recovery_message {
    std::string strategy;
    bool answer = false;         // from a responder to an initiator
    std::uint64_t exchange = 0;  // chosen by the initiator
    bytes body;
    std::optional<bool> refused;  // true in an answer: the responder has no such strategy
    std::optional<bool> files;    // true: of files, between backups; else of events
    static constexpr auto fields = std::tuple(
        codec::field<1>(&recovery_message::strategy), codec::field<2>(&recovery_message::answer),
        codec::field<3>(&recovery_message::exchange), codec::field<4>(&recovery_message::body),
        codec::field<5>(&recovery_message::refused), codec::field<6>(&recovery_message::files));
};

/// One-way: `user` edits the event on the sending device. Sent again at each renewal. With
/// lease_ms 0: he does not any more.
struct lock {
    event_id event;
    user_id user;
    std::uint64_t token = 0;  // grows with each lock on the event
    timestamp since;
    std::uint32_t lease_ms = 0;  // counted from the receipt: by then it is over, unless renewed
    static constexpr auto fields = std::tuple(
        codec::field<1>(&lock::event), codec::field<2>(&lock::user), codec::field<3>(&lock::token),
        codec::field<4>(&lock::since), codec::field<5>(&lock::lease_ms));
};

/// The versions of an event that came after one, oldest first, as far as the other device keeps
/// them and the asking one may have them: asked by whoever is sent a version that does not follow
/// what it holds. At most limits::earlier_bytes at once.
struct earlier {
    event_id event;
    envelope_order after;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&earlier::event), codec::field<2>(&earlier::after));
};
struct earlier_reply {
    std::vector<envelope> versions;
    static constexpr auto fields = std::tuple(codec::field<1>(&earlier_reply::versions));
};

/// When is `of` busy? Asked by his friend `by`, of a device that `of` is signed in on: at most
/// limits::free_busy_days. Only times are told, cut to the range and joined where they meet.
struct free_busy {
    user_id of, by;
    timestamp start, end;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&free_busy::of), codec::field<2>(&free_busy::by),
                   codec::field<3>(&free_busy::start), codec::field<4>(&free_busy::end));
};
struct busy_time {
    timestamp start, end;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&busy_time::start), codec::field<2>(&busy_time::end));
};
struct free_busy_reply {
    std::vector<busy_time> busy;  // ascending; at most limits::busy_times
    static constexpr auto fields = std::tuple(codec::field<1>(&free_busy_reply::busy));
};

/// `by` wants to take part in an open event whose link he has: asked of a device that its organizer
/// is signed in on. Answered, with nothing, once he is a participant.
struct join_event {
    event_id event;
    user_id by;
    bytes secret;  // 16 bytes, of the link
    static constexpr auto fields =
        std::tuple(codec::field<1>(&join_event::event), codec::field<2>(&join_event::by),
                   codec::field<3>(&join_event::secret));
};
/// Which open events does `of` organize? Asked by his friend `by`, of a device that `of` is signed
/// in on.
struct open_events {
    user_id of, by;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&open_events::of), codec::field<2>(&open_events::by));
};
/// What it says at its next time, and what its link says.
struct open_event {
    event_id event;
    bytes secret;
    std::string title, place, zone;
    timestamp start, end;
    bool all_day = false;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&open_event::event), codec::field<2>(&open_event::secret),
                   codec::field<3>(&open_event::title), codec::field<4>(&open_event::place),
                   codec::field<5>(&open_event::zone), codec::field<6>(&open_event::start),
                   codec::field<7>(&open_event::end), codec::field<8>(&open_event::all_day));
};
struct open_events_reply {
    std::vector<open_event> events;  // by start; at most limits::open_events
    static constexpr auto fields = std::tuple(codec::field<1>(&open_events_reply::events));
};

// Files
// -------------------------------------------------------------------------------------------------------------

/// Whoever knows a root may have the ciphertext; the key is in the event.
struct file_info {
    file_root root;
    static constexpr auto fields = std::tuple(codec::field<1>(&file_info::root));
};
struct file_info_reply {
    bool held = false;
    std::uint64_t size = 0;  // of the plaintext
    static constexpr auto fields = std::tuple(codec::field<1>(&file_info_reply::held),
                                              codec::field<2>(&file_info_reply::size));
};
struct file_hashes {
    file_root root;
    std::uint64_t first = 0;
    std::uint32_t count = 0;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&file_hashes::root), codec::field<2>(&file_hashes::first),
                   codec::field<3>(&file_hashes::count));
};
struct file_hashes_reply {
    bytes hashes;  // 32 bytes a leaf
    static constexpr auto fields = std::tuple(codec::field<1>(&file_hashes_reply::hashes));
};
struct file_leaf {
    file_root root;
    std::uint64_t index = 0;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&file_leaf::root), codec::field<2>(&file_leaf::index));
};
struct file_leaf_reply {
    bytes data;
    static constexpr auto fields = std::tuple(codec::field<1>(&file_leaf_reply::data));
};
/// Files of one part, many at once.
struct small_files {
    std::vector<file_root> roots;  // at most limits::small_files_per_message
    static constexpr auto fields = std::tuple(codec::field<1>(&small_files::roots));
};
struct small_files_reply {
    /// The parts of the first so many of the roots that were named, in their order; an empty one is
    /// of a file that is not here, or has several parts. As many as fit
    /// limits::small_files_bytes, and always one.
    std::vector<bytes> parts;
    static constexpr auto fields = std::tuple(codec::field<1>(&small_files_reply::parts));
};
/// Please keep a copy: the receiver fetches it from the sender and says file_kept when it is
/// durable.
struct file_keep {
    file_root root;
    std::uint64_t size = 0;
    /// Everybody who may need it, as far as the sender knows; at most limits::needs_per_file.
    /// Nothing: he does not know, and it is kept for good. Nobody, from a backup: all have
    /// released it.
    std::optional<std::vector<user_id>> users = {};
    static constexpr auto fields =
        std::tuple(codec::field<1>(&file_keep::root), codec::field<2>(&file_keep::size),
                   codec::field<3>(&file_keep::users));
};
struct file_kept {
    file_root root;
    std::optional<bool> lost;  // true: the copy is gone, and another one is wanted
    static constexpr auto fields =
        std::tuple(codec::field<1>(&file_kept::root), codec::field<2>(&file_kept::lost));
};
/// These users, each of these files.
struct needed_files {
    std::vector<user_id> users;    // at most limits::needs_per_file
    std::vector<file_root> roots;  // at most limits::roots_per_message in one message
    static constexpr auto fields =
        std::tuple(codec::field<1>(&needed_files::users), codec::field<2>(&needed_files::roots));
};
/// Who needs which files that a backup keeps. Anybody may say it for others; only a user's own
/// device releases for him.
struct file_needs {
    std::vector<needed_files> needed, released;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&file_needs::needed), codec::field<2>(&file_needs::released));
};
/// What of this do you hold? Of an event, for who takes part in it, and for backups.
struct holds {
    std::optional<event_id> event;
    std::vector<file_root> files;
    std::optional<std::vector<event_id>> events = {};
    static constexpr auto fields =
        std::tuple(codec::field<1>(&holds::event), codec::field<2>(&holds::files),
                   codec::field<3>(&holds::events));
};
struct held_version {
    event_id event;
    envelope_order order;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&held_version::event), codec::field<2>(&held_version::order));
};
struct holds_reply {
    std::optional<envelope_order> order;  // of the version that is held
    std::vector<file_root> files;         // of those that were named
    /// Of the events that were named; nothing: they were not, or the program knows no such
    /// question.
    std::optional<std::vector<held_version>> events = {};
    static constexpr auto fields =
        std::tuple(codec::field<1>(&holds_reply::order), codec::field<2>(&holds_reply::files),
                   codec::field<3>(&holds_reply::events));
};

}  // namespace calbox::wire
