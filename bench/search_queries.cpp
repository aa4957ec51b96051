// search_queries EVENTS: how long the search of a person with so many events takes, and how much
// memory the index, beside looking through the same texts from the first to the last, which is what
// a search without an index does. The texts are made of 20,000 words, of which a few are in many
// events, as in a language. Prints JSON; times are of the processor.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>

#include <fmt/format.h>

#include "node/search_index.hpp"

namespace {

using namespace calbox;

double processor_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double resident_mb() {
    std::ifstream in("/proc/self/statm");
    std::size_t all = 0, resident = 0;
    in >> all >> resident;
    return static_cast<double>(resident) * 4096 / 1e6;
}

constexpr std::size_t vocabulary = 20'000;

/// Word number n of the vocabulary: "kalobi".
std::string word(std::size_t n) {
    std::string text;
    for (int i = 0; i < 3; ++i) {
        text += "bdfgklmnprstvz"[n % 14];
        text += "aeiou"[n / 14 % 5];
        n = n / 70 + static_cast<std::size_t>(i) * 7;
    }
    return text;
}

/// A few words are in many texts, most in few (Zipf).
std::size_t drawn(std::mt19937_64& chance) {
    const double u = std::uniform_real_distribution<>(0, 1)(chance);
    return static_cast<std::size_t>(std::pow(static_cast<double>(vocabulary), u)) - 1;
}

std::string words(std::mt19937_64& chance, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += (i == 0 ? "" : " ") + word(drawn(chance));
    }
    return text;
}

bool says(const node::indexed_text& text, const std::string& what) {
    const auto in = [&](const std::string& field) {
        return std::search(field.begin(), field.end(), what.begin(), what.end(),
                           [](char a, char b) { return std::tolower(a) == b; }) != field.end();
    };
    return in(text.title) || in(text.info) || in(text.place) || in(text.people) || in(text.files);
}

double median(std::vector<double> all) {
    std::ranges::sort(all);
    return all.at(all.size() / 2);
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t events = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
    std::mt19937_64 chance(20140512);
    std::vector<node::indexed_text> texts;
    for (std::size_t i = 0; i < events; ++i) {
        texts.push_back({words(chance, 4), words(chance, 20), "Room " + std::to_string(i % 40),
                         words(chance, 3), i % 10 == 0 ? word(drawn(chance)) + ".pdf" : ""});
    }
    const double memory_before = resident_mb();
    const double begun = processor_ms();
    node::search_index index;
    for (std::size_t at = 0; at < events; at += 50) {
        std::vector<node::search_index::change> some;
        for (std::size_t i = at; i < std::min(events, at + 50); ++i) {
            some.push_back({event_id{user_id(), i}, texts[i]});
        }
        index.apply(some);
    }
    const double built = processor_ms() - begun;
    const double memory = resident_mb() - memory_before;
    std::vector<double> indexed, looked;
    std::size_t found = 0;
    constexpr int queries = 101;
    for (int i = 0; i < queries; ++i) {
        std::string typed = word(drawn(chance));
        if (i % 3 == 1) {
            typed += " " + word(drawn(chance));
        } else if (i % 3 == 2) {
            typed.resize(4);
        }
        double from = processor_ms();
        found +=
            index.find(*node::search_expression(typed), 50, [](const event_id&) { return true; })
                .size();
        indexed.push_back(processor_ms() - from);
        if (i % 10 == 0) {
            from = processor_ms();
            for (const auto& text : texts) {
                found += says(text, typed) ? 1 : 0;
            }
            looked.push_back(processor_ms() - from);
        }
    }
    fmt::print(
        R"({{"events":{},"build_ms":{:.0f},"index_mb":{:.0f},"queries":{},"median_ms":{:.2f},"p90_ms":{:.2f},"max_ms":{:.2f},"without_index_median_ms":{:.2f},"found":{}}})"
        "\n",
        events, built, memory, queries, median(indexed),
        [&] {
            std::ranges::sort(indexed);
            return indexed[queries * 9 / 10];
        }(),
        std::ranges::max(indexed), median(looked), found);
    return found > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
