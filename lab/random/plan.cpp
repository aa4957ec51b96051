#include "lab/random/plan.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace calbox::lab {

namespace {

constexpr std::array<std::pair<action_kind, std::string_view>, 40> kind_names{{
    {action_kind::create, "create"},
    {action_kind::change, "change"},
    {action_kind::remove, "remove"},
    {action_kind::attach, "attach"},
    {action_kind::invite, "invite"},
    {action_kind::look, "look"},
    {action_kind::kill, "kill"},
    {action_kind::power_cut, "power_cut"},
    {action_kind::stop, "stop"},
    {action_kind::start, "start"},
    {action_kind::kill_midway, "kill_midway"},
    {action_kind::split, "split"},
    {action_kind::one_way, "one_way"},
    {action_kind::silence, "silence"},
    {action_kind::heal, "heal"},
    {action_kind::worse, "worse"},
    {action_kind::slow_disk, "slow_disk"},
    {action_kind::clock_rate, "clock_rate"},
    {action_kind::clock_jump, "clock_jump"},
    {action_kind::copy_disk, "copy_disk"},
    {action_kind::restore_disk, "restore_disk"},
    {action_kind::wipe_disk, "wipe_disk"},
    {action_kind::fill_disk, "fill_disk"},
    {action_kind::free_disk, "free_disk"},
    {action_kind::disk_errors, "disk_errors"},
    {action_kind::change_strategy, "change_strategy"},
    {action_kind::reboot_box, "reboot_box"},
    {action_kind::detach, "detach"},
    {action_kind::answer, "answer"},
    {action_kind::leave, "leave"},
    {action_kind::edit, "edit"},
    {action_kind::sign_out, "sign_out"},
    {action_kind::sign_in, "sign_in"},
    {action_kind::restore, "restore"},
    {action_kind::take_over, "take_over"},
    {action_kind::replace, "replace"},
    {action_kind::bring_back, "bring_back"},
    {action_kind::split_series, "split_series"},
    {action_kind::open_event, "open_event"},
    {action_kind::join_event, "join_event"},
}};

constexpr std::array<std::pair<nat_kind, std::string_view>, 4> nat_names{{
    {nat_kind::full_cone, "full_cone"},
    {nat_kind::restricted, "restricted"},
    {nat_kind::port_restricted, "port_restricted"},
    {nat_kind::symmetric, "symmetric"},
}};
constexpr std::string_view no_nat = "none";

template <class Names, class Value>
std::string_view name_in(const Names& names, Value what) {
    const auto found = std::ranges::find(names, what, [](const auto& one) { return one.first; });
    return found == names.end() ? "?" : found->second;
}

template <class Value, std::size_t Count>
std::optional<Value> named_in(const std::array<std::pair<Value, std::string_view>, Count>& names,
                              std::string_view name) {
    const auto found = std::ranges::find(names, name, [](const auto& one) { return one.second; });
    return found == names.end() ? std::nullopt : std::optional(found->first);
}

}  // namespace

bool done_by_people(action_kind what) noexcept {
    return what <= action_kind::look || what >= action_kind::detach;
}

std::string_view to_string(action_kind what) noexcept { return name_in(kind_names, what); }

static std::optional<nat_box> box_of(const std::vector<std::optional<nat_kind>>& nats,
                                     std::string_view what, std::size_t number) {
    const bool has_one = number < nats.size() && nats[number];
    return has_one ? std::optional(nat_box{fmt::format("{}{}", what, number), *nats[number]})
                   : std::nullopt;
}

std::optional<nat_box> box_of_person(const plan& in, std::size_t number) {
    return box_of(in.nats, "box", number);
}

std::optional<nat_box> box_of_backup(const plan& in, std::size_t number) {
    return box_of(in.backup_nats, "backup box", number);
}

bool begin_alike(const plan& one, const plan& other) noexcept {
    const auto beginning = [](const plan& of) {
        return std::tie(of.consensus, of.discovery, of.recovery, of.storage, of.people,
                        of.second_devices, of.newcomers, of.shared_device, of.nats, of.backup_nats,
                        of.backups, of.rendezvous);
    };
    return one.founding && one.founding == other.founding && beginning(one) == beginning(other);
}

bool has_partitions(const plan& what) noexcept {
    return std::ranges::any_of(what.actions, [](const action& one) {
        return one.what == action_kind::split || one.what == action_kind::one_way ||
               one.what == action_kind::silence || one.what == action_kind::reboot_box;
    });
}

