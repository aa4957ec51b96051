// A member who lies: forged and replayed envelopes, untrue presence, and then mutated, truncated,
// reordered and enormous messages of every type. Nobody may crash, believe it, or stop serving.
#include <algorithm>

#include <fmt/format.h>

#include "crypto/envelopes.hpp"
#include "lab/scenarios/demonstration.hpp"
#include "lab/scenarios/intruder.hpp"
#include "lab/scenarios/table.hpp"
#include "net/framing.hpp"
#include "node/parts.hpp"

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;
using wire::message_type;
using wire::role::backup, wire::role::edge, wire::role::rendezvous;

constexpr std::size_t burst = 64;  // messages between two looks at the clock
constexpr std::size_t streams_at_once = 200;

/// Nothing is held: what a strategy asks first.
class empty_view final : public recovery::view {
public:
    recovery::listing_ptr list() const override { return std::make_shared<recovery::listing>(); }
    std::optional<envelope_order> find(const event_id&) const override { return {}; }
    std::optional<bytes> load(const event_id&) const override { return {}; }
};

/// Mallory's strategy may believe everybody.
class anything_goes final : public consensus::referee {
public:
    bool takes_part(const device_id&, const event_id&) const override { return true; }
    bool is_shared(const event_id&) const override { return true; }
    bool acceptable(const event_id&, byte_view) const override { return true; }
};

class siege {
public:
    explicit siege(script& on)
        : in_(on.fresh_world()),
          hub_(found_network(in_, "hub", rendezvous)),
          z_(join_network(in_, "Z", backup, hub_)),
          a_(join_network(in_, "A", edge, hub_)),
          b_(join_network(in_, "B", edge, hub_)),
          alice_(a_, "alice"),
          bob_(b_, "bob"),
          chance_(on.with().seed, "siege") {
        alice_.sign_up();
        bob_.sign_up();
        m_ = std::make_unique<intruder>(in_, "M", hub_, "mallory");
        in_.pass(5s);
        private_ = must(alice_.create("of alice and bob", {"bob"}), "create").id;
        shared_ = must(alice_.create("with mallory", {"bob", "mallory"}), "create").id;
        must(alice_.change(shared_, "with mallory, moved"), "modify");
        must(alice_.attach(private_, "secret.txt", to_bytes("between us")), "attach");
        in_.wait_for("mallory has his event", [&] {
            const auto* const held = m_->parts().replica->events().find(shared_);
            return held != nullptr && held->header.version == version_number(2);
        });
        in_.wait_for("bob has the file",
                     [&] { return bob_.sees(private_)->content.files.size() == 1; });
        in_.pass(5s);
        for (device* const one : {&hub_, &z_, &a_, &b_}) {
            const auto status = one->api().info.status();
            targets_.push_back({one, *device_id::from_hex(status.device), status.addresses.at(0)});
        }
        before_ = picture();
    }

    void forge();
    void claim_a_friendship();
    void lie_about_presence();
    void storm(std::uint64_t messages);
    void nothing_was_believed();
    void service_goes_on();
    std::uint64_t said() const noexcept { return said_; }
    std::uint64_t carried() const {
        std::uint64_t sum = 0;
        for (const target& to : targets_) {
            sum += in_.net.carried("M", to.it->name());
        }
        return sum;
    }

private:
    struct target {
        device* it;
        device_id id;
        std::string address;
    };

    std::string picture();
    void must_be_refused(envelope what, const std::string& lie);
    envelope sealed(envelope_header header, bytes body = to_bytes("BEGIN:VCALENDAR"));
    envelope_header header_of(const event_id& which, const author& by, version_number version);
    void gather();
    bytes mutated(bytes payload);
    bytes raw_nonsense();
    void say_something(std::uint64_t number);

    world& in_;
    device &hub_, &z_, &a_, &b_;
    person alice_, bob_;
    std::unique_ptr<intruder> m_;
    seeded chance_;
    event_id private_{}, shared_{};
    std::vector<target> targets_;
    std::vector<std::pair<message_type, bytes>> material_;  // valid payloads
    std::string before_;
    std::uint64_t said_ = 0;
};

