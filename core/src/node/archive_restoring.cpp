// Archives that come back: everything is verified before anything of it counts.
#include <algorithm>

#include "base/flag_taken.hpp"
#include "crypto/files.hpp"
#include "crypto/passwords.hpp"
#include "node/archive_service.hpp"
#include "replica/single_part.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

tl::unexpected<error> damaged_archive() {
    return fail(errc::malformed, "the archive is damaged: nothing of it was restored");
}

constexpr std::size_t versions_most = std::size_t{1} << 30;   // bytes, in memory
constexpr std::size_t small_together = std::size_t{1} << 20;  // of small files, in one batch
constexpr std::size_t row_bytes = 200;  // about as much work as that each of them is beside

}  // namespace

/// What has come of an archive so far. Its files are in the store already, under no event's name.
class archive_service::restoring {
public:
    restoring(const environment& env, held_files& held) : env_(env), held_(held) {}

    std::optional<archive_head> head;
    std::optional<archive_about> about;
    std::vector<wire::user_entry> cards;
    bool ended = false;

    task<result<void>> take(archive_frame frame);
    result<std::vector<replica::restored_event>> events() const;
    /// Its files belong to events now.
    void keep_files() {
        for (const auto& [root, size] : made_) {
            held_.note(root, size);
        }
        made_.clear();
    }
    task<void> drop_files();

private:
    result<void> take_version(const archived_version& one);
    task<result<void>> begin_file(archived_file what);
    task<result<void>> take_hashes(bytes some);
    task<result<void>> take_leaf(bytes sealed);
    task<result<void>> put_leaf(std::uint64_t index, bytes sealed);
    task<result<void>> write_small();
    struct arriving {
        archived_file what;
        std::vector<digest> hashes;
        std::uint64_t next = 0;  // leaf
        bool here = false;       // it is on this device already
    };

    const environment& env_;
    held_files& held_;
    std::optional<arriving> file_;
    std::map<file_root, std::uint64_t> made_;
    replica::batch later_;     // whole files of one part
    std::size_t waiting_ = 0;  // their bytes, and of their rows
    std::map<event_id, replica::restored_event> events_;
    std::map<event_id, std::vector<std::pair<replica::verified_envelope, replica::history_record>>>
        earlier_;
    std::uint64_t count_ = 0, count_earlier_ = 0, files_ = 0;
    std::size_t version_bytes_ = 0;
};

result<void> archive_service::restoring::take_version(const archived_version& one) {
    version_bytes_ += one.value.size();
    if (version_bytes_ > versions_most) {
        return fail(errc::too_large, "the archive holds more events than a device can");
    }
    auto record = codec::decode<replica::history_record>(one.value);
    auto what = record ? replica::verify(static_cast<const envelope&>(*record)) : fail(errc::ok);
    const bool fits =
        what && what->header.involves(about->user) &&
        (what->header.kind == envelope_kind::put || what->header.kind == envelope_kind::tombstone);
    if (!fits) {
        return damaged_archive();
    }
    const event_id event = what->header.event;
    if (one.earlier) {
        ++count_earlier_;
        earlier_[event].emplace_back(std::move(*what), std::move(*record));
        return {};
    }
    count_ += what->header.type == event_kind::calendar && what->header.kind == envelope_kind::put;
    return events_.emplace(event, replica::restored_event{std::move(*what), {}}).second
               ? result<void>()
               : damaged_archive();
}

task<result<void>> archive_service::restoring::begin_file(archived_file what) {
    if (file_ || what.size > wire::limits::file_bytes) {
        co_return damaged_archive();
    }
    const auto here = co_await held_.is_here(what.root);
    if (!here) {
        co_return fail(here.error());
    }
    file_ = arriving{what, {}, 0, *here};
    co_return result<void>();
}

task<result<void>> archive_service::restoring::take_hashes(bytes some) {
    const std::uint64_t leaves = file_ ? crypto::leaf_count(file_->what.size) : 0;
    if (!file_ || some.empty() || some.size() % digest::size != 0 ||
        some.size() / digest::size > leaves - file_->hashes.size()) {
        co_return damaged_archive();
    }
    for (std::size_t at = 0; at < some.size(); at += digest::size) {
        file_->hashes.push_back(*digest::from_bytes(byte_view(some).subspan(at, digest::size)));
    }
    if (file_->hashes.size() < leaves) {
        co_return result<void>();
    }
    const archived_file what = file_->what;
    if (crypto::root_of(file_->hashes, what.size) != what.root) {
        co_return damaged_archive();
    }
    if (file_->here) {
        co_return result<void>();
    }
    auto cleared = co_await held_.store().make_way(what.root, what.size);
    if (!cleared) {
        co_return cleared;
    }
    if (leaves == 1) {
        co_return result<void>();  // its only part is written with those of others
    }
    made_.emplace(what.root, what.size);
    const auto opened = co_await held_.store().resume(what.root, what.size, file_->hashes);
    co_return opened.map([](const std::vector<bool>&) {});
}

