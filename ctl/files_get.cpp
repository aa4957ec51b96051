#include "files_get.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "arriving_file.hpp"
#include "event_options.hpp"
#include "event_text.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

std::filesystem::path destination(const context& with, const std::string& label) {
    if (!with.values.has("output")) {
        return file_name_of(label);
    }
    const std::filesystem::path named = with.values.one("output");
    std::error_code ignored;
    return std::filesystem::is_directory(named, ignored) ? named / file_name_of(label) : named;
}

/// Where somebody looks on: has the file come to the daemon first, and shows how far it is. What
/// goes wrong is said by the download that follows.
answer<void> bring_here(context& with, const std::string& target, const std::string& label,
                        const std::string& times) {
    constexpr std::chrono::milliseconds look_again{200};
    if (!with.world.err_is_terminal || with.out.quiet() || with.out.json()) {
        return {};
    }
    progress shown(with.world, with.out, label + ", fetching", 0);
    const auto asked = with.api.send_json(
        "POST", target + "/files/" + encode_segment(label) + "/resume" + times, json::object());
    json mine = asked ? *asked : json();
    std::uint64_t come = 0;
    while (text_of(mine, "held") == "fetching") {
        shown.set_total(number_of(mine, "size"));
        const auto now = std::max(come, number_of(mine, "fetched"));
        shown.add(now - std::exchange(come, now));
        if (!rest(with.world, look_again)) {
            return refuse("cancelled",
                          "given up: what has come stays, and files get goes on with it");
        }
        const auto found = with.api.get(target + "/files");
        const auto time = text_of(mine, "recurrence_id");
        mine = json();
        for (const auto& one : found ? list_of(*found, "files") : json::array()) {
            const bool same =
                text_of(one, "name") == label && text_of(one, "recurrence_id") == time;
            mine = same ? one : mine;
        }
    }
    if (text_of(mine, "held") == "paused") {
        return refuse("busy", clean(label) + " was paused: what has come of it stays");
    }
    return {};
}

/// Of files that are made durable together: each has an open file here.
constexpr std::size_t saved_together = 200;

/// The bytes of one file of the event into a file beside the one that is wanted.
answer<arriving_file> download_beside(context& with, const std::string& target, const json& file,
                                      const std::filesystem::path& wanted, progress& shown) {
    const auto time = text_of(file, "recurrence_id");
    const request what{.method = "GET",
                       .target = target + "/files/" + encode_segment(text_of(file, "name")) +
                                 (time.empty() ? time : "?recurrence_id=" + encode_segment(time)),
                       .body = {},
                       .content_type = {},
                       .headers = {}};
    auto made = arriving_file::make(wanted);
    if (!made) {
        return made;
    }
    auto done = with.api.download(
        what, [](std::optional<std::uint64_t>) {},
        [&](std::string_view bytes) {
            shown.add(bytes.size());
            return made->write(bytes);
        });
    if (!done) {
        return refuse(done.error());
    }
    return made;
}

/// Where a file of the event comes to lie.
std::filesystem::path place_of(const json& file, const std::filesystem::path& folder) {
    return folder / file_name_of(text_of(file, "name"));
}

/// Whether each can have a name of its own in the folder.
answer<void> names_are_free(const context& with, const json& files,
                            const std::filesystem::path& folder) {
    std::set<std::filesystem::path> names;
    for (const auto& file : files) {
        const auto wanted = place_of(file, folder);
        std::error_code ignored;
        if (!names.insert(wanted).second) {
            return refuse("already_exists",
                          "two of the files would be called " + clean(wanted.string()) +
                              ": get them one by one with -o, and those of one time of a series "
                              "with --occurrence");
        }
        if (!with.values.has("force") && std::filesystem::symlink_status(wanted, ignored).type() !=
                                             std::filesystem::file_type::not_found) {
            return arriving_file::exists(wanted);
        }
    }
    return {};
}

std::uint64_t sum_of(const json& files, const std::string& what) {
    std::uint64_t sum = 0;
    for (const auto& file : files) {
        sum += number_of(file, what);
    }
    return sum;
}

/// Has all come to the daemon first, and shows how far they are. `listed`: how they were before.
answer<json> bring_all_here(context& with, const std::string& target, const std::string& times,
                            const json& listed) {
    std::uint64_t come = sum_of(listed, "fetched");
    progress shown(with.world, with.out, fmt::format("{} files, fetching", listed.size()),
                   sum_of(listed, "size") - std::min(come, sum_of(listed, "size")));
    const auto moves = [&] {
        const auto found = with.api.get(target + "/files" + times);
        const auto now = found ? std::max(come, sum_of(list_of(*found, "files"), "fetched")) : come;
        shown.add(now - come);
        return std::exchange(come, now) != now;
    };
    const auto found = with.api.have_done(target + "/fetch" + times, patience_for_files, moves);
    return found ? answer<json>(list_of(*found, "files")) : refuse(found.error());
}

