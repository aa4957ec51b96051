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
void recovery::view::each_with(
    const device_id&,
    const std::function<bool(const event_id&, const envelope_order&)>& visit) const {
    each(visit);
}
recovery::initiator::~initiator() = default;
recovery::strategy::~strategy() = default;
storage::record_store::~record_store() = default;
storage::blob_store::~blob_store() = default;
storage::backup::~backup() = default;
storage::store::~store() = default;
storage::strategy::~strategy() = default;

}  // namespace calbox
