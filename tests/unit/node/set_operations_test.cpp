// Attach, detach and answer over whole nodes: everybody does it at once and nobody is refused,
// while somebody edits they wait, and an editor's own text meets them afterwards.
#include "node/set_operations.hpp"

#include <gtest/gtest.h>

#include <set>

#include <boost/asio/co_spawn.hpp>

#include "support/test_network.hpp"

namespace calbox {
namespace {

using namespace std::chrono_literals;
using model::participation;
using node::event_state;
using node::set_retry;
using test::must;
using test::test_network;

// The policy
// -------------------------------------------------------------------------------------------------

TEST(set_retry_test, waits_longer_each_time_and_never_the_same) {
    test::seeded_random chance(1);
    for (const errc why : {errc::busy, errc::conflict}) {
        const duration most =
            why == errc::busy ? set_retry::busy_wait_max : set_retry::conflict_wait_max;
        set_retry policy(instant{}, 1h);
        duration span = set_retry::first_wait;
        std::set<duration> all;
        for (int i = 0; i < 30; ++i) {
            const auto wait = policy.after(why, instant{}, chance);
            ASSERT_TRUE(wait);
            EXPECT_GE(*wait, span / 2);
            EXPECT_LE(*wait, span);
            all.insert(*wait);
            span = std::min(span * 2, most);
        }
        EXPECT_EQ(all.size(), 30u);
    }
}

TEST(set_retry_test, tries_for_the_last_time_when_the_time_is_over) {
    test::seeded_random chance(1);
    set_retry policy(instant{10s}, 5ms);
    EXPECT_EQ(policy.after(errc::busy, instant{10s}, chance), 5ms);
    EXPECT_FALSE(policy.after(errc::busy, instant{10s} + 5ms, chance));
    EXPECT_FALSE(policy.after(errc::busy, instant{11s}, chance));
}

TEST(set_retry_test, waits_for_nothing_that_time_does_not_heal) {
    test::seeded_random chance(1);
    set_retry policy(instant{});
    for (const errc why : {errc::forbidden, errc::not_found, errc::offline, errc::unavailable,
                           errc::timed_out, errc::too_large, errc::ok}) {
        EXPECT_FALSE(policy.after(why, instant{}, chance)) << to_string(why);
    }
}

// Whole nodes
// -------------------------------------------------------------------------------------------------

template <class T>
using pending = std::shared_ptr<std::optional<T>>;

struct crowd : ::testing::TestWithParam<std::string> {
    explicit crowd(std::size_t people = 2) : net(1, GetParam()), hub(net.add_hub()) {
        const std::vector<std::string> names = {"alice", "bob",   "carol", "dave",
                                                "erin",  "frank", "grace", "heidi"};
        for (std::size_t i = 0; i < people; ++i) {
            all.push_back(&net.add_edge(names[i], hub));
            all.back()->sign_in(names[i]);
        }
        guests.assign(names.begin() + 1, names.begin() + static_cast<std::ptrdiff_t>(people));
        which = share(guest_right::standard);
    }
    event_id share(std::uint32_t rights) {
        node::event_draft draft;
        draft.title = "lecture";
        draft.start = "2026-05-04 14:00";
        draft.participants = guests;
        draft.guests_may = rights;
        const auto id = must(net.run(alice().api().events.create(alice().me(), draft))).id;
        net.until([&] {
            return std::ranges::all_of(
                all, [&](auto* one) { return one->api().events.show(one->me(), id).has_value(); });
        });
        return id;
    }
    test_network::device& alice() { return *all[0]; }
    test_network::device& bob() { return *all[1]; }
    node::event_view seen_by(test_network::device& who) {
        return must(who.api().events.show(who.me(), which));
    }
    std::set<std::string> files_seen_by(test_network::device& who) {
        std::set<std::string> names;
        for (const model::attachment& file : seen_by(who).content.files) {
            names.insert(file.name);
        }
        return names;
    }
    pending<result<node::file_view>> begin_attach(test_network::device& who,
                                                  const std::string& name,
                                                  node::attach_terms terms = false) {
        sources.push_back(std::make_unique<test::bytes_source>(to_bytes(as_bytes(who.called))));
        return net.begin(
            who.api().file.attach(who.me(), which, name, "image/jpeg", *sources.back(), terms));
    }
    template <class T>
    T ended(const pending<result<T>>& what, duration most = 1min) {
        net.until([&] { return what->has_value(); }, most);
        return must(std::move(**what));
    }
    errc refusal(const pending<result<node::file_view>>& what) {
        net.until([&] { return what->has_value(); });
        return **what ? errc::ok : (**what).error().code;
    }
    node::file_view attach(test_network::device& who, const std::string& name,
                           node::attach_terms terms = false) {
        return ended(begin_attach(who, name, terms));
    }
    result<node::event_view> change(test_network::device& who, node::event_draft what,
                                    node::edit_terms terms = {}) {
        return net.run(who.api().events.modify(who.me(), which, what, std::move(terms)));
    }
    result<node::event_view> answer(test_network::device& who, participation what) {
        return net.run(who.api().events.answer(who.me(), which, what));
    }
    void wait_for_version(version_number version) {
        net.until([&] {
            return std::ranges::all_of(all,
                                       [&](auto* one) { return seen_by(*one).version == version; });
        });
    }

