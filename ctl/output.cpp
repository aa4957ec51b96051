#include "output.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "text.hpp"

namespace calbox::ctl {

namespace {

std::string_view code_of(colour which) {
    switch (which) {
        case colour::bold:
            return "\033[1m";
        case colour::dim:
            return "\033[2m";
        case colour::good:
            return "\033[32m";
        case colour::warning:
            return "\033[33m";
        case colour::bad:
            return "\033[31m";
        case colour::plain:
            break;
    }
    return {};
}

bool wanted(const std::string& color, bool terminal, const surroundings& world) {
    if (color == "always" || color == "never") {
        return color == "always";
    }
    return terminal && world.variable("NO_COLOR").value_or("").empty() &&
           world.variable("TERM").value_or("") != "dumb";
}

constexpr int json_indent = 2;

std::string dumped(const nlohmann::json& value, int indent) {
    return value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

output::output(const surroundings& world, settings chosen)
    : world_(world),
      settings_(std::move(chosen)),
      color_out_(wanted(settings_.color, world.out_is_terminal, world)),
      color_err_(wanted(settings_.color, world.err_is_terminal, world)) {}

void output::document(const nlohmann::json& value) {
    world_.out << dumped(value, world_.out_is_terminal ? json_indent : -1) << '\n';
}

void output::record(const nlohmann::json& value) { world_.out << dumped(value, -1) << std::endl; }

void output::line(std::string_view text) { world_.out << text << '\n'; }

void output::done(std::string_view text) {
    if (!settings_.json && !settings_.quiet) {
        line(text);
    }
}

void output::note(std::string_view text) {
    if (!settings_.quiet) {
        world_.err << text << '\n';
    }
}

void output::table(const std::vector<std::string>& header,
                   const std::vector<std::vector<std::string>>& rows, std::string_view empty) {
    if (rows.empty()) {
        note(empty);
        return;
    }
    if (!world_.out_is_terminal) {
        for (const auto& row : rows) {
            line(joined(row, "\t"));
        }
        return;
    }
    const std::string text = aligned(header, rows, world_.columns);
    const auto first = text.find('\n');
    line(paint(colour::bold, text.substr(0, first)));
    world_.out << text.substr(first + 1);
}

void output::field(std::string_view name, std::string_view value) {
    if (!value.empty()) {
        line(fmt::format("{} {}", paint(colour::dim, fmt::format("{:<14}", name)), value));
    }
}

void output::failed(const problem& why) {
    const int status = exit_status(why.code);
    if (settings_.json) {
        world_.err << dumped({{"code", why.code}, {"detail", clean(why.detail)}, {"exit", status}},
                             -1)
                   << '\n';
        return;
    }
    const std::string_view paint_begin = color_err_ ? code_of(colour::bad) : std::string_view();
    const std::string_view paint_end = color_err_ ? "\033[0m" : "";
    world_.err << paint_begin << "calboxctl:" << paint_end << ' ' << clean(why.detail) << '\n';
}

std::string output::paint(colour which, std::string_view text) const {
    if (!color_out_ || which == colour::plain || text.empty()) {
        return std::string(text);
    }
    return fmt::format("{}{}\033[0m", code_of(which), text);
}

progress::progress(const surroundings& world, const output& out, std::string what,
                   std::uint64_t total)
    : world_(world),
      shown_(world.err_is_terminal && !out.quiet() && !out.json()),
      what_(clean(what)),
      total_(total) {}

progress::~progress() {
    if (shown_ && drawn_ > 0) {
        world_.err << "\r\033[K" << std::flush;
    }
}

void progress::add(std::uint64_t bytes) {
    moved_ += bytes;
    // A drawing each percent, or each MB of what has no known end.
    const std::uint64_t step = std::max<std::uint64_t>(total_ / 100, 1'000'000);
    if (!shown_ || moved_ < drawn_ + step) {
        return;
    }
    drawn_ = moved_;
    world_.err << '\r' << what_ << "  ";
    if (total_ > 0) {
        world_.err << fmt::format("{:3} % of {}", moved_ * 100 / total_, byte_text(total_));
    } else {
        world_.err << byte_text(moved_);
    }
    world_.err << "\033[K" << std::flush;
}

}  // namespace calbox::ctl