task<result<void>> archive_service::restoring::take_leaf(bytes sealed) {
    const std::uint64_t leaves = file_ ? crypto::leaf_count(file_->what.size) : 0;
    if (!file_ || file_->hashes.size() != leaves ||
        crypto::leaf_hash(sealed) != file_->hashes[file_->next]) {
        co_return damaged_archive();
    }
    const std::uint64_t index = file_->next++;
    if (!file_->here) {
        auto written = co_await put_leaf(index, std::move(sealed));
        if (!written) {
            co_return written;
        }
    }
    if (file_->next < leaves) {
        co_return result<void>();
    }
    ++files_;
    const arriving whole = std::move(*std::exchange(file_, std::nullopt));
    if (whole.here || leaves == 1) {
        co_return result<void>();
    }
    co_return co_await held_.store().finish(whole.what.root, whole.what.size, whole.hashes);
}

/// Durable on return, unless it is all of its file: then it is with write_small().
task<result<void>> archive_service::restoring::put_leaf(std::uint64_t index, bytes sealed) {
    const archived_file& what = file_->what;
    if (file_->hashes.size() > 1) {
        co_return co_await held_.store().put_leaf(what.root, index, std::move(sealed),
                                                  file_->hashes[index]);
    }
    if (sealed.size() != crypto::sealed_file_bytes(what.size)) {
        co_return damaged_archive();
    }
    if (!made_.emplace(what.root, what.size).second) {
        co_return result<void>();  // an archive that has it twice
    }
    waiting_ += sealed.size() + row_bytes;
    replica::add_single(later_, what.root, what.size, std::move(sealed), file_->hashes[index]);
    if (waiting_ < small_together) {
        co_return result<void>();
    }
    co_return co_await write_small();
}

task<result<void>> archive_service::restoring::write_small() {
    if (later_.empty()) {
        co_return result<void>();
    }
    waiting_ = 0;
    co_return co_await held_.store().write(std::exchange(later_, {}));
}

task<result<void>> archive_service::restoring::take(archive_frame frame) {
    if (ended || frame.about.has_value() == about.has_value()) {
        co_return damaged_archive();
    }
    if (frame.about) {
        about = frame.about;
    }
    for (const bytes& one : frame.cards) {
        if (auto card = codec::decode<wire::user_entry>(one)) {
            cards.push_back(std::move(*card));
        }
    }
    for (const archived_version& one : frame.versions) {
        if (auto taken = take_version(one); !taken) {
            co_return taken;
        }
    }
    if (frame.file) {
        if (auto begun = co_await begin_file(*frame.file); !begun) {
            co_return begun;
        }
    }
    if (frame.hashes) {
        if (auto taken = co_await take_hashes(std::move(*frame.hashes)); !taken) {
            co_return taken;
        }
    }
    if (frame.leaf) {
        if (auto taken = co_await take_leaf(std::move(*frame.leaf)); !taken) {
            co_return taken;
        }
    }
    ended = frame.end.value_or(false);
    const bool complete = !file_ && count_ == about->events && count_earlier_ == about->versions &&
                          files_ == about->files;
    if (!ended) {
        co_return result<void>();
    }
    if (!complete) {
        co_return damaged_archive();
    }
    co_return co_await write_small();
}

result<std::vector<replica::restored_event>> archive_service::restoring::events() const {
    std::vector<replica::restored_event> all;
    for (const auto& [event, one] : events_) {
        all.push_back(one);
        if (const auto before = earlier_.find(event); before != earlier_.end()) {
            all.back().earlier = before->second;
        }
    }
    const bool alone = std::ranges::any_of(
        earlier_, [this](const auto& one) { return !events_.contains(one.first); });
    if (alone) {
        return damaged_archive();
    }
    return all;
}

/// What somebody else has fetched meanwhile stays.
task<void> archive_service::restoring::drop_files() {
    for (const auto& unwritten : std::exchange(later_, {}).blobs) {
        made_.erase(unwritten.root);
    }
    for (const auto& [root, size] : made_) {
        if (held_.has(root)) {
            continue;
        }
        const auto erased = co_await held_.store().erase(root);
        if (!erased) {
            env_.log.write(
                log_level::warn, "archive",
                "a file of an archive that was not restored stays: " + erased.error().message());
        }
    }
    made_.clear();
}