/// What the network knows, as text.
std::string siege::picture() {
    std::string all;
    for (const person* const one : {&alice_, &bob_}) {
        for (const node::event_view& seen : one->sees_all()) {
            all +=
                fmt::format("{}: {} {} {} by {} for {}, files {}\n", one->name(), seen.id_text,
                            seen.version.value, seen.content.title, seen.written_by,
                            fmt::join(seen.content.participants, " "), seen.content.files.size());
        }
    }
    for (device* const one : {&hub_, &z_, &a_, &b_}) {
        const auto status = one->api().info.status();
        all += fmt::format("{}: {} events, {} files\n", one->name(), status.events, status.files);
    }
    for (const auto& one : must(a_.run(a_.api().contact.users(alice_.id())), "users")) {
        all += one.name + "\n";
    }
    return all;
}

envelope_header siege::header_of(const event_id& which, const author& by, version_number version) {
    envelope_header header;
    header.event = which;
    header.by = by;
    header.version = version;
    header.written = m_->env().time.wall();
    header.participants = {bob_.id(), m_->parts().accounts->signed_in().at(0).id};
    std::ranges::sort(header.participants);
    m_->env().entropy.fill(header.operation.value);
    return header;
}

envelope siege::sealed(envelope_header header, bytes body) {
    std::vector<std::pair<user_id, bytes>> keys;
    std::vector<user_id> all = header.participants;
    all.push_back(header.event.organizer);
    for (const user_id& user : all) {
        const auto* const known = m_->parts().users->known(user);
        expect(known != nullptr, "mallory does not know everybody");
        keys.emplace_back(user, known->card.box_key);
        header.streams.emplace_back(user, stream_number(1'000));
    }
    if (header.kind != envelope_kind::put) {
        body.clear();
        keys.clear();
    }
    auto made = crypto::seal_envelope(std::move(header), keys, bytes(32, 7), body,
                                      m_->parts().me.mine().device_key, m_->env().entropy);
    expect(made.has_value(), made ? "" : "mallory cannot seal: " + made.error().message());
    return std::move(*made);
}

void siege::must_be_refused(envelope what, const std::string& lie) {
    const bytes payload = codec::encode(wire::update{std::move(what)});
    for (const target& to : targets_) {
        ++said_;
        const auto answer = m_->ask(to.id, message_type::update, payload);
        expect(!answer, to.it->name() + " takes " + lie);
        expect(answer.error().code != errc::timed_out && answer.error().code != errc::closed,
               to.it->name() + " does not answer to " + lie);
    }
    nothing_was_believed();
}

void siege::forge() {
    node::node_parts& mine = m_->parts();
    const author me = *mine.accounts->author_of(mine.accounts->signed_in().at(0).id);
    const auto* const alice = mine.users->known_name("alice");
    expect(alice != nullptr && !alice->devices.empty(), "mallory does not know alice");
    const author hers = alice->devices.front();

    must_be_refused(sealed(header_of(private_, hers, version_number(9))),
                    "a version signed with another device's key");
    author mixed = me;
    mixed.identity_key = hers.identity_key;
    must_be_refused(sealed(header_of(private_, mixed, version_number(9))),
                    "a version by alice from mallory's device");
    must_be_refused(sealed(header_of(private_, me, version_number(9))),
                    "a version of an event that mallory has no part in");
    auto gone = header_of(private_, me, version_number(9));
    gone.kind = envelope_kind::tombstone;
    must_be_refused(sealed(gone), "a deletion of an event that mallory has no part in");
    auto deleted = header_of(shared_, me, version_number(3));
    deleted.kind = envelope_kind::tombstone;
    must_be_refused(sealed(deleted), "a deletion by a guest without that right");
    auto rights = header_of(shared_, me, version_number(3));
    rights.guests_may = 15;
    must_be_refused(sealed(rights), "rights that a guest gives to himself");
    auto opening =
        header_of({alice_.id(), event_id::make_seq(hers.number, 778)}, me, version_number(2));
    opening.type = event_kind::opening;
    opening.participants.clear();
    opening.epoch = key_epoch{2};  // as if he had left it
    must_be_refused(sealed(std::move(opening)), "what would open alice's events");
    auto turned = header_of(shared_, me, version_number(3));
    turned.type = event_kind::opening;
    must_be_refused(sealed(std::move(turned)), "a meeting that becomes an opening");
    const event_id invented{alice_.id(), event_id::make_seq(hers.number, 777)};
    must_be_refused(sealed(header_of(invented, me, version_number(1))),
                    "a new event in alice's name");
}

void siege::claim_a_friendship() {
    node::node_parts& mine = m_->parts();
    const author me = *mine.accounts->author_of(mine.accounts->signed_in().at(0).id);
    const event_id request{mine.accounts->signed_in().at(0).id, event_id::make_seq(me.number, 778)};
    for (const std::uint64_t version : {1U, 2U}) {
        auto header = header_of(request, me, version_number(version));
        header.type = event_kind::contact;
        header.participants = {bob_.id()};
        header.guests_may = guest_right::modify | guest_right::remove;
        const bytes payload = codec::encode(wire::update{
            sealed(std::move(header), codec::encode(node::friendship{.accepted = true}))});
        ++said_;
        expect(m_->ask(targets_.back().id, message_type::update, payload).has_value(),
               "bob does not take the request");
        const auto friends = b_.run(b_.api().contact.friends(bob_.id()));
        expect(friends && friends->size() == 1, "bob does not see the request");
        expect(friends->front().state == "asks", "bob takes mallory's word for his own");
    }
    // The same in bob's name, as if it were a later version of what he had asked.
    auto his =
        header_of({bob_.id(), event_id::make_seq(device_number(1), 779)}, me, version_number(2));
    his.type = event_kind::contact;
    his.participants = {mine.accounts->signed_in().at(0).id};
    ++said_;
    (void)m_->ask(targets_.back().id, message_type::update,
                  codec::encode(wire::update{
                      sealed(std::move(his), codec::encode(node::friendship{.accepted = true}))}));
    const auto bonds = b_.run(b_.api().contact.friends(bob_.id()));
    expect(bonds &&
               std::ranges::none_of(*bonds, [](const auto& one) { return one.state == "friend"; }),
           "bob believes that he asked mallory");
    const auto users = must(b_.run(b_.api().contact.users(bob_.id())), "users");
    const auto mallory = std::ranges::find(users, "mallory", &node::user_view::name);
    expect(mallory != users.end() && !mallory->is_friend, "bob takes mallory for a friend");
    in_.pass(5s);
    before_ = picture();
}

void siege::lie_about_presence() {
    const auto location_of = [&](const target& of, std::string address, bool online) {
        wire::location one;
        one.device = of.id;
        one.roles = edge | rendezvous | backup;
        one.addresses = {std::move(address)};
        one.relay = m_->parts().me.self();
        one.online = online;
        one.users = {alice_.id(), bob_.id()};
        return one;
    };
    wire::presence lies;
    for (const target& of : targets_) {
        lies.changed.push_back(location_of(of, "M:1", false));
    }
    wire::lease lease;
    lease.me = location_of(targets_.back(), targets_.front().address, true);
    for (int i = 0; i < 20; ++i) {
        for (const target& to : targets_) {
            m_->say(to.id, message_type::presence, codec::encode(lies), false);
            m_->say(to.id, message_type::lease, codec::encode(lease), true);
            said_ += 2;
        }
        in_.pass(500ms);
    }
    for (device* const one : {&a_, &b_, &z_}) {
        expect(is_connected(*one), one->name() + " has no rendezvous any more");
    }
    const auto users = must(a_.run(a_.api().contact.users(alice_.id())), "users");
    const auto bob = std::ranges::find(users, "bob", &node::user_view::name);
    expect(bob != users.end() && bob->online, "A takes bob for offline");
    must(alice_.change(private_, "still ours"), "modify");
    in_.wait_for(
        "bob sees the change", [&] { return bob_.title_of(private_) == "still ours"; }, 5s);
    in_.pass(1s);
    before_ = picture();
}

/// Payloads as an honest device would send them, to be spoiled.
void siege::gather() {
    node::node_parts& mine = m_->parts();
    const auto add = [&](message_type type, const auto& what) {
        material_.emplace_back(type, codec::encode(what));
    };
    const device_id hub = targets_[0].id, a = targets_[2].id;
    std::vector<user_id> everybody{alice_.id(), bob_.id()};
    const wire::location me{mine.me.self(), edge, mine.addresses(), hub, true, everybody};
    add(message_type::hello, mine.links->for_pool().hello());
    add(message_type::bindings, wire::bindings{mine.accounts->authors()});
    add(message_type::ping, wire::nothing{});
    add(message_type::enroll, wire::enroll{edge | rendezvous | backup, bytes(16, 1)});
    add(message_type::login_begin, wire::login_begin{"alice"});
    add(message_type::register_user, wire::register_user{"alice",
                                                         {bytes(16, 2), 8 << 10, 1},
                                                         bytes(32, 3),
                                                         bytes(32, 4),
                                                         bytes(32, 5),
                                                         bytes(100, 6),
                                                         bytes(64, 7),
                                                         bytes(64, 8)});
    add(message_type::login, wire::login{"alice", bytes(32, 1), bytes(64, 2)});
    add(message_type::change_password, wire::change_password{"alice",
                                                             bytes(32, 1),
                                                             bytes(64, 2),
                                                             {bytes(16, 3), 64 << 20, 3},
                                                             bytes(32, 4),
                                                             bytes(64, 5),
                                                             bytes(100, 6)});
    add(message_type::lookup, wire::lookup{everybody, {"alice"}, "", 200});
    add(message_type::probe, wire::probe{1, 2});
    add(message_type::lease, wire::lease{me});
    add(message_type::heartbeat, wire::heartbeat{3});
    add(message_type::leave, wire::leave{mine.me.self()});
    add(message_type::locate, wire::locate{everybody, {hub, a}, 15});
    add(message_type::resolve,
        wire::resolve{"devices", codec::encode(wire::locate{everybody, {hub, a}, 15}), 3});
    add(message_type::publish, wire::publish{{wire::object_id()}, 1800, a});
    add(message_type::presence, wire::presence{{me, me}});
    add(message_type::presence, wire::presence{{me}, true});
    add(message_type::relay_open, wire::relay_open{a, 0});
    add(message_type::relay_open, wire::relay_open{mine.me.self(), 5});
    add(message_type::relay_data, wire::relay_data{1, bytes(500, 9)});
    add(message_type::relay_close, wire::relay_close{1});
    for (const auto& [id, held] : mine.replica->events().all()) {
        if (const auto what = codec::decode<envelope>(held.encoded)) {
            add(message_type::update, wire::update{*what});  // a replay
        }
    }
    consensus::acquire ask;
    ask.event = shared_;
    ask.members.devices = {a, mine.me.self()};
    ask.current = version_number(2);
    std::vector<consensus::effect> effects;
    const anything_goes rules;
    const consensus::context where{mine.me.self(), m_->env().time.now(), m_->env().time.wall(),
                                   chance_, rules};
    m_->locking().step(consensus::peer_change{a, true}, where, effects);
    m_->locking().step(ask, where, effects);
    for (const consensus::effect& one : effects) {
        if (const auto* const message = std::get_if<consensus::send>(&one)) {
            add(message_type::consensus, wire::consensus_message{message->body});
        }
    }
    const auto exchange = m_->recovering().initiate();
    std::vector<recovery::effect> asked;
    exchange->step(recovery::begin{{a}, {}}, empty_view(), {m_->env().time.now(), chance_}, asked);
    for (const recovery::effect& one : asked) {
        const auto* const question = std::get_if<recovery::send>(&one);
        if (question == nullptr) {
            continue;
        }
        const std::string& strategy = in_.with.recovery;
        add(message_type::recovery,
            wire::recovery_message{strategy, false, 7, question->body, {}, {}});
        const auto answers =
            m_->recovering().respond(question->body, empty_view(), {m_->env().time.now(), chance_});
        for (const bytes& body : answers ? *answers : std::vector<bytes>()) {
            add(message_type::recovery, wire::recovery_message{strategy, true, 7, body, {}, {}});
        }
    }
    add(message_type::strategies, wire::strategies{{wire::signed_strategy{}}});
    add(message_type::earlier, wire::earlier{shared_, {}});
    for (const auto& [device, place] : mine.known.all()) {
        if (place.said) {
            add(message_type::advertise, wire::advertise{*place.said});  // a replay
        }
    }
    add(message_type::make_room, wire::make_room{{a, mine.me.self()}});
    using state = wire::member_news::state;
    add(message_type::members,
        wire::members{hub, {{a, 1, state::gone}, {hub, 7, state::suspected}}});
    add(message_type::members, wire::members{a, {{mine.me.self(), 2, state::alive}}});
    add(message_type::members, wire::members{hub, {}, wire::member_span{{}, hub, 3}});
    add(message_type::watch, wire::watch{everybody, {hub, a}, true, false});
    wire::move elsewhere;
    elsewhere.to.device = mine.me.self();
    elsewhere.to.roles = wire::role::rendezvous;
    add(message_type::move, elsewhere);
    add(message_type::loads, wire::nothing{});
    const file_root root = alice_.sees(private_)->content.files.at(0).root;
    add(message_type::file_info, wire::file_info{root});
    add(message_type::file_hashes, wire::file_hashes{root, 0, 16});
    add(message_type::file_leaf, wire::file_leaf{root, 0});
    add(message_type::small_files, wire::small_files{{root, file_root()}});
    add(message_type::file_keep, wire::file_keep{root, 10});
    add(message_type::file_kept, wire::file_kept{root, true});
    add(message_type::holds, wire::holds{shared_, {root}});
    add(message_type::file_needs,
        wire::file_needs{{{{alice_.id(), bob_.id()}, {root}}}, {{{alice_.id()}, {root}}}});
    const timestamp now = m_->env().time.wall();
    add(message_type::free_busy,
        wire::free_busy{alice_.id(), bob_.id(), now, timestamp{now.ms + 86'400'000}});
    add(message_type::join_event, wire::join_event{private_, bob_.id(), bytes(16, 3)});
    add(message_type::open_events, wire::open_events{alice_.id(), bob_.id()});
    add(message_type::recovery, wire::recovery_message{"fingerprint", false, 0, {0xa0}, {}, {}});
    add(message_type::lock, wire::lock{shared_, alice_.id(), 7, {}, 30'000});
}

bytes siege::mutated(bytes payload) {
    const auto any = [&](std::size_t below) {
        return static_cast<std::ptrdiff_t>(chance_.below(std::max<std::uint64_t>(1, below)));
    };
    switch (chance_.below(6)) {
        case 0:  // truncated
            payload.resize(static_cast<std::size_t>(any(payload.size())));
            break;
        case 1: {  // something behind it
            bytes more(chance_.below(300));
            chance_.fill(more);
            payload.insert(payload.end(), more.begin(), more.end());
            break;
        }
        case 2: {  // half of another message
            const bytes& other = material_[chance_.below(material_.size())].second;
            payload.resize(static_cast<std::size_t>(any(payload.size())));
            payload.insert(payload.end(), other.begin() + any(other.size()), other.end());
            break;
        }
        case 3:  // nothing but noise
            payload.resize(chance_.below(2'000));
            chance_.fill(payload);
            break;
        default:  // a few wrong bytes
            for (std::uint64_t i = chance_.below(8) + 1; i > 0 && !payload.empty(); --i) {
                payload[static_cast<std::size_t>(any(payload.size()))] ^=
                    static_cast<std::uint8_t>(1u << chance_.below(8));
            }
    }
    return payload;
}

/// Frames that no session would write.
bytes siege::raw_nonsense() {
    bytes data;
    switch (chance_.below(5)) {
        case 0:  // a frame that claims four gigabytes
            data = {0xff, 0xff, 0xff, 0xff, 1, 40, 0, 0, 0, 0, 0, 1, 0};
            break;
        case 1:  // another frame version
            net::write_frames(data, 3, 0, 1, {});
            data[4] = 9;
            break;
        case 2:  // messages that are begun and never ended
            for (std::uint8_t stream = 1; stream < 100; ++stream) {
                const bytes begun{0, 0, 0, 1, 1, 40, 0, net::frame_flag::more, 0, 0, 0, stream, 7};
                data.insert(data.end(), begun.begin(), begun.end());
            }
            break;
        case 3:  // answers to nothing, and half a frame
            net::write_frames(data, 40, net::frame_flag::reply, 12, bytes(50, 1));
            net::write_frames(data, 40, net::frame_flag::reply | net::frame_flag::error, 14,
                              bytes(50, 1));
            data.insert(data.end(), {0, 0, 1});
            break;
        default:
            data.resize(chance_.below(5'000));
            chance_.fill(data);
    }
    return data;
}

void siege::say_something(std::uint64_t number) {
    const target& to = targets_[chance_.below(targets_.size())];
    if (number % 100 == 99) {
        m_->say_raw(to.address, to.id, raw_nonsense());
        return;
    }
    auto [type, payload] = material_[chance_.below(material_.size())];
    switch (chance_.below(10)) {
        case 0:  // as it is: out of order, or a replay
            break;
        case 1:  // under another name
            type = static_cast<message_type>(chance_.below(70));
            break;
        case 2:  // enormous, now and then
            if (chance_.below(10) == 0) {
                payload.resize(chance_.below(1'200'000));
            }
            break;
        default:
            payload = mutated(std::move(payload));
    }
    const auto* const rule = wire::find_rule(static_cast<std::uint8_t>(type));
    const bool fits = rule != nullptr && rule->answered;
    const bool as_request = chance_.below(10) == 0 ? !fits : fits;
    m_->say(to.id, type, std::move(payload), as_request);
}

void siege::storm(std::uint64_t messages) {
    gather();
    std::set<message_type> types;
    for (const auto& [type, payload] : material_) {
        types.insert(type);
    }
    for (const wire::message_rule& rule : wire::message_table()) {
        expect(types.contains(rule.type), fmt::format("no message {} to spoil", rule.name));
    }
    for (std::uint64_t i = 0; i < messages; ++i) {
        say_something(i);
        ++said_;
        if (i % burst == burst - 1) {
            in_.pass(20ms);
            in_.wait_for("the requests come back",
                         [&] { return m_->under_way() < streams_at_once; });
        }
    }
    in_.pass(2min);
    expect(carried() > messages * 50, "most of them did not get through");
}

void siege::nothing_was_believed() {
    for (const target& one : targets_) {
        expect(one.it->up(), one.it->name() + " is down");
    }
    const std::string now = picture();
    expect(now == before_, "something was believed: before\n" + before_ + "and now\n" + now);
    expect(in_.errors().empty(),
           in_.errors().empty() ? std::string() : "an error was logged: " + in_.errors().front());
}

void siege::service_goes_on() {
    in_.wait_for("everybody is connected",
                 [&] { return is_connected(a_) && is_connected(b_) && is_connected(z_); });
    const auto made = must(bob_.create("after the storm", {"alice"}), "create").id;
    in_.wait_for("alice sees it", [&] { return alice_.title_of(made) == "after the storm"; }, 5s);
    must(alice_.change(made, "calm"), "modify");
    in_.wait_for("bob sees the change", [&] { return bob_.title_of(made) == "calm"; }, 5s);
    must(bob_.attach(made, "list.txt", to_bytes("all well")), "attach");
    in_.wait_for(
        "alice knows of the file", [&] { return alice_.sees(made)->content.files.size() == 1; },
        5s);
    expect(must(alice_.read(made, "list.txt"), "read") == to_bytes("all well"),
           "alice reads something else");
    must(bob_.remove(made), "delete");
    in_.wait_for("it is gone", [&] { return !alice_.sees(made); }, 5s);
    device& d = join_network(in_, "D", edge, hub_);
    person dora(d, "dora");
    dora.sign_up();
    expect(must(alice_.read(private_, "secret.txt"), "read") == to_bytes("between us"),
           "alice's file is another one");
}

}  // namespace

void play_hostile_peer(script& on) {
    const std::uint64_t messages = on.size_or(10'000);
    siege all(on);
    on.step(
        "a member forges versions, deletions, rights and whole events: each is refused by "
        "everybody",
        {25, 97, 129}, [&] { all.forge(); });
    on.step("he asks to be a friend and says that he was accepted: he still only asks", {97, 129},
            [&] { all.claim_a_friendship(); });
    on.step("he tells everybody that all the others are elsewhere: they still find each other",
            {129}, [&] { all.lie_about_presence(); });
    on.step(fmt::format("he sends {} mutated, truncated, replayed, misplaced and enormous messages "
                        "of every type: nobody ends",
                        messages),
            {106, 129}, [&] { all.storm(messages); });
    on.step("nothing of it was believed", {97, 100, 129}, [&] { all.nothing_was_believed(); });
    on.step("service goes on: create, modify, attach, read, delete, and a new member", {5, 106},
            [&] { all.service_goes_on(); });
    on.figure("messages", static_cast<double>(all.said()), "messages");
    on.figure("bytes of them", static_cast<double>(all.carried()), "bytes");
}

}  // namespace calbox::lab
