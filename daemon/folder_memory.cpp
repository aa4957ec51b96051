#include "folder_memory.hpp"

#include "json.hpp"

namespace calbox::daemon {

std::string write_folder_memory(const folder_memory& what) {
    json directories = json::object();
    for (const auto& [key, directory] : what.book) {
        json files = json::object();
        for (const auto& [name, one] : directory.files) {
            files[name] = {{"label", one.label},
                           {"root", one.root.hex()},
                           {"inode", one.as.inode},
                           {"size", one.as.size},
                           {"changed_ns", one.as.changed_ns},
                           {"away", one.away},
                           {"own_name", one.own_name}};
        }
        directories[key] = {
            {"name", directory.name}, {"own_name", directory.own_name}, {"files", files}};
    }
    return write_json(
        {{"path", what.path}, {"id", what.id}, {"user", what.user}, {"directories", directories}});
}

std::optional<folder_memory> read_folder_memory(std::string_view text) {
    const json document = json::parse(text, nullptr, false);
    if (!document.is_object()) {
        return std::nullopt;
    }
    folder_memory made;
    try {
        made.path = document.at("path").get<std::string>();
        made.id = document.at("id").get<std::string>();
        made.user = document.at("user").get<std::string>();
        for (const auto& [key, directory] : document.at("directories").items()) {
            kept_directory& into = made.book[key];
            into.name = directory.at("name").get<std::string>();
            into.own_name = directory.at("own_name").get<bool>();
            for (const auto& [name, one] : directory.at("files").items()) {
                const auto root = file_root::from_hex(one.at("root").get<std::string>());
                if (!root) {
                    return std::nullopt;
                }
                into.files[name] = {
                    one.at("label").get<std::string>(),
                    *root,
                    {one.at("inode").get<std::uint64_t>(), one.at("size").get<std::uint64_t>(),
                     one.at("changed_ns").get<std::int64_t>()},
                    one.at("away").get<bool>(),
                    one.at("own_name").get<bool>()};
            }
        }
    } catch (const json::exception&) {
        return std::nullopt;  // written by another version, or by somebody else
    }
    return made;
}

}  // namespace calbox::daemon