task<result<archive_view>> archive_service::restore(passwords with, replica::byte_source& from) {
    if (std::exchange(restoring_, true)) {
        co_return fail(errc::busy,
                       "an archive is being restored on this device: wait until that is over");
    }
    const flag_taken until_the_end{restoring_};
    restoring all(env_, with_.held);
    auto done = co_await restore_all(all, std::move(with), from);
    co_await all.drop_files();
    co_return std::move(done);
}

task<result<archive_view>> archive_service::restore_all(restoring& all, passwords with,
                                                        replica::byte_source& from) {
    const auto normal = crypto::normal_password(with.archive);
    if (!normal) {
        co_return fail(normal.error());
    }
    archive_reader reader;
    std::optional<crypto::identity> keys;
    while (true) {
        const auto piece = co_await from.next();
        if (!piece) {
            co_return fail(piece.error());
        }
        if (piece->empty()) {
            break;
        }
        reader.give(*piece);
        if (!all.head) {
            auto head = reader.head();
            if (!head) {
                co_return fail(std::move(head.error()));
            }
            if (!*head) {
                continue;
            }
            all.head = std::move(**head);
            auto opening = co_await derive(*normal, all.head->kdf);
            if (!opening) {
                co_return fail(std::move(opening.error()));
            }
            auto opened =
                crypto::open_identity(all.head->identity, opening->identity.view(), all.head->name);
            if (!opened) {
                co_return fail(errc::unauthorised, "the password does not open this archive");
            }
            if (with_.names.accounts().identity_of(opened->id()) != nullptr) {
                co_return fail(errc::already_exists,
                               all.head->name +
                                   " is signed in on this device: an archive is for "
                                   "a device where he is not");
            }
            keys = std::move(*opened);
            reader.open(std::move(opening->frames));
        }
        while (true) {
            auto frame = reader.next();
            if (!frame) {
                co_return fail(std::move(frame.error()));
            }
            if (!*frame) {
                break;
            }
            if (auto taken = co_await all.take(std::move(**frame)); !taken) {
                co_return fail(std::move(taken.error()));
            }
        }
    }
    if (!all.ended || !reader.is_empty() || all.about->user != keys->id()) {
        co_return fail(errc::malformed, "the archive is not complete: nothing of it was restored");
    }
    archive_view view;
    view.name = all.head->name;
    view.made = all.about->made;
    view.events = all.about->events;
    view.versions = all.about->versions;
    view.files = all.about->files;
    view.file_bytes = all.about->file_bytes;
    view.missing_files = all.about->missing_files;
    auto done = co_await finish(all, std::move(*keys),
                                with.account.empty() ? with.archive : with.account, view);
    co_return done.map([&] { return view; });
}

namespace {

/// Makes the events durable together with the account.
task<result<void>> store_with(account_service& accounts, account_service::returning who,
                              std::string password, archive_view& view) {
    const auto in =
        co_await accounts.come_back(std::move(who), std::move(password), view.registered);
    if (!in) {
        co_return fail(in.error());
    }
    view.device = in->device;
    co_return result<void>();
}

}  // namespace

task<result<void>> archive_service::finish(restoring& all, crypto::identity keys,
                                           std::string password, archive_view& view) {
    auto events = all.events();
    if (!events) {
        co_return fail(std::move(events.error()));
    }
    std::optional<error> not_elsewhere;
    if (all.about->epoch > with_.epoch()) {
        not_elsewhere = error(
            errc::unsupported,
            "this network does not know " + view.name +
                ", and has changed its consensus strategy less often than the archive's, which is "
                "in its epoch " +
                std::to_string(all.about->epoch.value) + ": its events could not be changed here");
    }
    account_service& accounts = with_.names.accounts();
    const auto who = std::make_shared<account_service::returning>(account_service::returning{
        view.name, std::move(keys), all.about->devices, std::move(not_elsewhere), {}, {}});
    for (const wire::user_entry& card : all.cards) {
        co_await with_.names.users().remember(card);
    }
    auto done = co_await with_.replica.restore(
        std::move(*events), [&](replica::batch writes, std::function<void()> stored) {
            who->with = std::move(writes);
            who->stored = [&all, stored = std::move(stored)] {
                all.keep_files();
                stored();
            };
            return store_with(accounts, std::move(*who), std::move(password), view);
        });
    if (done && view.registered) {
        with_.replica.begin_anew(all.about->user);
    }
    if (done) {
        with_.restored();
    }
    co_return done;
}

}  // namespace calbox::node
