#include "node/archive_service.hpp"

#include <algorithm>

#include "crypto/files.hpp"
#include "crypto/passwords.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

archives::~archives() = default;

namespace {

constexpr std::size_t versions_bytes = std::size_t{256} << 10;  // in one frame, or one version
constexpr std::size_t cards_per_frame = 100;
constexpr std::size_t hashes_bytes = std::size_t{512} << 10;  // in one frame

/// `all` in pieces for frames.
template <class Piece, class Fits>
std::vector<std::vector<Piece>> in_pieces(const std::vector<Piece>& all, Fits fits) {
    std::vector<std::vector<Piece>> made;
    for (const Piece& one : all) {
        if (made.empty() || !fits(made.back(), one)) {
            made.emplace_back();
        }
        made.back().push_back(one);
    }
    return made;
}

bool fits_cards(const std::vector<bytes>& so_far, const bytes&) {
    return so_far.size() < cards_per_frame;
}

bool fits_versions(const std::vector<archived_version>& so_far, const archived_version& one) {
    std::size_t size = one.value.size();
    for (const archived_version& before : so_far) {
        size += before.value.size();
    }
    return size <= versions_bytes;
}

archive_frame frame_of_hashes(bytes some) {
    archive_frame made;
    made.hashes = std::move(some);
    return made;
}

archive_frame frame_of_leaf(bytes sealed) {
    archive_frame made;
    made.leaf = std::move(sealed);
    return made;
}

archive_frame frame_of_file(const archived_file& what) {
    archive_frame made;
    made.file = what;
    return made;
}

archive_frame last_frame() {
    archive_frame made;
    made.end = true;
    return made;
}

}  // namespace

struct archive_service::content {
    user_id user;
    std::string name;
    archive_about about;
    std::vector<bytes> cards;
    std::vector<archived_version> versions;
    std::map<file_root, std::uint64_t> files;  // that are here
    std::set<file_root> missing;

    /// Everything but the files.
    std::vector<archive_frame> frames() const {
        std::vector<archive_frame> made(1);
        made.front().about = about;
        for (auto& some : in_pieces(cards, fits_cards)) {
            made.emplace_back().cards = std::move(some);
        }
        for (auto& some : in_pieces(versions, fits_versions)) {
            made.emplace_back().versions = std::move(some);
        }
        return made;
    }
    archive_view view() const {
        archive_view seen;
        seen.name = name;
        seen.made = about.made;
        seen.events = about.events;
        seen.versions = about.versions;
        seen.files = about.files;
        seen.file_bytes = about.file_bytes;
        seen.missing_files = about.missing_files;
        return seen;
    }
};

void archive_service::see_files(content& all, const replica::held_event& version) const {
    if (version.header.type != event_kind::calendar || version.header.kind != envelope_kind::put) {
        return;
    }
    const auto opened = with_.opened.read(version, all.user);
    for (const model::attachment& file :
         opened ? opened->content.files : std::vector<model::attachment>()) {
        if (with_.held.has(file.root)) {
            all.files.emplace(file.root, file.size);
        } else {
            all.missing.insert(file.root);
        }
    }
}