    test_network net;
    test_network::device& hub;
    std::vector<test_network::device*> all;
    std::vector<std::string> guests;
    std::vector<std::unique_ptr<test::bytes_source>> sources;
    event_id which;
};

struct eight : crowd {
    eight() : crowd(8) {}
};
struct crowd_without_locks : crowd {};

const auto strategies = ::testing::Values("organizer", "views");
const auto name_of = [](const auto& one) { return one.param; };
INSTANTIATE_TEST_SUITE_P(strategies, crowd, strategies, name_of);
INSTANTIATE_TEST_SUITE_P(strategies, eight, strategies, name_of);
INSTANTIATE_TEST_SUITE_P(strategies, crowd_without_locks, ::testing::Values("naive"), name_of);

TEST_P(eight, drop_their_photos_at_once_and_all_are_there) {
    std::vector<pending<result<node::file_view>>> waiting;
    std::set<std::string> names;
    for (auto* one : all) {
        names.insert(one->called + ".jpg");
        waiting.push_back(begin_attach(*one, one->called + ".jpg"));
    }
    for (const auto& one : waiting) {
        ended(one);
    }
    wait_for_version(version_number(9));
    for (auto* one : all) {
        EXPECT_EQ(files_seen_by(*one), names);
    }
}

TEST_P(eight, drop_photos_of_one_name_detach_and_answer_at_once) {
    attach(alice(), "old.jpg");
    wait_for_version(version_number(2));
    std::vector<pending<result<node::file_view>>> photos;
    std::vector<pending<result<node::event_view>>> answers;
    std::vector<pending<result<void>>> detached;
    for (auto* one : all) {
        photos.push_back(begin_attach(*one, "IMG_1.jpg"));
        if (one != &alice()) {
            answers.push_back(
                net.begin(one->api().events.answer(one->me(), which, participation::accepted)));
        }
    }
    for (auto* one : {&alice(), &bob()}) {  // one of them finds it gone, which is as well
        detached.push_back(net.begin(one->api().file.detach(one->me(), which, "old.jpg")));
    }
    std::set<std::string> names;
    for (const auto& one : photos) {
        names.insert(ended(one, 2min).what.name);
    }
    EXPECT_EQ(names.size(), 8u);
    EXPECT_TRUE(names.contains("IMG_1.jpg"));
    for (const auto& one : answers) {
        ended(one, 2min);
    }
    for (const auto& one : detached) {
        ended(one, 2min);
    }
    wait_for_version(version_number(2 + 8 + 7 + 1));
    for (auto* one : all) {
        EXPECT_EQ(files_seen_by(*one), names);
        EXPECT_EQ(seen_by(*one).content.answers.size(), 7u);
    }
}

TEST_P(crowd, wait_for_whoever_edits) {
    const auto session = must(net.run(alice().api().lock.begin(alice().me(), which)));
    const auto waiting = begin_attach(bob(), "photo.jpg");
    const auto answered =
        net.begin(bob().api().events.answer(bob().me(), which, participation::tentative));
    net.world.advance(20s);
    EXPECT_FALSE(waiting->has_value());
    node::event_draft rename;
    rename.title = "renamed";
    must(change(alice(), rename, {session.version, session.id}));
    ended(waiting, 5s);
    ended(answered, 5s);
    wait_for_version(version_number(4));
    EXPECT_EQ(seen_by(alice()).content.title, "renamed");
    EXPECT_EQ(files_seen_by(alice()), std::set<std::string>{"photo.jpg"});
}

TEST_P(crowd, answer_once_more_and_nothing_is_written_once_it_is_sure) {
    must(answer(bob(), participation::accepted));
    wait_for_version(version_number(2));
    EXPECT_EQ(must(answer(bob(), participation::accepted)).version, version_number(2));
    must(net.run(alice().api().lock.begin(alice().me(), which)));
    const auto again =
        net.begin(bob().api().events.answer(bob().me(), which, participation::accepted));
    net.world.advance(5s);
    EXPECT_FALSE(again->has_value()) << "what she saves might say something else";
    must(alice().api().lock.release(alice().me(), which));
    EXPECT_EQ(ended(again).version, version_number(2));
}

TEST_P(crowd_without_locks, answers_once_more_by_what_is_shown) {
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(must(answer(bob(), participation::accepted)).version, version_number(2));
    }
}

TEST_P(crowd, are_told_who_edits_when_they_have_waited_for_a_minute) {
    must(net.run(alice().api().lock.begin(alice().me(), which)));
    const auto waiting = begin_attach(bob(), "photo.jpg");
    net.world.advance(55s);
    EXPECT_FALSE(waiting->has_value());
    net.until([&] { return waiting->has_value(); }, 20s);
    ASSERT_FALSE(**waiting);
    const error why = (**waiting).error();
    EXPECT_EQ(why.code, errc::busy);
    EXPECT_NE(why.detail.find("alice is editing since"), std::string::npos) << why.detail;
    EXPECT_TRUE(files_seen_by(bob()).empty());
}

TEST_P(crowd, attach_while_their_own_editor_is_open_and_save_both) {
    const auto session = must(net.run(bob().api().lock.begin(bob().me(), which)));
    attach(bob(), "photo.jpg");
    attach(bob(), "another.jpg");
    must(net.run(bob().api().file.detach(bob().me(), which, "another.jpg")));
    must(answer(bob(), participation::accepted));
    wait_for_version(version_number(5));
    // The editor goes on: others see it, and are kept out.
    net.until([&] { return seen_by(alice()).state == event_state::locked; }, 1s);
    net.world.advance(1min);
    EXPECT_EQ(seen_by(alice()).state, event_state::locked);
    node::event_draft rename;
    rename.title = "renamed";
    EXPECT_EQ(change(alice(), rename).error().code, errc::busy);
    // Its text was made from what the event was when it was opened.
    EXPECT_EQ(change(bob(), rename, {session.version, session.id}).error().code, errc::conflict);
    const auto met =
        must(net.run(bob().api().events.compare(bob().me(), which, rename, session.version)));
    EXPECT_EQ(met.base.version, session.version);
    EXPECT_TRUE(met.base.content.files.empty());
    EXPECT_EQ(met.mine, std::vector<std::string>{"title"});
    EXPECT_EQ(met.theirs, (std::vector<std::string>{"answers", "files"}));
    EXPECT_TRUE(met.both.empty());
    node::edit_terms both(session.version, session.id);
    both.merge = true;
    must(change(bob(), rename, both));
    wait_for_version(version_number(6));
    EXPECT_EQ(seen_by(alice()).content.title, "renamed");
    EXPECT_EQ(files_seen_by(alice()), std::set<std::string>{"photo.jpg"});
    EXPECT_EQ(seen_by(alice()).content.answers.at("bob"), participation::accepted);
}

TEST_P(crowd, whose_editor_is_closed_after_an_attach_free_the_event) {
    const auto session = must(net.run(bob().api().lock.begin(bob().me(), which)));
    attach(bob(), "photo.jpg");
    bob().api().lock.end(session.id);
    node::event_draft rename;
    rename.title = "renamed";
    net.until([&] { return change(alice(), rename).has_value(); }, 2s);
}

TEST_P(crowd, merge_what_does_not_meet_and_nothing_else) {
    node::event_draft mine, theirs;
    mine.title = "mine";
    mine.participants = std::vector<std::string>{"bob"};
    theirs.place = "Room 2";
    must(change(bob(), theirs));
    wait_for_version(version_number(2));
    node::edit_terms merging(version_number(1));
    EXPECT_EQ(change(alice(), mine, merging).error().code, errc::conflict);
    merging.merge = true;
    must(change(alice(), mine, merging));
    wait_for_version(version_number(3));
    EXPECT_EQ(seen_by(bob()).content.title, "mine");
    EXPECT_EQ(seen_by(bob()).content.place, "Room 2");
    // Both changed the title since version 1.
    mine.title = "mine again";
    const auto refused = change(bob(), mine, merging);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::conflict);
    EXPECT_NE(refused.error().detail.find("title"), std::string::npos) << refused.error().detail;
    EXPECT_EQ(
        must(net.run(bob().api().events.compare(bob().me(), which, mine, version_number(1)))).both,
        std::vector<std::string>{"title"});
    EXPECT_EQ(seen_by(bob()).version, version_number(3));
    // A version that never was here.
    merging.expect = version_number(77);
    EXPECT_EQ(change(bob(), mine, merging).error().code, errc::conflict);
    EXPECT_EQ(net.run(bob().api().events.compare(bob().me(), which, mine, version_number(77)))
                  .error()
                  .code,
              errc::not_found);
}