/// Saves what has come, up to the first one that cannot be, and says what was saved.
answer<void> save_all(context& with, const std::string& target, const json& files,
                      const std::filesystem::path& folder) {
    progress shown(with.world, with.out, fmt::format("{} files", files.size()),
                   sum_of(files, "size"));
    json saved = json::array();
    std::vector<arriving_file> come;
    answer<void> done;
    const auto finish = [&] {
        auto finished = arriving_file::finish_all(come, with.values.has("force"));
        for (const auto& one : come) {
            if (one.is_finished()) {
                const auto& file = files[saved.size()];
                saved.push_back(
                    {{"path", place_of(file, folder).string()}, {"size", number_of(file, "size")}});
            }
        }
        come.clear();
        done = done ? finished : done;
    };
    for (auto file = files.begin(); done && file != files.end(); ++file) {
        auto made = download_beside(with, target, *file, place_of(*file, folder), shown);
        if (!made) {
            done = refuse(made.error());
            break;
        }
        come.push_back(std::move(*made));
        if (come.size() == saved_together) {
            finish();
        }
    }
    finish();
    if (with.out.json()) {
        with.out.document({{"files", saved}});
    } else {
        const auto of_all = done ? std::string() : fmt::format(" of {}", files.size());
        with.out.done(fmt::format("{}{} files into {} ({})", saved.size(), of_all,
                                  clean(folder.string()), byte_text(sum_of(saved, "size"))));
    }
    return done;
}

answer<void> get_all(context& with, const std::string& target, const std::string& times) {
    const std::filesystem::path folder =
        with.values.has("output") ? with.values.one("output") : std::string(".");
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder, ignored)) {
        return refuse("invalid_argument",
                      clean(folder.string()) + " is not a directory: --all needs one");
    }
    // What cannot be saved is not fetched.
    const auto listed = with.api.get(target + "/files" + times);
    if (!listed) {
        return refuse(listed.error());
    }
    if (auto free = names_are_free(with, list_of(*listed, "files"), folder); !free) {
        return free;
    }
    const auto found = bring_all_here(with, target, times, list_of(*listed, "files"));
    if (!found) {
        return refuse(found.error());
    }
    json files = json::array();
    for (const auto& file : *found) {
        const auto held = text_of(file, "held");
        if (held == "here") {
            files.push_back(file);
            continue;
        }
        const auto why = clean(text_of(file, "problem"));
        with.out.note((why.empty() ? clean(text_of(file, "name")) + " is not here" : why) +
                      (held == "paused" ? "; files resume goes on with it" : ""));
    }
    // Somebody may have attached more meanwhile.
    if (auto free = names_are_free(with, files, folder); !free) {
        return free;
    }
    auto done = save_all(with, target, files, folder);
    if (done && files.size() < found->size()) {
        return refuse("unavailable", "not all files could be fetched");
    }
    return done;
}

}  // namespace

answer<void> get_files(context& with) {
    const auto id = with.values.one("ID");
    const auto label = with.values.one("NAME");
    const auto target = event_target(id);
    if (!target) {
        return refuse(target.error());
    }
    const auto times = chosen_times(with, *target, false);
    if (!times) {
        return refuse(times.error());
    }
    if (with.values.has("NAME") == with.values.has("all")) {
        return refuse("invalid_argument", "name one file of the event, or say --all");
    }
    if (with.values.has("all")) {
        return get_all(with, *target, *times);
    }
    const request what{.method = "GET",
                       .target = *target + "/files/" + encode_segment(label) + *times,
                       .body = {},
                       .content_type = {},
                       .headers = {}};
    const auto come = [&] { return bring_here(with, *target, label, *times); };
    progress shown(with.world, with.out, label, 0);
    const auto begin = [&](std::optional<std::uint64_t> length) {
        shown.set_total(length.value_or(0));
    };
    if (with.values.one("output") == "-") {
        if (auto here = come(); !here) {
            return here;
        }
        return with.api.download(what, begin, [&](std::string_view bytes) -> answer<void> {
            with.world.out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
            if (!with.world.out.good()) {
                return refuse("io_failed", "cannot write to standard output");
            }
            return {};
        });
    }
    const auto wanted = destination(with, label);
    const bool force = with.values.has("force");
    std::error_code ignored;
    if (!force && std::filesystem::symlink_status(wanted, ignored).type() !=
                      std::filesystem::file_type::not_found) {
        return arriving_file::exists(wanted);
    }
    if (auto here = come(); !here) {
        return here;
    }
    auto file = arriving_file::make(wanted);
    if (!file) {
        return refuse(file.error());
    }
    std::uint64_t size = 0;
    auto done = with.api.download(what, begin, [&](std::string_view bytes) {
        size += bytes.size();
        shown.add(bytes.size());
        return file->write(bytes);
    });
    if (done) {
        done = file->finish(force);
    }
    if (!done) {
        return done;
    }
    if (with.out.json()) {
        with.out.document({{"path", wanted.string()}, {"size", size}});
    } else {
        with.out.done(fmt::format("{} ({})", clean(wanted.string()), byte_text(size)));
    }
    return {};
}

}  // namespace calbox::ctl
