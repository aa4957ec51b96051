// Key functions of the plugin interfaces: their type information and tables exist once, in
// libcalbox, and every plugin and program refers to those.
#include <calbox/consensus.hpp>
#include <calbox/discovery.hpp>
#include <calbox/recovery.hpp>
#include <calbox/storage.hpp>

namespace calbox {

discovery::strategy::~strategy() = default;
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
storage::store::~store() = default;
storage::strategy::~strategy() = default;

}  // namespace calbox