TEST_P(crowd, answer_whatever_else_they_may_do) {
    which = share(0);
    const auto before = alice().api().changes.last_number();
    const auto seen = must(answer(bob(), participation::tentative));
    EXPECT_EQ(seen.content.answers.at("bob"), participation::tentative);
    EXPECT_EQ(seen.content.participants, guests);
    wait_for_version(version_number(2));
    EXPECT_EQ(seen_by(alice()).content.answers.at("bob"), participation::tentative);
    const auto news = must(net.run(alice().api().changes.next(alice().me(), before)));
    EXPECT_TRUE(std::ranges::any_of(news, [](const node::change& one) {
        return one.what == "answered" && one.text == "bob accepted tentatively \"lecture\"";
    }));
    EXPECT_EQ(must(answer(bob(), participation::tentative)).version, version_number(2));
    must(answer(bob(), participation::declined));
    wait_for_version(version_number(3));
    // He declines, and takes part all the same, until he takes it from his calendar.
    EXPECT_EQ(seen_by(alice()).content.answers.at("bob"), participation::declined);
    EXPECT_EQ(seen_by(alice()).content.participants, guests);
    EXPECT_TRUE(seen_by(alice()).content.declined.empty());
    EXPECT_EQ(answer(alice(), participation::accepted).error().code, errc::invalid_argument);
    node::event_draft rename;
    rename.title = "his";
    EXPECT_EQ(change(bob(), rename).error().code, errc::forbidden);
    EXPECT_EQ(refusal(begin_attach(bob(), "a")), errc::forbidden);
    // An answer survives the organizer's edit, and goes with who gave it.
    rename.title = "hers";
    must(change(alice(), rename));
    wait_for_version(version_number(4));
    EXPECT_EQ(seen_by(bob()).content.answers.at("bob"), participation::declined);
    must(net.run(bob().api().events.remove(bob().me(), which, {})));
    net.until([&] { return seen_by(alice()).content.participants.empty(); });
    EXPECT_TRUE(seen_by(alice()).content.answers.empty());
    EXPECT_EQ(seen_by(alice()).content.declined, guests);
}

