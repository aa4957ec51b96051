#include "plugins/settings.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace calbox::plugins {
namespace {

using nlohmann::json;

constexpr int depth_max = 16;

bool is_of_type(const json& value, std::string_view type) {
    if (type == "object") {
        return value.is_object();
    }
    if (type == "array") {
        return value.is_array();
    }
    if (type == "string") {
        return value.is_string();
    }
    if (type == "boolean") {
        return value.is_boolean();
    }
    if (type == "integer") {
        return value.is_number_integer();
    }
    if (type == "number") {
        return value.is_number();
    }
    return type == "null" && value.is_null();
}

std::string shown(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

tl::unexpected<error> wrong(std::string_view where, const std::string& what) {
    const std::string subject =
        where.empty() ? "the settings" : "the setting \"" + std::string(where) + "\"";
    return fail(errc::invalid_argument, subject + " " + what);
}

result<void> complete(json& value, const json& schema, const std::string& where, int depth);

result<void> complete_members(json& value, const json& schema, const std::string& where,
                              int depth) {
    const json none = json::object();
    const auto found = schema.find("properties");
    const json& properties = found != schema.end() && found->is_object() ? *found : none;
    for (const auto& [name, member] : properties.items()) {
        if (!value.contains(name) && member.is_object() && member.contains("default")) {
            value[name] = member["default"];
        }
    }
    if (const auto required = schema.find("required");
        required != schema.end() && required->is_array()) {
        for (const json& name : *required) {
            if (name.is_string() && !value.contains(name.get_ref<const std::string&>())) {
                return wrong(where, "must have \"" + name.get<std::string>() + "\"");
            }
        }
    }
    const auto others = schema.find("additionalProperties");
    const bool closed = others != schema.end() && others->is_boolean() && !others->get<bool>();
    for (auto& [name, member] : value.items()) {
        const std::string path = where.empty() ? name : where + "." + name;
        if (const auto rule = properties.find(name); rule != properties.end()) {
            if (auto fine = complete(member, *rule, path, depth + 1); !fine) {
                return fine;
            }
        } else if (closed) {
            return wrong(path, "is not one that this plugin knows");
        }
    }
    return {};
}

result<void> complete(json& value, const json& schema, const std::string& where, int depth) {
    if (!schema.is_object()) {
        return {};
    }
    if (depth > depth_max) {
        return wrong(where, "is nested too deeply");
    }
    if (const auto type = schema.find("type"); type != schema.end() && type->is_string()) {
        const auto& wanted = type->get_ref<const std::string&>();
        if (!is_of_type(value, wanted)) {
            return wrong(where, "must be of type " + wanted + ", and is " + shown(value));
        }
    }
    if (const auto allowed = schema.find("enum"); allowed != schema.end() && allowed->is_array()) {
        if (std::find(allowed->begin(), allowed->end(), value) == allowed->end()) {
            return wrong(where, "must be one of " + shown(*allowed) + ", and is " + shown(value));
        }
    }
    if (value.is_number()) {
        // JSON compares numbers of different kinds by value, so that no large integer is rounded
        // first.
        if (const auto least = schema.find("minimum");
            least != schema.end() && least->is_number() && value < *least) {
            return wrong(where, "must be at least " + shown(*least) + ", and is " + shown(value));
        }
        if (const auto most = schema.find("maximum");
            most != schema.end() && most->is_number() && value > *most) {
            return wrong(where, "must be at most " + shown(*most) + ", and is " + shown(value));
        }
    }
    return value.is_object() ? complete_members(value, schema, where, depth) : result<void>();
}

}  // namespace

result<std::string> complete_settings(std::string_view schema, std::string_view settings) {
    const json rules = json::parse(schema, nullptr, false);
    if (!rules.is_object()) {
        return fail(errc::malformed, "the schema of its settings is not a JSON object");
    }
    json value = settings.empty() ? json::object() : json::parse(settings, nullptr, false);
    if (!value.is_object()) {
        return fail(errc::invalid_argument, "the settings are not a JSON object");
    }
    if (auto fine = complete(value, rules, "", 0); !fine) {
        return fail(std::move(fine.error()));
    }
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace calbox::plugins
