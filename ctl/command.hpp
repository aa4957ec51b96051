// The table of commands. Parsing, help, completion and the manual all read it, so that none of them
// can miss a command or say something else about it. Each commands_*.cpp has one group. Read-only
// after start.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "problem.hpp"

namespace calbox::ctl {

class context;

/// What a word is, for completion.
enum class word_kind { text, event, person, group, category, file, choice };

struct argument {
    std::string name;  // "TITLE"
    std::string help;
    bool required = true;
    bool many = false;
    word_kind kind = word_kind::text;
    std::vector<std::string> choices = {};
};

struct option {
    std::string name;   // "with": written --with
    std::string brief;  // one letter, or empty
    std::string value;  // "NAME"; empty for a flag
    std::string help;
    bool many = false;
    word_kind kind = word_kind::text;
    std::vector<std::string> choices = {};
};

struct example {
    std::string line;
    std::string text;
};

struct command {
    std::string path;  // "events add"
    std::string summary;
    std::vector<argument> arguments;
    std::vector<option> options;
    std::vector<example> examples;
    std::string details;  // further paragraphs of the help, or empty
    answer<void> (*run)(context&) = nullptr;
    bool hidden = false;
};

/// What was given to one command: values by the name of the argument or option. A flag that was
/// given has one empty value.
class given {
public:
    void add(const std::string& name, std::string value) {
        values_[name].push_back(std::move(value));
    }
    void mark(const std::string& name) { values_[name]; }
    bool has(const std::string& name) const { return values_.count(name) != 0; }
    /// The last value, or an empty text.
    std::string one(const std::string& name) const {
        const auto found = values_.find(name);
        return found == values_.end() || found->second.empty() ? std::string()
                                                               : found->second.back();
    }
    std::vector<std::string> all(const std::string& name) const {
        const auto found = values_.find(name);
        return found == values_.end() ? std::vector<std::string>() : found->second;
    }

private:
    std::map<std::string, std::vector<std::string>> values_;
};

std::vector<command> session_commands();
std::vector<command> account_commands();
std::vector<command> event_commands();
std::vector<command> open_event_commands();
std::vector<command> branch_commands();
std::vector<command> history_commands();
std::vector<command> lock_commands();
std::vector<command> file_commands();
std::vector<command> people_commands();
std::vector<command> network_commands();
std::vector<command> net_commands();
std::vector<command> node_commands();
std::vector<command> recovery_commands();
std::vector<command> exchange_commands();
std::vector<command> search_commands();
std::vector<command> store_commands();
std::vector<command> web_commands();

/// Every command, in the order in which the help shows them.
const std::vector<command>& all_commands();
/// Options that every command takes.
const std::vector<option>& global_options();
/// What a group is about ("events": "..."), for the help of its first word.
std::string_view group_summary(std::string_view group);

}  // namespace calbox::ctl