TEST_P(crowd, that_replace_one_file_at_once_keep_both) {
    const auto first = attach(alice(), "plan.pdf").what;
    wait_for_version(version_number(2));
    const auto by_alice = begin_attach(alice(), "plan.pdf", true);
    const auto by_bob = begin_attach(bob(), "plan.pdf", true);
    const auto a = ended(by_alice).what;
    const auto b = ended(by_bob).what;
    wait_for_version(version_number(4));
    const bool alice_first = a.name == "plan.pdf";
    EXPECT_EQ((alice_first ? b : a).name,
              alice_first ? "plan (bob, 2026-05-03).pdf" : "plan (alice, 2026-05-03).pdf");
    EXPECT_EQ((alice_first ? a : b).replaces, first.root);
    EXPECT_EQ(seen_by(bob()).content.files.size(), 2u);
    for (const auto& file : seen_by(bob()).content.files) {
        EXPECT_EQ(file.root, file.name == a.name ? a.root : b.root);
    }
    // Long after: bob has read the first one, and changed that.
    const auto late = attach(bob(), "plan.pdf", {true, first.root}).what;
    EXPECT_NE(late.name, "plan.pdf");
    // And what is replaced as it is, is replaced.
    const auto now = seen_by(bob()).content.files;
    const auto root = std::ranges::find(now, "plan.pdf", &model::attachment::name)->root;
    EXPECT_EQ(attach(bob(), "plan.pdf", {true, root}).what.name, "plan.pdf");
    // Nothing there to replace, and something there already.
    EXPECT_EQ(refusal(begin_attach(bob(), "none", true)), errc::not_found);
    EXPECT_EQ(refusal(begin_attach(bob(), "plan.pdf")), errc::already_exists);
}

