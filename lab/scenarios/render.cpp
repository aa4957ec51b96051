#include "lab/scenarios/render.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace calbox::lab {

namespace {

double in_ms(duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

std::string padded(const std::string& text, std::size_t width) {
    return text + std::string(width - std::min(width, text.size()), ' ');
}

std::vector<std::size_t> widths_of(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    return widths;
}

std::string line_of(const std::vector<std::string>& row, const std::vector<std::size_t>& widths) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i) {
        line += " " + (i + 1 == row.size() ? row[i] : padded(row[i], widths[i] + 1));
    }
    return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string steps_text(const report& what) {
    std::vector<std::vector<std::string>> rows;
    for (const played_step& one : what.steps) {
        rows.push_back({std::string(to_string(one.state)), time_text(one.at),
                        requirements_text(one.proves), one.what});
    }
    const auto widths = widths_of(rows);
    std::string text;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        text += line_of(rows[i], widths);
        if (const played_step& one = what.steps[i]; !one.sentence.empty()) {
            text += line_of({"", "", "", "  " + one.sentence}, widths);
        }
        for (const std::string& line : what.steps[i].log) {
            text += "      | " + line + "\n";
        }
    }
    return text;
}

std::string table_text(const figure_table& what) {
    std::vector<std::vector<std::string>> rows{what.columns};
    rows.insert(rows.end(), what.rows.begin(), what.rows.end());
    const auto widths = widths_of(rows);
    std::string text = "\n  " + what.title + "\n";
    for (const auto& row : rows) {
        text += line_of(row, widths);
    }
    return text;
}

std::string outcome_text(const report& what) {
    std::string text = fmt::format("{}: {} of {} steps hold", what.passed() ? "passed" : "FAILED",
                                   what.count(step_state::holds), what.steps.size());
    for (const auto state :
         {step_state::unclaimed, step_state::surprise, step_state::failed, step_state::not_tried}) {
        if (const std::size_t count = what.count(state); count > 0) {
            text += fmt::format(", {} {}", count, to_string(state));
        }
    }
    return text + fmt::format("; {} simulated", time_text(what.simulated));
}

std::string strategies_text(const scenario_options& with) {
    return fmt::format("seed {}, consensus {}, discovery {}, recovery {}", with.seed,
                       with.consensus, with.discovery, with.recovery);
}

std::string escaped(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        switch (c) {
            case '&':
                safe += "&amp;";
                break;
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '"':
                safe += "&quot;";
                break;
            default:
                safe += c;
        }
    }
    return safe;
}

