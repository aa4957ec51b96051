// Holds docs/openapi.json against the routing table: what the one has, the other has.
#include <set>

#include <gtest/gtest.h>

#include "daemon/api.hpp"
#include "daemon/json.hpp"

namespace calbox::daemon {
namespace {

const std::set<std::string> methods = {"get",   "put",  "post",    "delete",
                                       "patch", "head", "options", "trace"};

std::string lower(std::string_view text) {
    std::string made(text);
    for (char& c : made) {
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return made;
}

std::set<std::string> described(const json& document) {
    std::set<std::string> all;
    for (const auto& [path, item] : document["paths"].items()) {
        for (const auto& [method, operation] : item.items()) {
            if (methods.count(method) != 0) {
                all.insert(method + " " + path);
            }
        }
    }
    return all;
}

TEST(openapi, describes_every_route_and_no_other) {
    const auto document = json::parse(openapi_document());
    std::set<std::string> served;
    for (const auto& one : api::routes()) {
        served.insert(lower(one.method) + " " + std::string(one.path));
    }
    EXPECT_EQ(described(document), served);
}

void each_reference(const json& node, const std::function<void(const std::string&)>& tell) {
    if (node.is_object() && node.contains("$ref")) {
        tell(node["$ref"].get<std::string>());
    }
    if (node.is_structured()) {
        for (const auto& child : node) {
            each_reference(child, tell);
        }
    }
}

TEST(openapi, has_what_it_refers_to) {
    const auto document = json::parse(openapi_document());
    each_reference(document, [&](const std::string& target) {
        ASSERT_TRUE(target.starts_with("#/")) << target;
        EXPECT_TRUE(document.contains(json::json_pointer(target.substr(1)))) << target;
    });
}

TEST(openapi, describes_every_operation_wholly) {
    const auto document = json::parse(openapi_document());
    std::set<std::string> ids;
    for (const auto& [path, item] : document["paths"].items()) {
        for (const auto& [method, operation] : item.items()) {
            const std::string where = method + " " + path;
            EXPECT_TRUE(ids.insert(operation["operationId"]).second) << where;
            EXPECT_TRUE(operation.contains("summary")) << where;
            EXPECT_TRUE(operation["responses"].contains("default")) << where;
            EXPECT_GE(operation["responses"].size(), 2u) << where;
            std::set<std::string> given, wanted;
            for (const auto& one : operation.value("parameters", json::array())) {
                const json& real =
                    one.contains("$ref")
                        ? document[json::json_pointer(one["$ref"].get<std::string>().substr(1))]
                        : one;
                if (real["in"] == "path") {
                    given.insert(real["name"]);
                }
            }
            for (auto at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1)) {
                wanted.insert(path.substr(at + 1, path.find('}', at) - at - 1));
            }
            EXPECT_EQ(given, wanted) << where;
        }
    }
}

/// The members of a view are those of its schema, and all but so many are required there.
void expect_schema(const json& document, const std::string& name, const json& view,
                   std::size_t optional = 0) {
    const json& schema = document["components"]["schemas"][name];
    std::set<std::string> has, describes;
    for (const auto& [key, value] : view.items()) {
        has.insert(key);
    }
    for (const auto& [key, value] : schema["properties"].items()) {
        describes.insert(key);
    }
    EXPECT_EQ(has, describes) << name;
    EXPECT_EQ(schema["required"].size() + optional, describes.size()) << name;
}

TEST(openapi, has_the_members_that_are_sent) {
    const auto document = json::parse(openapi_document());
    expect_schema(document, "account", to_json(node::account_view{}));
    expect_schema(document, "user", to_json(node::user_view{}));
    expect_schema(document, "friend", to_json(node::friend_view{}));
    expect_schema(document, "group", to_json(node::group_view{}));
    expect_schema(document, "network", to_json(node::network_view{}));
    expect_schema(document, "peer", to_json(node::peer_view{}));
    expect_schema(document, "plugin", to_json(node::plugin_view{}));
    expect_schema(document, "finding", to_json(node::finding{}));
    node::status_view backup;
    backup.backing.emplace();
    expect_schema(document, "status", to_json(backup), 1);
    expect_schema(document, "recovery", to_json(node::recovery_view{}));
    expect_schema(document, "last_recovery", to_json(node::recovery_view{})["last"]);
    expect_schema(document, "recovered", to_json(node::recovery_view{})["friends"]);
    expect_schema(document, "found", to_json(node::found_view{}));
    expect_schema(document, "scrub", to_json(node::scrub_view{}));
    expect_schema(document, "store", to_json(node::store_view{}));
    expect_schema(document, "change", to_json(node::change{}));
    node::file_view elsewhere;
    elsewhere.problem = "nobody has it";
    expect_schema(document, "file", to_json(elsewhere), 1);
    expect_schema(document, "event", to_json(node::event_view{}, {}));
    expect_schema(document, "field_change", to_json(model::field_change{}));
    expect_schema(document, "version", to_json(node::version_view{}));
    expect_schema(document, "deleted_event", to_json(node::trash_view{}));
    expect_schema(document, "lock", to_json(node::lock_view{}));
    expect_schema(document, "quorum", to_json(node::quorum_view{}));
    expect_schema(document, "problem", json::parse(http::problem(error(errc::internal)).body));
}

TEST(openapi, reads_drafts_as_it_says) {
    const auto document = json::parse(openapi_document());
    const std::map<std::string, json> samples = {
        {"string", "x"}, {"boolean", true}, {"array", json::array()}};
    for (const auto& [key, schema] :
         document["components"]["schemas"]["draft"]["properties"].items()) {
        EXPECT_TRUE(read_draft({{key, samples.at(schema["type"])}})) << key;
    }
}

TEST(openapi, has_every_code_with_its_status) {
    const auto document = json::parse(openapi_document());
    const auto& codes = document["components"]["schemas"]["problem"]["properties"]["code"]["enum"];
    const std::string text = document["components"]["responses"]["problem"]["description"];
    for (int number = 1; number <= static_cast<int>(errc::internal); ++number) {
        const auto code = static_cast<errc>(number);
        EXPECT_NE(std::find(codes.begin(), codes.end(), to_string(code)), codes.end())
            << to_string(code);
        const std::string both =
            std::string(to_string(code)) + " " + std::to_string(http::status_of(code));
        EXPECT_NE(text.find(both), std::string::npos) << both;
    }
}

}  // namespace
}  // namespace calbox::daemon
