// Entry point and factory of the consensus plugin `etcd`.
#include <calbox/plugin.hpp>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "etcd.hpp"

namespace {

using calbox::errc;
using calbox::fail;
using calbox::consensus::etcd;

calbox::result<std::string> endpoint_of(const nlohmann::json& value) {
    std::string url = value.is_string() ? value.get<std::string>() : std::string();
    if (url.ends_with('/')) {
        url.pop_back();
    }
    const bool secured = url.starts_with("https://");
    const std::size_t host = secured ? 8 : 7;
    const auto colon = url.rfind(':');
    const bool fits = (secured || url.starts_with("http://")) && colon != std::string::npos &&
                      colon > host && colon + 1 < url.size() && colon + 6 >= url.size() &&
                      std::all_of(url.begin() + static_cast<std::ptrdiff_t>(colon) + 1, url.end(),
                                  [](char one) { return one >= '0' && one <= '9'; }) &&
                      url.find('/', host) == std::string::npos;
    if (!fits) {
        return fail(
            errc::invalid_argument,
            "an endpoint of etcd looks like \"https://etcd1.example.org:2379\", and not like " +
                value.dump());
    }
    return url;
}

calbox::result<std::unique_ptr<etcd>> make(std::string_view settings) {
    const auto values = nlohmann::json::parse(settings);
    etcd::settings with;
    for (const auto& one : values.at("endpoints")) {
        auto url = endpoint_of(one);
        if (!url) {
            return fail(url.error());
        }
        with.endpoints.push_back(std::move(*url));
    }
    if (with.endpoints.empty()) {
        return fail(errc::invalid_argument, "the setting \"endpoints\" names no member of etcd");
    }
    with.prefix = values.value("prefix", with.prefix);
    with.ttl = std::chrono::seconds(values.value("lock_ttl_s", 30));
    with.answer_within = std::chrono::milliseconds(values.value("answer_ms", 2000));
    with.give_up = std::chrono::milliseconds(values.value("give_up_ms", 8000));
    return std::make_unique<etcd>(std::move(with));
}

}  // namespace

CALBOX_PLUGIN(etcd, make, "consensus", "etcd", "1.0.0",
              "An etcd cluster decides; nobody can edit while most of it cannot be reached",
              "mutual_exclusion linearizable survives_holder_crash partition_safe needs_external "
              "inherits hands_over",
              R"({"type":"object","additionalProperties":false,"properties":{
        "endpoints":{"type":"array","default":["http://127.0.0.1:2379"]},
        "prefix":{"type":"string","default":"calbox/"},
        "lock_ttl_s":{"type":"integer","minimum":2,"maximum":600,"default":30},
        "answer_ms":{"type":"integer","minimum":50,"maximum":10000,"default":2000},
        "give_up_ms":{"type":"integer","minimum":100,"maximum":60000,"default":8000}}})");