TEST_P(crowd, who_signs_out_amid_his_edit_is_told_whether_it_was_saved) {
    std::map<errc, int> answers;
    for (std::size_t turns = 0; turns < 300 && answers[errc::ok] == 0; turns += 1 + turns / 8) {
        net.world.advance(1min);  // the registry lets nobody sign in all the time
        node::event_draft draft;
        draft.title = "edit " + std::to_string(turns);
        const auto edit = net.begin(alice().api().events.modify(alice().me(), which, draft, {}));
        for (std::size_t turn = 0; turn < turns; ++turn) {
            if (net.world.context.poll_one() == 0) {
                net.world.advance(1ms);
            }
        }
        const auto left = net.begin(alice().api().account.sign_out(alice().me()));
        net.until([&] { return edit->has_value() && left->has_value(); });
        must(net.run(alice().api().account.sign_in("alice", "a long password of alice", false)));
        net.until([&] { return alice().api().events.show(alice().me(), which).has_value(); });
        net.world.advance(1s);
        const errc answer = **edit ? errc::ok : (**edit).error().code;
        const bool saved = answer == errc::ok || answer == errc::timed_out;
        EXPECT_EQ(seen_by(alice()).content.title == *draft.title, saved) << to_string(answer);
        ++answers[answer];
    }
    EXPECT_EQ(answers.size(), 3u);
    EXPECT_GT(answers[errc::ok], 0);
    EXPECT_GT(answers[errc::timed_out], 0);
    EXPECT_GT(answers[errc::unauthorised], 0);
}

}  // namespace
}  // namespace calbox
