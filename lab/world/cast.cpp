#include "lab/world/cast.hpp"

#include <fmt/format.h>

#include "model/times.hpp"

namespace calbox::lab {

namespace {

constexpr std::size_t read_bytes_at_once = 10'000;

std::vector<std::string> names_of(std::uint32_t roles) {
    std::vector<std::string> names;
    for (const auto& [bit, name] :
         {std::pair(wire::role::edge, "edge"), std::pair(wire::role::rendezvous, "rendezvous"),
          std::pair(wire::role::backup, "backup")}) {
        if ((roles & bit) != 0) {
            names.emplace_back(name);
        }
    }
    return names;
}

class piecewise final : public replica::byte_source {
public:
    explicit piecewise(bytes all) : all_(std::move(all)) {}
    task<result<bytes>> next() override {
        const auto from = all_.begin() + static_cast<std::ptrdiff_t>(at_);
        const std::size_t count = std::min(all_.size() - at_, read_bytes_at_once);
        at_ += count;
        co_return bytes(from, from + static_cast<std::ptrdiff_t>(count));
    }

private:
    bytes all_;
    std::size_t at_ = 0;
};

class gathered final : public replica::byte_sink {
public:
    task<result<void>> write(bytes piece) override {
        all.insert(all.end(), piece.begin(), piece.end());
        co_return result<void>();
    }
    bytes all;
};

// Coroutines own what they were given, since they may outlive the call that began them.
task<result<node::event_view>> edit_under_lock(node::services api, const environment& env,
                                               user_id as, event_id which, std::string title,
                                               duration thinking) {
    const auto session = co_await api.lock.begin(as, which);
    if (!session) {
        co_return fail(session.error());
    }
    co_await sleep_for(env, thinking);
    node::event_draft change;
    change.title = std::move(title);
    auto made =
        co_await api.events.modify(as, which, std::move(change), {session->version, session->id});
    api.lock.end(session->id);
    co_return made;
}

task<result<node::file_view>> attach_from(node::services api, user_id as, event_id which,
                                          std::string name, bytes content, bool replace) {
    piecewise from(std::move(content));
    co_return co_await api.file.attach(as, which, std::move(name), "application/octet-stream", from,
                                       replace);
}

task<result<bytes>> read_all(node::services api, user_id as, event_id which, std::string name) {
    const auto here = co_await api.file.fetch(as, which, name);
    if (!here) {
        co_return fail(here.error());
    }
    gathered into;
    const auto done = co_await api.file.read(as, which, name, 0, 0, into);
    if (!done) {
        co_return fail(done.error());
    }
    co_return std::move(into.all);
}

}  // namespace

device& found_network(world& in, const std::string& name, std::uint32_t roles,
                      node::node_settings with) {
    with.roles = roles | wire::role::registry;
    device& made = in.add(name, std::move(with));
    made.start();
    return made;
}

device& join_network(world& in, const std::string& name, std::uint32_t roles, device& registry,
                     node::node_settings with) {
    with.roles = roles;
    device& made = in.add(name, std::move(with));
    join_again(made, registry);
    return made;
}

void join_again(device& empty, device& registry) {
    const std::string& name = empty.name();
    const std::uint32_t roles = empty.settings.roles;
    const auto invitation =
        must(registry.run(registry.api().network.invite(names_of(roles))), "inviting " + name);
    empty.start();
    must(empty.run(empty.api().network.join(invitation)), name + " joins");
    if ((roles & wire::role::edge) != 0) {
        empty.in().wait_for(name + " is connected",
                            [&] { return empty.api().info.status().state == "connected"; });
    } else {
        empty.in().pass(std::chrono::seconds(1));
    }
}

static std::string password_of(const std::string& name) {
    return "a lab is no place for secrets of " + name;
}

void person::sign_up() {
    const auto view = must(at_->run(at_->api().account.sign_in(name_, password_of(name_), true)),
                           name_ + " registers");
    id_ = view.id;
    at_->follow(id_);
}

void person::sign_in(device& at) {
    at_ = &at;
    const auto view = must(at_->run(at_->api().account.sign_in(name_, password_of(name_), false)),
                           name_ + " signs in at " + at.name());
    id_ = view.id;
    at_->follow(id_);
}

bool person::signed_in() const { return at_->api().account.resolve(name_).has_value(); }

std::shared_ptr<outcome<result<node::account_view>>> person::begin_sign_in() const {
    return at_->begin(at_->api().account.sign_in(name_, password_of(name_), false));
}

std::shared_ptr<outcome<result<void>>> person::begin_sign_out() const {
    return at_->begin(at_->api().account.sign_out(id_));
}

node::event_draft person::draft(const std::string& title, const std::vector<std::string>& guests,
                                std::uint64_t number) {
    node::event_draft one;
    one.title = title;
    one.start = fmt::format("2026-06-{:02}T{:02}:{:02}", 1 + number / 96 % 28, number / 4 % 24,
                            number % 4 * 15);
    one.participants = guests;
    return one;
}

std::shared_ptr<outcome<result<node::event_view>>> person::begin_create(
    const std::string& title, const std::vector<std::string>& guests,
    std::optional<std::uint32_t> guests_may, bool every_day) {
    auto one = draft(title, guests, ++made_);
    one.guests_may = guests_may;
    if (every_day) {
        one.recurrence = "FREQ=DAILY";
    }
    return at_->begin(at_->api().events.create(id_, std::move(one)));
}

std::shared_ptr<outcome<result<node::event_view>>> person::begin_change(
    const event_id& which, const std::string& title, std::optional<version_number> expect) {
    node::event_draft change;
    change.title = title;
    return at_->begin(at_->api().events.modify(id_, which, std::move(change), expect));
}

std::shared_ptr<outcome<result<node::event_view>>> person::begin_edit(const event_id& which,
                                                                      const std::string& title,
                                                                      duration thinking) {
    return at_->begin(
        edit_under_lock(at_->api(), at_->surroundings(), id_, which, title, thinking));
}

std::shared_ptr<outcome<result<node::event_view>>> person::begin_invite(
    const event_id& which, const std::string& title, const std::vector<std::string>& guests,
    std::optional<version_number> expect) {
    node::event_draft change;
    change.title = title;
    change.participants = guests;
    return at_->begin(at_->api().events.modify(id_, which, std::move(change), expect));
}

std::shared_ptr<outcome<result<node::event_view>>> person::begin_restore(const event_id& which,
                                                                         version_number version,
                                                                         version_number expect) {
    return at_->begin(at_->api().past.restore(id_, which, version, expect));
}

std::shared_ptr<outcome<result<node::event_view>>> person::begin_bring_back(const event_id& which) {
    return at_->begin(at_->api().past.restore(id_, which, std::nullopt, std::nullopt));
}

std::shared_ptr<outcome<result<node::event_view>>> person::begin_take_over(const event_id& which) {
    return at_->begin(at_->api().branch.take_over(id_, which));
}

std::shared_ptr<outcome<result<node::event_view>>> person::begin_split(
    const node::event_view& series, const std::string& title, int days) {
    constexpr std::int64_t seconds_of_day = 86'400;
    const std::int64_t first = model::wall_seconds(series.content.time.start);
    node::event_draft change;
    change.title = title;
    change.times = {model::from_wall_seconds(first + days * seconds_of_day).text(),
                    node::edit_scope::following};
    return at_->begin(at_->api().events.modify(id_, series.id, std::move(change), std::nullopt));
}

std::shared_ptr<outcome<result<std::string>>> person::begin_open(const event_id& which) {
    return at_->begin(at_->api().opening.open(id_, which));
}

std::shared_ptr<outcome<result<void>>> person::begin_close(const event_id& which) {
    return at_->begin(at_->api().opening.close(id_, which));
}

std::shared_ptr<outcome<result<node::join_view>>> person::begin_join(const std::string& link) {
    return at_->begin(at_->api().joining.join(id_, link));
}

std::shared_ptr<outcome<result<void>>> person::begin_remove(const event_id& which,
                                                            std::optional<version_number> expect) {
    return at_->begin(at_->api().events.remove(id_, which, expect));
}

std::shared_ptr<outcome<result<node::event_view>>> person::begin_answer(const event_id& which,
                                                                        model::participation what) {
    return at_->begin(at_->api().events.answer(id_, which, what));
}

std::shared_ptr<outcome<result<void>>> person::begin_leave(const event_id& which) {
    return at_->begin(at_->api().events.leave(id_, which));
}

std::shared_ptr<outcome<result<node::file_view>>> person::begin_attach(const event_id& which,
                                                                       const std::string& file,
                                                                       bytes content,
                                                                       bool replace) {
    return at_->begin(attach_from(at_->api(), id_, which, file, std::move(content), replace));
}

std::shared_ptr<outcome<result<void>>> person::begin_detach(const event_id& which,
                                                            const std::string& file) {
    return at_->begin(at_->api().file.detach(id_, which, file));
}

answer<node::event_view> person::create(const std::string& title,
                                        const std::vector<std::string>& guests) {
    return at_->run(at_->api().events.create(id_, draft(title, guests, ++made_)));
}

answer<node::event_view> person::change(const event_id& which, const std::string& title,
                                        std::optional<version_number> expect) {
    node::event_draft change;
    change.title = title;
    return at_->run(at_->api().events.modify(id_, which, std::move(change), expect));
}

answer<void> person::remove(const event_id& which, std::optional<version_number> expect) {
    return at_->run(at_->api().events.remove(id_, which, expect));
}

answer<node::file_view> person::attach(const event_id& which, const std::string& file,
                                       bytes content, bool replace) {
    return at_->run(attach_from(at_->api(), id_, which, file, std::move(content), replace));
}

answer<bytes> person::read(const event_id& which, const std::string& file) {
    return at_->run(read_all(at_->api(), id_, which, file));
}

std::optional<node::event_view> person::sees(const event_id& which) const {
    auto view = at_->api().events.show(id_, which);
    return view ? std::optional(std::move(*view)) : std::nullopt;
}

std::vector<node::event_view> person::sees_all() const { return at_->api().events.list(id_, {}); }

std::string person::title_of(const event_id& which) const {
    const auto view = sees(which);
    return view ? view->content.title : std::string();
}

}  // namespace calbox::lab