std::string to_json(const plan& what) {
    nlohmann::ordered_json head{{"seed", what.seed},
                                {"consensus", what.consensus},
                                {"discovery", what.discovery},
                                {"recovery", what.recovery},
                                {"storage", what.storage},
                                {"people", what.people},
                                {"backups", what.backups},
                                {"rendezvous", what.rendezvous},
                                {"latency_ms", what.latency_ms},
                                {"jitter_ms", what.jitter_ms},
                                {"lost_per_mille", what.lost_per_mille},
                                {"trouble_ms", what.trouble_ms},
                                {"absent", what.absent}};
    if (what.second_devices != 0) {
        head["second_devices"] = what.second_devices;
    }
    if (what.newcomers) {
        head["newcomers"] = true;
    }
    if (what.shared_device) {
        head["shared_device"] = true;
    }
    for (const auto& [key, kinds] :
         {std::pair("nats", &what.nats), {"backup_nats", &what.backup_nats}}) {
        for (const auto& kind : *kinds) {
            head[key].push_back(kind ? name_in(nat_names, *kind) : no_nat);
        }
    }
    if (what.kilobytes_per_second != 0) {
        head["kilobytes_per_second"] = what.kilobytes_per_second;
    }
    if (what.loses_device != 0) {
        head["loses_device"] = what.loses_device;
    }
    if (what.founding) {
        head["founding"] = *what.founding;
    }
    std::string text = head.dump();
    text.pop_back();
    text += ",\n\"actions\":[";
    for (std::size_t i = 0; i < what.actions.size(); ++i) {
        const action& one = what.actions[i];
        const nlohmann::ordered_json line{{"at_ms", one.at_ms},
                                          {"what", to_string(one.what)},
                                          {"who", one.who},
                                          {"which", one.which},
                                          {"number", one.number}};
        text += (i == 0 ? "\n" : ",\n") + line.dump();
    }
    return text + "]}\n";
}

result<plan> plan_from_json(std::string_view text) {
    try {
        const auto read = nlohmann::json::parse(text);
        plan made;
        read.at("seed").get_to(made.seed);
        read.at("consensus").get_to(made.consensus);
        read.at("discovery").get_to(made.discovery);
        read.at("recovery").get_to(made.recovery);
        made.storage = read.value("storage", made.storage);
        if (read.contains("founding")) {
            made.founding = read.at("founding").get<std::uint64_t>();
        }
        read.at("people").get_to(made.people);
        made.second_devices = read.value("second_devices", 0u);
        made.newcomers = read.value("newcomers", false);
        made.shared_device = read.value("shared_device", false);
        made.kilobytes_per_second = read.value("kilobytes_per_second", 0u);
        for (const auto& [key, kinds] :
             {std::pair("nats", &made.nats), {"backup_nats", &made.backup_nats}}) {
            for (const auto& word : read.value(key, nlohmann::json::array())) {
                const auto name = word.get<std::string>();
                kinds->push_back(named_in(nat_names, name));
                if (!kinds->back() && name != no_nat) {
                    return fail(errc::malformed, "no NAT is called \"" + name + "\"");
                }
            }
        }
        read.at("backups").get_to(made.backups);
        read.at("rendezvous").get_to(made.rendezvous);
        read.at("latency_ms").get_to(made.latency_ms);
        read.at("jitter_ms").get_to(made.jitter_ms);
        read.at("lost_per_mille").get_to(made.lost_per_mille);
        read.at("trouble_ms").get_to(made.trouble_ms);
        read.at("absent").get_to(made.absent);
        made.loses_device = read.value("loses_device", 0u);
        for (const auto& line : read.at("actions")) {
            action one;
            line.at("at_ms").get_to(one.at_ms);
            line.at("who").get_to(one.who);
            line.at("which").get_to(one.which);
            line.at("number").get_to(one.number);
            const auto word = line.at("what").get<std::string>();
            const auto what = named_in(kind_names, word);
            if (!what) {
                return fail(errc::malformed, "no action is called \"" + word + "\"");
            }
            one.what = *what;
            made.actions.push_back(one);
        }
        if (made.second_devices > made.people) {
            return fail(errc::malformed, "there are more second devices than people");
        }
        if (made.shared_device && (made.absent != 0 || made.loses_device != 0)) {
            return fail(errc::malformed,
                        "where two use one device nobody stays away, and none is lost");
        }
        if (made.people == 0 || made.people > 16 || made.rendezvous == 0 || made.rendezvous > 8 ||
            made.backups > 8) {
            return fail(errc::malformed,
                        "a world has 1 to 16 people, 1 to 8 rendezvous and up to 8 backups");
        }
        return made;
    } catch (const nlohmann::json::exception& problem) {
        return fail(errc::malformed, std::string("not a plan: ") + problem.what());
    }
}

}  // namespace calbox::lab
