// Key functions of the plugin interfaces, and what a strategy does where it has no opinion: type
// information and tables exist once, in libcalbox, and every plugin and program refers to those.
#include <algorithm>

#include <calbox/consensus.hpp>
#include <calbox/discovery.hpp>
#include <calbox/recovery.hpp>
#include <calbox/storage.hpp>

namespace calbox {

discovery::strategy::~strategy() = default;
void discovery::strategy::learn(const device_id&, outcome, context) {}
std::vector<discovery::migration> discovery::strategy::plan(const load&, const std::vector<load>&,
                                                            context) {
    return {};
}
std::uint32_t discovery::strategy::take(const load& me, const std::vector<load>&,
                                        std::uint32_t asked, context) {
    return std::min(asked, me.edges_max - std::min(me.edges, me.edges_max));
}
discovery::advice discovery::strategy::advise(const load&, const std::vector<load>&, context) {
    return advice::none;
}
consensus::referee::~referee() = default;
bool consensus::referee::is_last(byte_view) const { return false; }
consensus::strategy::~strategy() = default;
result<bytes> consensus::strategy::begins(const event_id&, const group&, context) const {
    return fail(errc::unsupported, "this strategy cannot go on with events of another one");
}
recovery::view::~view() = default;
recovery::listing_ptr recovery::view::list_with(const device_id&) const { return list(); }
bool recovery::view::keeps_numbers() const { return false; }
void recovery::view::each_stream(
    const device_id&, const std::function<void(const stream_id&, const number_ranges&)>&) const {}
void recovery::add_number(number_ranges& to, std::uint64_t number) {
    // The first range that ends at the number before it or later.
    auto at =
        std::ranges::lower_bound(to, number, {}, [](const auto& one) { return one.second + 1; });
    if (at == to.end() || number + 1 < at->first) {
        to.insert(at, {number, number});
        return;
    }
    at->first = std::min(at->first, number);
    at->second = std::max(at->second, number);
    if (const auto next = at + 1; next != to.end() && at->second + 1 == next->first) {
        at->second = next->second;
        to.erase(next);
    }
}
bool recovery::has_number(const number_ranges& all, std::uint64_t number) noexcept {
    const auto at =
        std::ranges::lower_bound(all, number, {}, [](const auto& one) { return one.second; });
    return at != all.end() && at->first <= number;
}
recovery::initiator::~initiator() = default;
recovery::strategy::~strategy() = default;
storage::record_store::~record_store() = default;
storage::blob_store::~blob_store() = default;
storage::backup::~backup() = default;
storage::store::~store() = default;
storage::strategy::~strategy() = default;

}  // namespace calbox