/// What this device holds of the user's, as it is now. unauthorised: he is not signed in when it
/// ends.
task<result<void>> archive_service::collect(content& all) {
    const auto me = with_.names.accounts().author_of(all.user);
    if (!me) {
        co_return fail(errc::unauthorised, "this user is not signed in on this device");
    }
    const directory& users = with_.names.users();
    all.name = with_.names.name_of(all.user);
    all.about.user = all.user;
    all.about.made = env_.time.wall();
    all.about.devices = me->number;
    if (const user_info* const mine = users.known(all.user)) {
        for (const author& one : mine->devices) {
            all.about.devices = std::max(all.about.devices, one.number);
        }
    }
    std::set<user_id> others;
    std::vector<event_id> mine;
    for (const auto& [id, held] : with_.replica.events().all()) {
        const bool version =
            held.header.kind == envelope_kind::put || held.header.kind == envelope_kind::tombstone;
        if (version && held.header.involves(all.user)) {
            mine.push_back(id);
        }
    }
    for (const event_id& id : mine) {
        const auto kept = co_await with_.replica.earlier().kept(id);
        if (!kept) {
            co_return fail(kept.error());
        }
        for (const replica::past_version& one : *kept) {
            const auto past = co_await with_.replica.earlier().read(id, one.what.order);
            if (past && past->header.involves(all.user)) {
                all.versions.push_back({true, past->encoded});
                ++all.about.versions;
                see_files(all, *past);
            }
        }
        const replica::held_event* const held = with_.replica.events().find(id);
        if (held == nullptr || !held->header.involves(all.user)) {
            continue;
        }
        all.versions.push_back({false, held->encoded});
        all.about.events +=
            held->header.type == event_kind::calendar && held->header.kind == envelope_kind::put;
        all.about.epoch = std::max(all.about.epoch, held->header.next_in);
        if (id.organizer == all.user) {
            all.about.devices = std::max(all.about.devices, id.device());
        }
        others.insert(held->header.participants.begin(), held->header.participants.end());
        others.insert(id.organizer);
        see_files(all, *held);
    }
    others.erase(all.user);
    for (const user_id& other : others) {
        if (const wire::user_entry* const entry = users.entry_of(other)) {
            all.cards.push_back(codec::encode(*entry));
        }
    }
    all.about.files = all.files.size();
    all.about.missing_files = all.missing.size();
    for (const auto& [root, size] : all.files) {
        all.about.file_bytes += size;
    }
    if (with_.names.accounts().identity_of(all.user) == nullptr) {  // any more
        co_return fail(errc::unauthorised, "this user has signed out of this device meanwhile");
    }
    co_return result<void>();
}

task<result<archive_view>> archive_service::show(user_id as) {
    content all;
    all.user = as;
    auto collected = co_await collect(all);
    co_return collected.map([&] { return all.view(); });
}

/// Those of current versions that are elsewhere; what cannot be reached stays missing.
task<void> archive_service::fetch_files(user_id as) {
    std::vector<std::pair<event_id, file_label>> elsewhere;
    for (const opened_event* const one : with_.opened.with_files(as)) {
        for (const model::attachment& file : one->content.files) {
            if (!with_.held.has(file.root)) {
                elsewhere.emplace_back(one->header.event, label_of(file));
            }
        }
    }
    for (const auto& [event, name] : elsewhere) {
        const auto fetched = co_await with_.files.fetch(as, event, name);
        if (!fetched) {
            env_.log.write(log_level::debug, "archive",
                           "a file stays out of an archive: " + fetched.error().message());
        }
    }
}

task<result<archive_keys>> archive_service::derive(std::string password,
                                                   wire::kdf_parameters with) {
    auto job = [password = std::move(password), with = std::move(with)] {
        return open_archive(password, with);
    };
    co_return co_await offload(env_, env_.compute, std::move(job));
}

std::uint64_t archive_service::length_of(const content& all) {
    std::uint64_t length = 0;
    for (const archive_frame& one : all.frames()) {
        length += archive_writer::size_of(one);
    }
    // A leaf, or a piece of the hashes, has one of two sizes.
    std::map<std::size_t, std::uint64_t> leaf_sizes, hash_sizes;
    const auto leaf = [&](std::size_t size) {
        auto [known, is_new] = leaf_sizes.emplace(size, 0);
        if (is_new) {
            known->second = archive_writer::size_of(frame_of_leaf(bytes(size)));
        }
        return known->second;
    };
    for (const auto& [root, size] : all.files) {
        length += archive_writer::size_of(frame_of_file({root, size}));
        const std::uint64_t leaves = crypto::leaf_count(size);
        for (std::uint64_t at = 0; at < leaves * digest::size; at += hashes_bytes) {
            const auto some = std::min<std::uint64_t>(hashes_bytes, leaves * digest::size - at);
            length += archive_writer::size_of(frame_of_hashes(bytes(some)));
        }
        length += (leaves - 1) * leaf(crypto::leaf_sealed_bytes) +
                  leaf(crypto::sealed_leaf_bytes(size, leaves - 1));
    }
    return length + archive_writer::size_of(last_frame());
}

