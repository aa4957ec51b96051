// What the tests of the lessor share: plain ids, a book and a strategy that do as they are told.
#pragma once

#include "overlay/lessor.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/numbered_devices.hpp"
#include "support/test_environment.hpp"
#include "unit/overlay/effects.hpp"

namespace calbox::overlay {

using namespace std::chrono_literals;

inline user_id user(unsigned n) {
    user_id id;
    id.value[0] = static_cast<std::uint8_t>(n >> 8);
    id.value[1] = static_cast<std::uint8_t>(n);
    return id;
}

class plain_book final : public address_book {
public:
    std::optional<wire::location> find(const device_id& id) const override {
        const auto found = known.find(id);
        return found == known.end() ? std::nullopt : std::optional(found->second);
    }
    std::vector<device_id> holders(std::uint32_t roles) const override {
        std::vector<device_id> found;
        for (const auto& [id, where] : known) {
            if ((where.roles & roles) != 0) {
                found.push_back(id);
            }
        }
        return found;
    }
    std::vector<device_id> leased_from(const device_id& rendezvous) const override {
        std::vector<device_id> found;
        for (const auto& [id, where] : known) {
            if (where.online && where.relay == rendezvous && id != rendezvous) {
                found.push_back(id);
            }
        }
        return found;
    }
    std::vector<wire::location> of_users(const std::vector<user_id>& users) const override {
        std::vector<wire::location> found;
        for (const auto& [id, where] : known) {
            if (std::ranges::any_of(where.users, [&](const user_id& one) {
                    return std::ranges::count(users, one) > 0;
                })) {
                found.push_back(where);
            }
        }
        return found;
    }
    bool note(wire::location what) override {
        const auto before = find(what.device);
        known[what.device] = what;
        return !before || before->online != what.online;
    }
    bool note_offline(const device_id& id) override {
        const auto found = known.find(id);
        return found != known.end() && std::exchange(found->second.online, false);
    }
    std::map<device_id, wire::location> known;
};

/// Admits while there is room, then redirects to whoever was heard of, else says busy.
class plain final : public discovery::strategy {
public:
    std::vector<std::size_t> order(const std::vector<discovery::candidate>&,
                                   discovery::context) override {
        return {};
    }
    std::size_t choose(const std::vector<discovery::offer>&, discovery::context) override {
        return 0;
    }
    discovery::admission admit(const discovery::load& me, const std::vector<discovery::load>& all,
                               discovery::context) override {
        discovery::admission answer;
        if (me.edges < me.edges_max) {
            return answer;
        }
        for (const discovery::load& one : all) {
            answer.others.push_back(one.device);
        }
        answer.what = all.empty() ? discovery::admission::verdict::busy
                                  : discovery::admission::verdict::redirect;
        answer.retry_after = 7s;
        return answer;
    }
    std::vector<discovery::migration> plan(const discovery::load&,
                                           const std::vector<discovery::load>&,
                                           discovery::context) override {
        return planned;
    }
    std::vector<discovery::migration> planned;
    std::uint32_t take(const discovery::load&, const std::vector<discovery::load>&,
                       std::uint32_t asked, discovery::context) override {
        return asked;
    }
};

inline constexpr unsigned me = 1000, other = 1001, third = 1002;

class lessor_test : public testing::Test {
protected:
    lessor make(std::uint32_t edges_max) { return make({edges_max, 10s, 1'000'000, 1'000'000}); }
    lessor make(lessor::settings with) { return {strategy, entropy, book, device(me), with}; }
    static wire::location edge(unsigned n, std::vector<user_id> users = {}) {
        return {device(n), wire::role::edge, {}, {}, true, std::move(users)};
    }
    void rendezvous(unsigned n) {
        book.known[device(n)] = {device(n), wire::role::rendezvous, {}, device(n), true, {}};
    }
    /// How many pieces of news go to whom.
    static std::map<device_id, std::size_t> told(const lessor::effects& all) {
        std::map<device_id, std::size_t> count;
        for (const lessor::tell& one : only<lessor::tell>(all)) {
            for (const device_id& to : one.to) {
                count[to] += one.about.size();
            }
        }
        return count;
    }

    test::seeded_random entropy{7};
    plain strategy;
    plain_book book;
    instant now{1h};
};

}  // namespace calbox::overlay
