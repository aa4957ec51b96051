// What a command prints: results on standard output, everything else on standard error; one JSON
// document with --json. One thread.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "problem.hpp"
#include "surroundings.hpp"

namespace calbox::ctl {

enum class colour { plain, bold, dim, good, warning, bad };

class output {
public:
    struct settings {
        bool json = false;
        bool quiet = false;
        std::string color = "auto";  // auto, always, never
    };
    output(const surroundings& world, settings chosen);

    bool json() const { return settings_.json; }
    bool quiet() const { return settings_.quiet; }

    /// The result with --json: one document on one line or, on a terminal, indented.
    void document(const nlohmann::json& value);
    /// One document of several, on one line at once (NDJSON).
    void record(const nlohmann::json& value);
    /// A line of the result. The caller has cleaned what others wrote.
    void line(std::string_view text = {});
    /// What was done, for a person: not with --json or -q.
    void done(std::string_view text);
    /// Beside the result: standard error, not with -q.
    void note(std::string_view text);
    /// The columns aligned on a terminal, between tabs else. Nothing at all for no rows, but
    /// `empty` as a note.
    void table(const std::vector<std::string>& header,
               const std::vector<std::vector<std::string>>& rows, std::string_view empty);
    /// "Title   text", for views of one thing.
    void field(std::string_view name, std::string_view value);
    /// The sentence of a problem; with --json its document, on standard error.
    void failed(const problem& why);

    std::string paint(colour which, std::string_view text) const;
    bool good() const { return world_.out.good(); }

private:
    const surroundings& world_;
    settings settings_;
    bool color_out_;
    bool color_err_;
};

/// A line on the terminal's standard error that shows how far a transfer is; silent elsewhere.
class progress {
public:
    progress(const surroundings& world, const output& out, std::string what, std::uint64_t total);
    ~progress();
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

    void set_total(std::uint64_t total) { total_ = total; }
    void add(std::uint64_t bytes);

private:
    const surroundings& world_;
    bool shown_;
    std::string what_;
    std::uint64_t total_;
    std::uint64_t moved_ = 0;
    std::uint64_t drawn_ = 0;
};

/// Columns aligned by the width on the screen, without blanks at the ends of lines.
std::string aligned(const std::vector<std::string>& header,
                    const std::vector<std::vector<std::string>>& rows, std::size_t columns);

}  // namespace calbox::ctl