task<result<void>> archive_service::save(user_id as, std::string password, archive_sink& into) {
    content all;
    all.user = as;
    const crypto::identity* const keys = with_.names.accounts().identity_of(as);
    if (keys == nullptr) {
        co_return fail(errc::unauthorised, "this user is not signed in on this device");
    }
    const std::string name = with_.names.name_of(as);
    const auto normal = crypto::normal_password(password);
    auto strong = normal ? crypto::hard_to_guess(*normal, name) : fail(normal.error());
    if (!strong) {
        co_return fail(std::move(strong.error()));
    }
    archive_head head;
    head.name = name;
    head.kdf = {bytes(16), with_.kdf.kdf_memory_bytes, with_.kdf.kdf_passes};
    env_.entropy.fill(head.kdf.salt);
    auto opening = co_await derive(*normal, head.kdf);
    if (!opening) {
        co_return fail(std::move(opening.error()));
    }
    co_await fetch_files(as);
    if (auto collected = co_await collect(all); !collected) {
        co_return collected;
    }
    head.identity = crypto::seal_identity(*with_.names.accounts().identity_of(as),
                                          opening->identity.view(), name, env_.entropy);
    archive_writer to(head, std::move(opening->frames), env_.entropy);
    if (auto begun = co_await into.begin(to.head().size() + length_of(all)); !begun) {
        co_return begun;
    }
    if (auto written = co_await into.write(to.head()); !written) {
        co_return written;
    }
    co_return co_await write(all, to, into);
}

task<result<void>> archive_service::write(const content& all, archive_writer& to,
                                          archive_sink& into) {
    for (const archive_frame& one : all.frames()) {
        auto written = co_await into.write(to.frame(one));
        if (!written) {
            co_return written;
        }
    }
    for (const auto& [root, size] : all.files) {
        auto written = co_await write_file({root, size}, to, into);
        if (!written) {
            co_return written;
        }
    }
    co_return co_await into.write(to.frame(last_frame()));
}

task<result<void>> archive_service::write_file(const archived_file& what, archive_writer& to,
                                               archive_sink& into) {
    if (auto written = co_await into.write(to.frame(frame_of_file(what))); !written) {
        co_return written;
    }
    const std::uint64_t leaves = crypto::leaf_count(what.size);
    bytes hashes;
    for (std::uint64_t at = 0; at < leaves;) {
        const auto some = co_await with_.held.store().leaf_hashes(
            what.root, at, static_cast<std::uint32_t>(wire::limits::leaf_hashes_per_message));
        if (!some || some->empty()) {
            co_return fail(some ? error(errc::malformed, "the record of a file is damaged")
                                : some.error());
        }
        hashes.insert(hashes.end(), some->begin(), some->end());
        at += some->size() / digest::size;
    }
    for (std::size_t at = 0; at < hashes.size(); at += hashes_bytes) {
        const byte_view some =
            byte_view(hashes).subspan(at, std::min(hashes_bytes, hashes.size() - at));
        auto written = co_await into.write(to.frame(frame_of_hashes(to_bytes(some))));
        if (!written) {
            co_return written;
        }
    }
    for (std::uint64_t i = 0; i < leaves; ++i) {
        auto leaf = co_await with_.held.store().leaf(what.root, i);
        const bool whole =
            leaf && std::ranges::equal(crypto::leaf_hash(*leaf).view(),
                                       byte_view(hashes).subspan(i * digest::size, digest::size));
        if (!whole) {
            co_return fail(leaf ? error(errc::mismatch,
                                        "a file on this device is damaged: calboxctl store scrub "
                                        "heals it, and then the archive can be made")
                                : leaf.error());
        }
        auto written = co_await into.write(to.frame(frame_of_leaf(std::move(*leaf))));
        if (!written) {
            co_return written;
        }
    }
    co_return result<void>();
}

}  // namespace calbox::node