constexpr std::string_view page_head = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>calbox-lab</title>
<style>
:root { --page: #fbfbf9; --text: #1d1f21; --soft: #5a6068; --line: #dcddd8; --card: #ffffff;
  --holds: #17703a; --failed: #b3261e; --unclaimed: #7a5200; }
@media (prefers-color-scheme: dark) { :root { --page: #16181a; --text: #e6e6e3; --soft: #a3a9b0;
  --line: #34383c; --card: #1e2124; --holds: #6fcf97; --failed: #ff8a80; --unclaimed: #f0c36d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; background: var(--page);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin: 0; } h3 { font-size: 1rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: 1rem; margin: 1.25rem 0; }
p { margin: .25rem 0; } .soft { color: var(--soft); font-size: .9rem; }
.steps { list-style: none; margin: 1rem 0; padding: 0; }
.steps li { display: grid; grid-template-columns: 5.5rem 6.5rem 1fr; gap: 0 .75rem; padding: .4rem 0;
  border-top: 1px solid var(--line); }
.steps .more { grid-column: 3; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
.state { font-weight: 600; } .holds { color: var(--holds); } .failed { color: var(--failed); }
.unclaimed { color: var(--unclaimed); } .at { font-variant-numeric: tabular-nums; }
.at { color: var(--soft); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-top: 1px solid var(--line);
  vertical-align: top; }
pre { overflow-x: auto; font-size: .8rem; }
nav a { color: inherit; }
@media (max-width: 40rem) { .steps li { grid-template-columns: 1fr auto; }
  .steps .what, .steps .more { grid-column: 1 / 3; } }
</style>
</head>
<body>
)";

std::string_view class_of(step_state state) {
    return state == step_state::holds       ? "holds"
           : state == step_state::unclaimed ? "unclaimed"
                                            : "failed";
}

std::string log_html(const std::vector<std::string>& lines, std::string_view title) {
    if (lines.empty()) {
        return {};
    }
    std::string html = fmt::format("<details><summary>{}</summary><pre>", title);
    for (const std::string& line : lines) {
        html += escaped(line) + "\n";
    }
    return html + "</pre></details>\n";
}

std::string step_html(const played_step& one) {
    std::string html = fmt::format(
        R"(<li><span class="state {}">{}</span><span class="at">{}</span><span class="what">{}</span>)",
        class_of(one.state), to_string(one.state), time_text(one.at), escaped(one.what));
    std::string more = requirements_text(one.proves);
    if (!one.sentence.empty()) {
        more += (more.empty() ? "" : ": ") + one.sentence;
    }
    if (!more.empty() || !one.log.empty()) {
        html += fmt::format(R"(<div class="more">{}{}</div>)", escaped(more),
                            log_html(one.log, "how the log ends"));
    }
    return html + "</li>\n";
}

std::string table_html(const figure_table& what) {
    std::string html =
        fmt::format("<h3>{}</h3>\n<div class=\"wide\"><table><thead><tr>", escaped(what.title));
    for (const std::string& name : what.columns) {
        html += "<th scope=\"col\">" + escaped(name) + "</th>";
    }
    html += "</tr></thead><tbody>\n";
    for (const auto& row : what.rows) {
        html += "<tr>";
        for (const std::string& cell : row) {
            html += "<td>" + escaped(cell) + "</td>";
        }
        html += "</tr>\n";
    }
    return html + "</tbody></table></div>\n";
}

figure_table figures_as_table(const report& what) {
    figure_table table{"Figures", {"what", "value"}, {}};
    for (const figure& one : what.figures) {
        table.rows.push_back({one.name, number_text(one.value) + " " + one.unit});
    }
    return table;
}

std::string run_html(const report& what, std::size_t number) {
    std::string html = fmt::format(
        "<section id=\"run{}\">\n<h2>{}</h2>\n<p>{}</p>\n<p class=\"soft\">{}</p>\n"
        "<p class=\"{}\"><strong>{}</strong></p>\n",
        number, escaped(what.scenario), escaped(what.summary), escaped(strategies_text(what.with)),
        what.passed() ? "holds" : "failed", escaped(outcome_text(what)));
    if (!what.broken.empty()) {
        html += "<p class=\"failed\">Beside the steps: " + escaped(what.broken) + "</p>";
    }
    html += "<ol class=\"steps\">\n";
    for (const played_step& one : what.steps) {
        html += step_html(one);
    }
    html += "</ol>\n";
    if (!what.figures.empty()) {
        html += table_html(figures_as_table(what));
    }
    for (const figure_table& one : what.tables) {
        html += table_html(one);
    }
    return html + log_html(what.log, "the log") + "</section>\n";
}

}  // namespace

std::string time_text(duration time) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
    const auto s = ms / 1000;
    if (s >= 86'400) {
        return fmt::format("{}d {:02}:{:02}:{:02}", s / 86'400, s / 3600 % 24, s / 60 % 60, s % 60);
    }
    if (s >= 3600) {
        return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    }
    return fmt::format("{:02}:{:02}.{:03}", s / 60, s % 60, ms % 1000);
}

std::string requirements_text(std::vector<int> numbers) {
    std::ranges::sort(numbers);
    std::string text;
    for (std::size_t first = 0; first < numbers.size();) {
        std::size_t last = first;
        while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) {
            ++last;
        }
        text += fmt::format("{}R{}", text.empty() ? "" : ", ", numbers[first]);
        if (last > first) {
            text += fmt::format("{}R{}", last == first + 1 ? ", " : "-", numbers[last]);
        }
        first = last + 1;
    }
    return text;
}

std::string number_text(double value) {
    std::string text = fmt::format("{:.3f}", value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) {
        text.pop_back();
    }
    return text;
}

std::string text_of(const report& what) {
    std::string text = fmt::format("{}: {}\n  {}\n\n{}", what.scenario, what.summary,
                                   strategies_text(what.with), steps_text(what));
    if (!what.figures.empty()) {
        std::vector<std::vector<std::string>> rows;
        for (const figure& one : what.figures) {
            rows.push_back({one.name, number_text(one.value) + " " + one.unit});
        }
        const auto widths = widths_of(rows);
        text += "\n";
        for (const auto& row : rows) {
            text += line_of(row, widths);
        }
    }
    for (const figure_table& one : what.tables) {
        text += table_text(one);
    }
    if (!what.broken.empty()) {
        text += "\n  Beside the steps: " + what.broken + "\n";
    }
    for (const std::string& line : what.log) {
        text += "      | " + line + "\n";
    }
    return text + fmt::format("\n  {}\n", outcome_text(what));
}

nlohmann::ordered_json json_of(const report& what) {
    using json = nlohmann::ordered_json;
    json steps = json::array(), figures = json::array(), tables = json::array();
    for (const played_step& one : what.steps) {
        steps.push_back({{"what", one.what},
                         {"proves", one.proves},
                         {"state", to_string(one.state)},
                         {"sentence", one.sentence},
                         {"at_ms", in_ms(one.at)},
                         {"took_ms", in_ms(one.took)},
                         {"log", one.log}});
    }
    for (const figure& one : what.figures) {
        figures.push_back({{"name", one.name}, {"value", one.value}, {"unit", one.unit}});
    }
    for (const figure_table& one : what.tables) {
        tables.push_back({{"title", one.title}, {"columns", one.columns}, {"rows", one.rows}});
    }
    return {{"scenario", what.scenario},
            {"summary", what.summary},
            {"seed", what.with.seed},
            {"consensus", what.with.consensus},
            {"discovery", what.with.discovery},
            {"recovery", what.with.recovery},
            {"passed", what.passed()},
            {"broken", what.broken},
            {"simulated_ms", in_ms(what.simulated)},
            {"happened", what.happened},
            {"trace", fmt::format("{:016x}", what.trace)},
            {"steps", steps},
            {"figures", figures},
            {"tables", tables},
            {"log", what.log}};
}

std::string html_of(const std::vector<report>& runs) {
    std::string html(page_head);
    const auto good = static_cast<std::size_t>(std::ranges::count_if(runs, &report::passed));
    html += fmt::format("<h1>calbox-lab: {} of {} runs passed</h1>\n", good, runs.size());
    if (runs.size() > 1) {
        html += "<nav><ul>\n";
        for (std::size_t i = 0; i < runs.size(); ++i) {
            html += fmt::format("<li><a href=\"#run{}\">{}</a>: {}</li>\n", i,
                                escaped(runs[i].scenario), escaped(outcome_text(runs[i])));
        }
        html += "</ul></nav>\n";
    }
    for (std::size_t i = 0; i < runs.size(); ++i) {
        html += run_html(runs[i], i);
    }
    return html + "</body>\n</html>\n";
}

}  // namespace calbox::lab
