// calbox-histcheck: says whether a history of operations on events is linearizable, and if not,
// which operations contradict each other (docs/lab.md, "Histories").
#include <cstdio>
#include <fstream>
#include <iostream>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/check/histcheck.hpp"

namespace {

namespace lab = calbox::lab;
using nlohmann::ordered_json;

constexpr int legal = 0, illegal = 1, unreadable = 2;

constexpr const char* about =
    R"(Judges a history of operations on events: could every answer have come from one copy of
each event (linearizability)? Says for each event that fails which operations cannot all be true.)";
constexpr const char* footer = R"(One JSON object a line:
  {"client":"bob","call":10,"ret":20,"op":"cas","key":"alice/1.7","expect":3,"value":"h",
   "res":"ok","version":4}
  op   read, cas (modify; delete with "value":null) or create
  res  ok, conflict, fail or unknown
Blank lines and lines that begin with # are skipped. docs/lab.md explains the fields.

Exit status: 0 legal, 1 illegal, 2 the history cannot be read or makes no sense.)";

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

calbox::result<lab::history> read_from(const std::string& name) {
    if (name == "-") {
        return lab::read_history(std::cin);
    }
    std::ifstream file(name, std::ios::binary);
    if (!file) {
        return calbox::fail(calbox::errc::io_failed, "cannot be opened");
    }
    return lab::read_history(file);
}

ordered_json document(const lab::verdict& judged, const lab::history& what) {
    ordered_json found = ordered_json::array();
    for (const lab::contradiction& one : judged.contradictions) {
        ordered_json operations = ordered_json::array();
        for (const std::size_t place : one.operations) {
            operations.push_back(ordered_json::parse(lab::to_line(what[place])));
        }
        found.push_back({{"key", one.key}, {"sentence", one.sentence}, {"operations", operations}});
    }
    return {{"legal", judged.legal()},
            {"operations", judged.operations},
            {"events", judged.events},
            {"contradictions", found}};
}

std::string counted(std::size_t number, std::string_view what) {
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string text(const lab::verdict& judged, const lab::history& what) {
    std::string made;
    for (const lab::contradiction& one : judged.contradictions) {
        made += one.sentence + "\n";
        for (const std::size_t place : one.operations) {
            made += "    " + lab::to_line(what[place]) + "\n";
        }
    }
    made += fmt::format("{}: {}, {}", judged.legal() ? "legal" : "illegal",
                        counted(judged.operations, "operation"), counted(judged.events, "event"));
    if (!judged.legal()) {
        made += fmt::format(", {} of them contradictory", judged.contradictions.size());
    }
    return made + "\n";
}

int complain(const std::string& name, const calbox::error& why, bool json) {
    const std::string sentence = (name == "-" ? "standard input" : name) + ": " + why.message();
    if (json) {
        const ordered_json made{{"error", sentence}};
        print(stdout, made.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
    } else {
        print(stderr, "calbox-histcheck: " + sentence + "\n");
    }
    return unreadable;
}

int run(const std::string& name, bool json) {
    const auto what = read_from(name);
    if (!what) {
        return complain(name, what.error(), json);
    }
    const auto judged = lab::check_history(*what);
    if (!judged) {
        return complain(name, judged.error(), json);
    }
    print(stdout, json ? document(*judged, *what).dump() + "\n" : text(*judged, *what));
    return judged->legal() ? legal : illegal;
}

}  // namespace

int main(int count, char** words) {
    std::string file;
    bool json = false;
    CLI::App app(about, "calbox-histcheck");
    app.footer(footer);
    app.add_option("FILE", file, "The history; - reads standard input")->required();
    app.add_flag("--json", json, "The verdict as one JSON document");
    app.set_version_flag("--version", CALBOX_VERSION);
    try {
        app.parse(count, words);
        return run(file, json);
    } catch (const CLI::ParseError& wrong) {
        return app.exit(wrong) == 0 ? 0 : unreadable;
    } catch (const std::exception& bug) {
        print(stderr, std::string("calbox-histcheck: ") + bug.what() + "\n");
        return unreadable;
    }
}
